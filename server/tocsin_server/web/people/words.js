// The words of this page for what the server calls by name.

import { fromServer } from "../console/from-server.js";
import { locale, t } from "../console/language.js";

const METHODS = {
  sms: { how: t("text"), said: t("Text") },
  voice: { how: t("call"), said: t("Call") },
  push: { how: t("push"), said: t("Push") },
  email: { how: t("e-mail"), said: t("E-mail") },
  apprise: { how: t("another service"), said: t("Another service") },
};

const ROLES = {
  dispatcher: t("takes alerts"),
  supervisor: t("takes alerts, and plans who answers"),
  responder: t("answers by phone alone"),
  facilities: t("keeps the buttons, and sees drills alone"),
  auditor: t("reads the record"),
  administrator: t("may do everything"),
};

const WEEKDAYS = {
  Mon: t("Mon"),
  Tue: t("Tue"),
  Wed: t("Wed"),
  Thu: t("Thu"),
  Fri: t("Fri"),
  Sat: t("Sat"),
  Sun: t("Sun"),
};

export const METHOD_NAMES = Object.keys(METHODS);
export const ROLE_NAMES = Object.keys(ROLES);
export const DAYS = Object.keys(WEEKDAYS);
export const KINDS = {
  duress: t("duress"),
  assist: t("assistance without danger"),
  tamper: t("an opened case"),
  test: t("test presses"),
};

export const methodOf = (method) => METHODS[method] ?? { how: method, said: method };
export const roleMeans = (role) => ROLES[role] ?? "";
export const weekdayInWords = (day) => WEEKDAYS[day] ?? day;

// "text and call at once, then e-mail"
export function toldInWords({ by, then }) {
  const how = (methods) => methods.map((each) => methodOf(each).how);
  const methods = listInWords(how(by));
  const first = by.length > 1 ? t("{methods} at once", { methods }) : methods;
  const [said = "", ...next] = [first, ...how(then)].filter(Boolean);
  return next.reduce((before, method) => t("{before}, then {method}", { before, method }), said);
}

export function listInWords(parts) {
  if (parts.length < 2) return parts.join("");
  return t("{others} and {last}", { others: parts.slice(0, -1).join(", "), last: parts.at(-1) });
}

// Why nothing reaches somebody, by the server's own words, and what to do about it.
const REASONS = {
  "opted out: this number has texted STOP": {
    said: t("opted out: this number has texted STOP"),
    remedy: t("Have them text START to the number that texts them, or add another contact."),
  },
  "they have no contact": {
    said: t("they have no contact"),
    remedy: t("Add a number or an address."),
  },
  "nobody has confirmed yet that a message reaches them": {
    said: t("nobody has confirmed yet that a message reaches them"),
    remedy: t("Have them reply with the code, send a new one, or vouch for it."),
  },
  "their account has ended": {
    said: t("their account has ended"),
    remedy: t("Give them a later last day, or name somebody else in the policy."),
  },
  "they want quiet at this hour": {
    said: t("they want quiet at this hour"),
    remedy: t("It ends by itself."),
  },
};

export const reasonInWords = (why) => REASONS[why]?.said ?? fromServer(why);
export const remedyOf = (why) => REASONS[why]?.remedy ?? t("Ask them which number works, and add it.");

// Who or what says that a contact is right: "a code", or "Maya Brooks, who vouches for it".
export function verifierInWords(by) {
  const [, name] = /^(.*), who vouches for it$/.exec(by) ?? [];
  if (name) return t("{name}, who vouches for it", { name });
  return by === "a code" ? t("a code") : by;
}

// Why nothing reaches a person of the list, by the same rules as the server's; null: something does.
export function whyUnreachable(person) {
  if (person.has_ended) return "their account has ended";
  if (person.contacts.some(counts)) return null;
  if (person.contacts.length === 0) return "they have no contact";
  const failing = person.contacts.find((each) => each.unreachable);
  return failing?.unreachable ?? "nobody has confirmed yet that a message reaches them";
}

export const counts = (contact) => contact.verified_at !== null && contact.unreachable === null;

export function secondsInWords(s) {
  if (s < 90) return `${s} s`;
  const minutes = Math.floor(s / 60);
  return s % 60 ? `${minutes} min ${s % 60} s` : `${minutes} min`;
}

// A day as the server writes it, 2026-11-03.
const days = new Intl.DateTimeFormat(locale, {
  timeZone: "UTC",
  weekday: "short",
  month: "short",
  day: "numeric",
});

export const dayInWords = (day) => days.format(new Date(`${day}T00:00:00Z`));

// Where a policy holds: "at Carver Branch Library", "for assistance … at every site".
export function choiceInWords({ site, kind }) {
  if (!kind) return site ? t("at {site}", { site }) : t("at every site");
  const said = { kind: KINDS[kind] ?? kind, site };
  return site ? t("for {kind}, at {site}", said) : t("for {kind}, at every site", said);
}

export function holdsInWords({ is_default, choices }) {
  const where = choices.map(choiceInWords).join("; ");
  if (is_default) {
    return where
      ? t("Holds wherever no other policy is chosen; also {where}.", { where })
      : t("Holds wherever no other policy is chosen.");
  }
  return where ? t("Holds {where}.", { where }) : t("Holds nowhere yet: it tells nobody.");
}
