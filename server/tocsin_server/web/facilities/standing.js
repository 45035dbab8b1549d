// What to make of a button: one word for how it stands, what that means, and what to do now.
//
// A button is armed once somebody has answered a press of it; whatever is wrong with it goes before
// that. An unknown state is not known to be well.

import { t } from "../console/language.js";
import { counted, monthAndDayInWords } from "../console/words.js";

// The gravest first.
export const STANDINGS = [
  {
    name: "lost",
    mark: "✗",
    said: t("LOST"),
    counted: (n) => t("{n} LOST", { n }),
    means: t("A press here would not arrive."),
    todo: t(
      "Tell the people in this room to call 911 by phone. Then look: is it plugged in, is the network" +
        " up? When it is back, prove it again.",
    ),
  },
  {
    name: "late",
    mark: "!",
    said: t("SILENT"),
    counted: (n) => t("{n} silent", { n }),
    means: t("It has not been heard for longer than it should be."),
    todo: t("Wait half a minute: it comes back, or it is called lost."),
  },
  {
    name: "doubtful",
    mark: "?",
    said: t("PLACE DOUBTFUL"),
    counted: (n) => t("{n} with a doubtful place", { n }),
    means: t("It is heard in another network than where its place was confirmed."),
    todo: t(
      "Walk there and look. If it is in another room now, move it on its page; if not, confirm that it" +
        " is here. Then prove it again.",
    ),
  },
  {
    name: "ill",
    mark: "!",
    said: t("FAULT"),
    counted: (n) => t("{n} with a fault", { n }),
    means: t("It is heard, but something is wrong with it."),
    todo: t("See to it today, and prove it again afterwards."),
  },
  {
    name: "never_heard",
    mark: "?",
    said: t("NOT CONNECTED YET"),
    counted: (n) => t("{n} not connected yet", { n }),
    means: t("Nothing was ever heard of it, so a press would not arrive."),
    todo: t("Is it plugged in, and is its network up? Until it is connected, nobody may rely on it."),
  },
  {
    name: "unproven",
    mark: "○",
    said: t("NOT PROVEN YET"),
    counted: (n) => t("{n} not proven yet", { n }),
    means: t("It is connected, but nobody has answered a press of it where it is."),
    todo: t("Prove it before anybody relies on it: in a drill, press it, and acknowledge."),
  },
  {
    name: "armed",
    mark: "✓",
    said: t("Armed"),
    counted: (n) => (n === 1 ? t("1 armed") : t("{n} armed", { n })),
    means: "",
    todo: "",
  },
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
    total: counted(devices.length, t("button"), t("buttons")),
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
    const since = monthAndDayInWords(midnight_ms + HALF_A_DAY_MS, time_zone);
    return t("Overdue since {since}: prove it again", { since });
  }
  if (device.proof === "due") {
    const day = monthAndDayInWords(midnight_ms - HALF_A_DAY_MS, time_zone);
    return t("To be proven again by {day}", { day });
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
  if (many === 0) return null;
  return many === 1
    ? t("False alarms repeat at 1 button")
    : t("False alarms repeat at {n} buttons", { n: many });
}
