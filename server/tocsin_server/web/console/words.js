// The words people use, for what the server calls by name. An unknown name is shown as it is.

import { serverNow } from "./clock.js";
import { locale, t } from "./language.js";

const KINDS = {
  duress: t("Duress"),
  assist: t("Assistance, no danger"),
  tamper: t("Tamper: case opened"),
  cancel: t("Cancel without a press"),
  test: t("Test press"),
};

const METHODS = {
  sms: t("text message"),
  voice: t("phone call"),
  push: t("push message"),
  email: t("e-mail"),
  apprise: t("chat or pager"),
};

const PURPOSES = {
  page: "",
  stand_down: t("stand-down"),
  hand_over: t("offered to them"),
  ask: t("asked whether they still have it"),
  officer: t("a link, to go there"),
};

const NOTIFICATIONS = {
  pending: { said: t("waiting to be sent"), mark: "…" },
  sending: { said: t("being sent"), mark: "…" },
  accepted: { said: t("taken by the service, not yet seen by anybody"), mark: "…" },
  delivered: { said: t("seen by somebody"), mark: "✓" },
  undelivered: { said: t("NOT DELIVERED"), mark: "✗" },
  failed: { said: t("COULD NOT BE SENT"), mark: "✗" },
  withdrawn: { said: t("not sent, no longer needed"), mark: "–" },
  declined: { said: t("passed it on"), mark: "→" },
};

// Where a method has words of its own for what became of a message.
const NOTIFICATIONS_BY = {
  sms: {
    accepted: { said: t("with the carrier, not yet on the phone"), mark: "…" },
    delivered: { said: t("on the phone"), mark: "✓" },
  },
  voice: {
    pending: { said: t("about to be called"), mark: "…" },
    sending: { said: t("being called"), mark: "…" },
    accepted: { said: t("the phone rings, or somebody listens"), mark: "…" },
    delivered: { said: t("heard by somebody"), mark: "✓" },
    undelivered: { said: t("NO ANSWER"), mark: "✗" },
    failed: { said: t("COULD NOT BE CALLED"), mark: "✗" },
    withdrawn: { said: t("call ended, no longer needed"), mark: "–" },
  },
};

// What an alert wants of the person before this screen.
const WANTS = {
  take: {
    button: t("Acknowledge"),
    busy: t("Acknowledging…"),
    key: t("acknowledges this one"),
    aloud: "",
  },
  take_over: {
    button: t("Take it over"),
    busy: t("Taking it over…"),
    key: t("takes this one over"),
    aloud: t(", help is wanted again"),
  },
  still: {
    button: t("Still yours? Yes"),
    busy: t("Saying so…"),
    key: t("says that you still have this one"),
    aloud: t(", is it still yours?"),
  },
  offered: {
    button: t("Take it"),
    busy: t("Taking it…"),
    key: t("takes this one, which is offered to you"),
    aloud: t(", offered to you"),
  },
};

const ROLES = {
  dispatcher: t("dispatcher"),
  supervisor: t("supervisor"),
  responder: t("responder"),
  facilities: t("facilities"),
  auditor: t("auditor"),
  administrator: t("administrator"),
};

const OUTCOMES = {
  actual: t("Actual emergency"),
  false_alarm: t("False alarm"),
  test: t("Test"),
  unknown: t("Unknown"),
};

const STATES = {
  open: t("Not acknowledged"),
  acknowledged: t("Acknowledged"),
  responding: t("Responding"),
  resolved: t("Resolved"),
};

const DEVICE_STATES = {
  lost: { said: t("LOST"), mark: "✗", means: t("a press here would not arrive") },
  late: { said: t("LATE"), mark: "!", means: t("silent for longer than it should be") },
  doubtful: { said: t("PLACE DOUBTFUL"), mark: "!", means: "" },
  fault: { said: t("FAULT"), mark: "!", means: "" },
  never_heard: { said: t("NEVER HEARD"), mark: "?", means: t("not working yet") },
  ok: { said: t("Working"), mark: "✓", means: "" },
};

