// The words of this page for what the server calls by name.

const METHODS = {
  sms: { how: "text", said: "Text" },
  voice: { how: "call", said: "Call" },
  push: { how: "push", said: "Push" },
  email: { how: "e-mail", said: "E-mail" },
  apprise: { how: "another service", said: "Another service" },
};

export const METHOD_NAMES = Object.keys(METHODS);
export const ROLES = ["dispatcher", "supervisor", "responder", "facilities", "auditor", "administrator"];
export const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
export const KINDS = {
  duress: "duress",
  assist: "assistance without danger",
  tamper: "an opened case",
  test: "test presses",
};

export const methodOf = (method) => METHODS[method] ?? { how: method, said: method };

const ROLE_MEANS = {
  dispatcher: "takes alerts",
  supervisor: "takes alerts, and plans who answers",
  responder: "answers by phone alone",
  facilities: "keeps the buttons, and sees drills alone",
  auditor: "reads the record",
  administrator: "may do everything",
};
export const roleMeans = (role) => ROLE_MEANS[role] ?? "";

// "text and call at once, then e-mail"
export function toldInWords({ by, then }) {
  const how = (methods) => methods.map((each) => methodOf(each).how);
  const first = listInWords(how(by)) + (by.length > 1 ? " at once" : "");
  return [first, ...how(then)].filter(Boolean).join(", then ");
}

export function listInWords(parts) {
  if (parts.length < 2) return parts.join("");
  return `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

// What to do about somebody whom nothing reaches.
const REMEDIES = [
  [/opted out/, "Have them text START to the number that texts them, or add another contact."],
  [/no contact/, "Add a number or an address."],
  [/confirmed yet/, "Have them reply with the code, send a new one, or vouch for it."],
  [/account has ended/, "Give them a later last day, or name somebody else in the policy."],
  [/quiet/, "It ends by itself."],
];

export function remedyOf(why) {
  const found = REMEDIES.find(([pattern]) => pattern.test(why));
  return found ? found[1] : "Ask them which number works, and add it.";
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
const days = new Intl.DateTimeFormat("en-US", {
  timeZone: "UTC",
  weekday: "short",
  month: "short",
  day: "numeric",
});

export const dayInWords = (day) => days.format(new Date(`${day}T00:00:00Z`));

// Where a policy holds: "at Carver Branch Library", "for assistance … at every site".
export function choiceInWords({ site, kind }) {
  const where = site ? `at ${site}` : "at every site";
  return kind ? `for ${KINDS[kind] ?? kind}, ${where}` : where;
}

export function holdsInWords({ is_default, choices }) {
  const chosen = choices.map(choiceInWords);
  if (is_default) {
    const besides = chosen.length ? `; also ${chosen.join("; ")}` : "";
    return `Holds wherever no other policy is chosen${besides}.`;
  }
  return chosen.length ? `Holds ${chosen.join("; ")}.` : "Holds nowhere yet: it tells nobody.";
}
