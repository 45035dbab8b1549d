// What to make of a button: one word for how it stands, what that means, and what to do now.
//
// A button is armed once somebody has answered a press of it; whatever is wrong with it goes before
// that. An unknown state is not known to be well.

import { counted, monthAndDayInWords } from "../console/words.js";

// The gravest first.
export const STANDINGS = [
  {
    name: "lost",
    mark: "✗",
    said: "LOST",
    counted: "LOST",
    means: "A press here would not arrive.",
    todo: "Tell the people in this room to call 911 by phone. Then look: is it plugged in, is the network up? When it is back, prove it again.",
  },
  {
    name: "late",
    mark: "!",
    said: "SILENT",
    counted: "silent",
    means: "It has not been heard for longer than it should be.",
    todo: "Wait half a minute: it comes back, or it is called lost.",
  },
  {
    name: "doubtful",
    mark: "?",
    said: "PLACE DOUBTFUL",
    counted: "with a doubtful place",
    means: "It is heard in another network than where its place was confirmed.",
    todo: "Walk there and look. If it is in another room now, move it on its page; if not, confirm that it is here. Then prove it again.",
  },
  {
    name: "ill",
    mark: "!",
    said: "FAULT",
    counted: "with a fault",
    means: "It is heard, but something is wrong with it.",
    todo: "See to it today, and prove it again afterwards.",
  },
  {
    name: "never_heard",
    mark: "?",
    said: "NOT CONNECTED YET",
    counted: "not connected yet",
    means: "Nothing was ever heard of it, so a press would not arrive.",
    todo: "Is it plugged in, and is its network up? Until it is connected, nobody may rely on it.",
  },
  {
    name: "unproven",
    mark: "○",
    said: "NOT PROVEN YET",
    counted: "not proven yet",
    means: "It is connected, but nobody has answered a press of it where it is.",
    todo: "Prove it before anybody relies on it: in a drill, press it, and acknowledge.",
  },
  { name: "armed", mark: "✓", said: "Armed", counted: "armed", means: "", todo: "" },
];

export const ORDER = new Intl.Collator(undefined, { numeric: true }); // table 2 before table 10
const RANKS = new Map(STANDINGS.map((standing, rank) => [standing.name, rank]));

export function standingOf(device) {
  return STANDINGS[RANKS.get(nameOf(device))];
}

function nameOf(device) {
  if (device.state === "never_heard" || device.state === "late") return device.state;
  if (device.state !== "ok") return "lost";
  if (device.place_doubtful_since) return "doubtful";
  if (device.health?.length) return "ill";
  return device.last_proven_at ? "armed" : "unproven";
}

export function rankOf(device) {
  return RANKS.get(nameOf(device));
}

// Of a list of buttons: how many there are, and how many stand how, the good news first.
export function census(devices) {
  const of = (name) => devices.filter((device) => nameOf(device) === name).length;
  const parts = STANDINGS.map((standing) => ({ ...standing, count: of(standing.name) }));
  return {
    total: counted(devices.length, "button", "buttons"),
    parts: parts.filter((part) => part.count > 0).reverse(),
    worst: devices.length ? Math.min(...devices.map(rankOf)) : STANDINGS.length,
  };
}

// By the rule of the jurisdiction; it is no fault of the button.
export function overdueCount(devices) {
  return devices.filter((device) => device.proof === "overdue").length;
}

const HALF_A_DAY_MS = 12 * 3_600_000;

// `prove_by` is a midnight of the jurisdiction: half a day to either side there is no doubt which day.
export function dueInWords(device, time_zone) {
  const midnight_ms = Date.parse(device.prove_by);
  if (device.proof === "overdue") {
    return `Overdue since ${monthAndDayInWords(midnight_ms + HALF_A_DAY_MS, time_zone)}: prove it again`;
  }
  if (device.proof === "due") {
    return `To be proven again by ${monthAndDayInWords(midnight_ms - HALF_A_DAY_MS, time_zone)}`;
  }
  return null;
}

export function byTrouble(one, other) {
  return rankOf(one) - rankOf(other) || ORDER.compare(placeOf(one), placeOf(other));
}

// Where it is, in one line; a button that nobody has placed goes by its name.
export function placeOf(device) {
  return [device.room, spotOf(device)].filter(Boolean).join(", ") || device.device_id;
}

export function spotOf(device) {
  return device.label && device.label !== device.device_id ? device.label : null;
}

// False alarms are no state of a button, but somebody has to see to it.
export function repeatedInWords(ledgers, devices) {
  const many = devices.filter((device) => ledgers.get(device.device_id)?.warning).length;
  return many ? `False alarms repeat at ${counted(many, "button", "buttons")}` : null;
}