const EVENTS = {
  pressed: t("Pressed"),
  pressed_again: t("Pressed again"),
  cancelled_at_button: t("Cancelled at button"),
  shown: t("Painted on a screen"),
  tier_told: t("A tier is told"),
  nobody_to_tell: t("Nobody to tell"),
  decision_restored: t("It had no next step, and was given one"),
  notification_accepted: t("Message or call under way"),
  notification_delivered: t("Message or call arrived"),
  notification_undelivered: t("Message or call did NOT arrive"),
  notification_failed: t("Message or call COULD NOT BE SENT"),
  paged_from_memory: t("Told without the database"),
  acknowledged: t("Acknowledged"),
  acknowledged_late: t("A later answer, after somebody already had it"),
  taken_over: t("Taken over"),
  still_has_it: t("Says that they still have it"),
  holder_asked: t("Whoever has it is asked whether they still do"),
  climbs_again: t("Others are told again"),
  escalated_now: t("The next tier is wanted at once"),
  offered: t("Offered to a colleague"),
  passed_on: t("Passed it on"),
  next_method: t("Their next contact is tried"),
  responding: t("Responding"),
  on_scene: t("On scene"),
  resolved: t("Resolved"),
  stood_down: t("Stood down"),
  made_actual: t("Declared real"),
  noted: t("Note"),
  muted: t("Somebody muted their screens"),
  officer_link_made: t("A link is made for an officer"),
  officer_link_opened: t("The officer’s link is opened"),
  officer_link_revoked: t("The officer’s link is taken back"),
  false_alarm_explained: t("Why it was a false alarm"),
  pressed_at_refined: t("Time of the press made more exact"),
};

const NETWORKS = { ethernet: t("cable"), wifi: t("Wi-Fi"), cellular: t("cellular") };

function asItIs(name) {
  return String(name ?? t("unknown")).replaceAll("_", " ");
}

export const kindInWords = (kind) => KINDS[kind] ?? asItIs(kind);
export const methodInWords = (method) => METHODS[method] ?? asItIs(method);
export const purposeInWords = (purpose) => PURPOSES[purpose] ?? asItIs(purpose);
export const roleInWords = (role) => ROLES[role] ?? asItIs(role);
export const outcomeInWords = (outcome) => OUTCOMES[outcome] ?? asItIs(outcome);
export const stateInWords = (state) => STATES[state] ?? asItIs(state);
export const networkInWords = (network) => NETWORKS[network] ?? asItIs(network);
export const outcomes = Object.keys(OUTCOMES);
export const kinds = Object.keys(KINDS);

export const wantInWords = (want) => WANTS[want];

// Where an alert stands, in as few words as fit on its head.
export function standingInWords(alert, want) {
  if (alert.state === "resolved") return stateInWords(alert.state);
  if (alert.again_at) return alert.again_why === "silent" ? t("No answer") : t("More help wanted");
  if (want === "still") return t("Still yours?");
  if (want === "offered") return t("Offered to you");
  return alert.on_scene_at ? t("On scene") : stateInWords(alert.state);
}

// Only of a page somebody might think that its arrival is an answer.
export function notificationInWords({ method, state, purpose }) {
  const unknown = { said: asItIs(state), mark: "?" };
  const known = NOTIFICATIONS_BY[method]?.[state] ?? NOTIFICATIONS[state] ?? unknown;
  if (state !== "delivered" || purpose !== "page") return known;
  return { ...known, said: t("{said} (not an answer)", known) };
}

export function deviceStateInWords(state) {
  return DEVICE_STATES[state] ?? { said: asItIs(state), mark: "?", means: "" };
}

export function networkChangedInWords(site, buttons) {
  return t(
    "The network at {site} changed, for {buttons}: was the router or switch replaced? If so, confirm it" +
      " once for all of them: tocsin site network-confirm. If not, they may have been moved together:" +
      " walk there and look.",
    { site, buttons: counted(buttons, t("button"), t("buttons")) },
  );
}

