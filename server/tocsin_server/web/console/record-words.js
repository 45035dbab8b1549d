// What the fields of a record are called, and the codes that some of them hold. What is not here is
// shown as it is on record.

import { fromServer } from "./from-server.js";
import { t } from "./language.js";
import { nameInWords } from "./words.js";

const FIELDS = {
  age_exact: t("age exact"),
  attempt: t("attempt"),
  because: t("because"),
  by: t("by"),
  cause: t("cause"),
  drill: t("drill"),
  error: t("error"),
  for: t("for"),
  from: t("from"),
  gesture: t("gesture"),
  gestures: t("gestures"),
  holder: t("holder"),
  kind: t("kind"),
  method: t("method"),
  note: t("note"),
  outcome: t("outcome"),
  path: t("path"),
  people: t("people"),
  place: t("place"),
  press_id: t("press id"),
  press_ids: t("press ids"),
  pressed_at: t("pressed at"),
  purpose: t("purpose"),
  received_at: t("received at"),
  remarks: t("remarks"),
  remedy: t("remedy"),
  retry_s: t("retry s"),
  seconds_ago: t("seconds ago"),
  seq: t("seq"),
  status: t("status"),
  texted_to: t("texted to"),
  tier: t("tier"),
  to: t("to"),
  tries: t("tries"),
  unanswered: t("unanswered"),
  until: t("until"),
  what: t("what"),
  why: t("why"),
};

const METHODS = {
  sms: t("sms"),
  voice: t("voice"),
  push: t("push"),
  email: t("email"),
  apprise: t("apprise"),
};

const GESTURES = { press: t("press"), hold: t("hold"), double: t("double") };

const CODES = {
  gesture: GESTURES,
  gestures: GESTURES,
  from: METHODS,
  method: METHODS,
  kind: {
    duress: t("duress"),
    assist: t("assist"),
    tamper: t("tamper"),
    cancel: t("cancel"),
    test: t("test"),
  },
  purpose: {
    page: t("page"),
    stand_down: t("stand_down"),
    hand_over: t("hand_over"),
    ask: t("ask"),
    officer: t("officer"),
  },
  outcome: {
    actual: t("actual"),
    false_alarm: t("false_alarm"),
    test: t("test"),
    unknown: t("unknown"),
  },
  path: { console: t("console"), link: t("link"), call: t("call"), sms: t("sms") },
  why: { silent: t("silent"), more_help: t("more_help") },
  status: {
    accepted: t("accepted"),
    queued: t("queued"),
    sending: t("sending"),
    sent: t("sent"),
    delivered: t("delivered"),
    undelivered: t("undelivered"),
    read: t("read"),
    failed: t("failed"),
    initiated: t("initiated"),
    ringing: t("ringing"),
    "in-progress": t("in-progress"),
    busy: t("busy"),
    "no-answer": t("no-answer"),
    canceled: t("canceled"),
    completed: t("completed"),
  },
};
// What the server says there in sentences.
const SENTENCES = new Set(["error", "remarks"]);

export const fieldInWords = (name) => FIELDS[name] ?? name.replaceAll("_", " ");

export function codeInWords(name, code) {
  return SENTENCES.has(name) ? fromServer(code) : (CODES[name]?.[code] ?? code);
}

export function gestureInWords({ gesture, kind }) {
  return nameInWords(codeInWords("gesture", gesture ?? kind ?? "press"));
}
