// What is to be heard now, decided without the clock, the page or the loudspeaker.
//
// Of what calls for this person the gravest gives the sound, and whatever has waited longest among
// its kind gives the urgency. A drill sounds like the real thing: it takes the real path.

import { isLoud, wantOf } from "./wants.js";

// Enough for somebody to look and press a key; then twice as long.
const MORE_URGENT_MS = [30_000, 60_000];
const GRAVEST_FIRST = ["duress", "tamper", "assist"];

// `alerts` and `held` (presses not yet stored) as a situation has them. Null: silence. Urgency: 0, 1, 2.
export function alarmOf({ alerts, held, name, now_ms }) {
  const calling = [...alerts.values()].filter((alert) => isLoud(wantOf(alert, name)));
  const all = [
    ...calling.map((alert) => ({ kind: soundKind(alert), since: since(alert, name) })),
    ...[...held.values()].map((each) => ({ kind: soundKind(each), since: each.pressed_at })),
  ];
  const kind = GRAVEST_FIRST.find((each) => all.some((one) => one.kind === each));
  if (kind === undefined) return null;
  const same = all.filter((each) => each.kind === kind);
  const waited_ms = now_ms - Math.min(...same.map((each) => Date.parse(each.since)));
  return { kind, urgency: MORE_URGENT_MS.filter((limit_ms) => waited_ms >= limit_ms).length };
}

// A kind that this page does not know may be as grave as any.
function soundKind({ kind }) {
  return GRAVEST_FIRST.includes(kind) ? kind : "duress";
}

// What somebody has already has waited only since it calls again.
function since(alert, name) {
  return wantOf(alert, name) === "take" ? alert.pressed_at : (alert.asked_at ?? alert.again_at);
}