// What is wrong with a button is on the screens, and nobody is called about it now: why not.
export function quietInWords(device, time_zone) {
  if (device.maintenance_until) {
    return t(
      "Maintenance until {at}: nobody is texted about this button. An alert of it is as loud as ever.",
      { at: dayAndTimeInWords(device.maintenance_until, time_zone) },
    );
  }
  if (device.told_from) {
    return t(
      "The site is closed now, so nobody was texted about this. It will be told on {at}, if it is still so." +
        " An alert is as loud as ever.",
      { at: dayAndTimeInWords(device.told_from, time_zone) },
    );
  }
  return null;
}

export const eventInWords = (name) => EVENTS[name] ?? nameInWords(name);

export function nameInWords(name) {
  const words = asItIs(name);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function counted(number, one, many) {
  return `${number} ${number === 1 ? one : many}`;
}

// The most telling line first: what a dispatcher says on the radio.
export function placeInWords(place) {
  const known = place ?? {};
  const big = [known.room, known.spot].filter(Boolean);
  const around = [known.site, known.building, floorInWords(known.floor)].filter(Boolean);
  if (big.length === 0) big.push(known.building ?? known.site ?? t("Place not known"));
  const around_left = around.filter((part) => !big.includes(part));
  const county = [known.county, known.state].filter(Boolean).join(", ");
  return { big, around: around_left, address: known.address, county };
}

export function placeInOneLine(place) {
  const { big } = placeInWords(place);
  const site = place?.site;
  return [...big, ...(site && !big.includes(site) ? [site] : [])].join(", ");
}

// A floor is "2" in one county's records and "Ground floor" in another's.
function floorInWords(floor) {
  if (!floor) return null;
  return /floor|level|basement|ground/i.test(floor) ? floor : t("Floor {floor}", { floor });
}

const clocks = new Map();

function clock(time_zone, options) {
  const key = `${time_zone}|${JSON.stringify(options)}`;
  if (!clocks.has(key)) {
    const full = { hourCycle: "h23", ...options };
    try {
      clocks.set(key, new Intl.DateTimeFormat(locale, { ...full, timeZone: time_zone }));
    } catch {
      clocks.set(key, new Intl.DateTimeFormat(locale, full));
    }
  }
  return clocks.get(key);
}

// The wall clock at the site, named with its zone, since a state's screen spans several.
export function timeInWords(at, time_zone) {
  if (!at) return "";
  const options = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  if (time_zone) options.timeZoneName = "short";
  return clock(time_zone ?? undefined, options).format(new Date(at));
}

// With the year, where that isn't this one.
export function dayAndTimeInWords(at, time_zone) {
  if (!at) return "";
  const options = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
  if (yearOf(at, time_zone) !== yearOf(serverNow(), time_zone)) options.year = "numeric";
  if (time_zone) options.timeZoneName = "short";
  return clock(time_zone ?? undefined, options).format(new Date(at));
}

// A day at the site, with its year where that isn't this one.
export function monthAndDayInWords(at, time_zone) {
  const options = { month: "short", day: "numeric" };
  if (yearOf(at, time_zone) !== yearOf(serverNow(), time_zone)) options.year = "numeric";
  return clock(time_zone ?? undefined, options).format(new Date(at));
}

function yearOf(at, time_zone) {
  return clock(time_zone ?? undefined, { year: "numeric" }).format(new Date(at));
}

export function dayInWords(at) {
  return clock(undefined, { year: "numeric", month: "short", day: "numeric" }).format(new Date(at));
}

// As a stopwatch while it matters by the second; then by the minute; then by the day.
export function ageInWords(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes}:${String(s % 60).padStart(2, "0")} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  const days = Math.floor(hours / 24);
  return days === 1 ? t("1 day {hours} h", { hours: hours % 24 }) : t("{days} days", { days });
}

// One measured duration, with the digits that matter at its size.
export function durationInWords(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes}:${String(Math.floor(ms / 1000) % 60).padStart(2, "0")} min`;
  return ageInWords(ms);
}
