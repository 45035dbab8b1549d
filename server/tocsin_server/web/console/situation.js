// What this screen knows: open alerts, presses not yet stored, unverified messages, buttons,
// sites, faults, drill windows and who looks at what, as the server's frames told it.
//
// Promises: an older version of an alert never replaces a newer one, in whatever order frames
// come, and a resolved alert does not come back. Knows nothing of pages, sockets or sound.

import { tellServerTime } from "./clock.js";
import { isLoud, wantOf } from "./wants.js";

// Enough to outlast any frame still under way; beyond it the oldest are forgotten.
const RESOLVED_MAX = 2000;
// Any other kind, also one that this page does not know, may be somebody in danger.
const LESSER = ["assist", "tamper"];

export class Situation {
  alerts = new Map();
  held = new Map();
  doubtful = new Map();
  devices = new Map();
  devicesRevision = 0;
  sites = [];
  faults = [];
  drills = [];
  muted = [];
  lookers = [];
  #resolved = new Map();

  // Take one frame; says which alerts and held presses are news for `name`, for sound and announcement.
  apply(frame, name = null) {
    switch (frame.type) {
      case "snapshot":
        return this.#replace(frame, name);
      case "alert":
        return this.#take(frame.alert, name) ? [frame.alert] : [];
      case "alert_gone":
        this.alerts.delete(frame.alert_id);
        return [];
      case "held":
        return this.#hold(frame.held);
      case "held_gone":
        this.held.delete(heldKey(frame));
        return [];
      case "doubtful":
        this.#doubt(frame.doubtful);
        return [];
      case "device":
        this.devices.set(frame.device.device_id, frame.device);
        this.devicesRevision += 1;
        return [];
      case "device_gone":
        this.devices.delete(frame.device_id);
        this.devicesRevision += 1;
        return [];
      case "sites":
        this.sites = frame.sites;
        return [];
      case "faults":
        this.faults = frame.faults;
        return [];
      case "drills":
        this.drills = frame.drills;
        return [];
      case "muted":
        this.muted = frame.muted;
        return [];
      case "looking":
        this.lookers = frame.lookers;
        return [];
      case "pulse":
        tellServerTime(frame.now);
        return [];
      default:
        return [];
    }
  }

  // Until the server's own frame comes, what its answer to this screen's request said.
  acknowledgedBy(alert_id, answer) {
    const alert = this.alerts.get(alert_id);
    if (!alert || !answer.acknowledged_by) return;
    this.alerts.set(alert_id, {
      ...alert,
      state: alert.state === "open" ? "acknowledged" : alert.state,
      unanswered: false,
      acknowledged_by: answer.acknowledged_by,
      acknowledged_at: alert.acknowledged_at ?? answer.acknowledged_at,
      held_at: answer.acknowledged_at,
      asked_at: null,
      again_at: null,
      again_why: null,
      offered_to: null,
    });
  }

  seen(doubtful_id, name) {
    const known = this.doubtful.get(doubtful_id);
    if (!known || known.seen_at) return;
    const seen_at = new Date().toISOString();
    this.doubtful.set(doubtful_id, { ...known, seen_at, seen_by: name });
  }

  forget() {
    for (const each of [this.alerts, this.held, this.doubtful, this.devices]) each.clear();
    this.sites = [];
    this.faults = [];
    this.drills = [];
    this.muted = [];
    this.lookers = [];
  }

  // How many call for a person: alerts that want one, and presses not yet stored.
  waitingCount(name = null) {
    let count = this.held.size;
    for (const alert of this.alerts.values()) count += isLoud(wantOf(alert, name));
    return count;
  }

  unseenDoubtful() {
    return [...this.doubtful.values()]
      .filter((each) => !each.seen_at)
      .sort((one, other) => heardAt(other) - heardAt(one));
  }

  // What calls for somebody first, and among these danger before help without danger and an opened
  // case, and what is real before drills and tests; then what is offered to `name`; then newest first.
  inOrder(name = null) {
    return [...this.alerts.values()]
      .map((alert) => ({ alert, rank: rank(alert, name), pressed_ms: Date.parse(alert.pressed_at) }))
      .sort(
        (one, other) =>
          one.rank - other.rank ||
          other.pressed_ms - one.pressed_ms ||
          other.alert.alert_id.localeCompare(one.alert.alert_id),
      )
      .map(({ alert }) => alert);
  }

  #replace(frame, name) {
    tellServerTime(frame.now);
    const before = this.alerts;
    const held_before = this.held;
    this.alerts = new Map();
    for (const alert of frame.alerts ?? []) {
      const known = before.get(alert.alert_id);
      this.#take(known && known.version > alert.version ? known : alert, name);
    }
    this.held = new Map((frame.held ?? []).map((held) => [heldKey(held), held]));
    this.doubtful = new Map((frame.doubtful ?? []).map((each) => [doubtKey(each), each]));
    this.devices = new Map((frame.devices ?? []).map((each) => [each.device_id, each]));
    this.sites = frame.sites ?? [];
    this.faults = frame.faults ?? [];
    this.drills = frame.drills ?? [];
    this.muted = frame.muted ?? [];
    this.lookers = frame.lookers ?? [];
    return [
      ...[...this.alerts.values()].filter((alert) => isNews(alert, before, name)),
      ...[...this.held].filter(([key]) => !held_before.has(key)).map(([, held]) => held),
    ];
  }

  #take(alert, name) {
    const { alert_id, version } = alert;
    const known = this.alerts.get(alert_id)?.version ?? this.#resolved.get(alert_id) ?? -1;
    if (version < known) return false;
    // Nobody pressed it, and every five minutes it would call for somebody who is needed elsewhere.
    if (alert.synthetic) {
      this.alerts.delete(alert_id);
      return false;
    }
    if (alert.state === "resolved") {
      this.alerts.delete(alert_id);
      this.#resolved.set(alert_id, version);
      if (this.#resolved.size > RESOLVED_MAX) {
        this.#resolved.delete(this.#resolved.keys().next().value);
      }
      return false;
    }
    const news = isNews(alert, this.alerts, name);
    this.alerts.set(alert_id, alert);
    return news;
  }

  // Without the database it has no id yet; once it is stored, it comes again with one.
  #doubt(doubtful) {
    if (doubtful.doubtful_id) this.doubtful.delete(doubtKey({ ...doubtful, doubtful_id: null }));
    this.doubtful.set(doubtKey(doubtful), doubtful);
  }

  #hold(held) {
    const key = heldKey(held);
    const news = !this.held.has(key);
    this.held.set(key, held);
    return news ? [held] : [];
  }
}

export function heldKey(held) {
  return `${held.device_id}/${held.press_id}`;
}

export function doubtKey(doubtful) {
  return doubtful.doubtful_id ?? `${doubtful.topic}|${doubtful.reason}`;
}

export function isPractice(alert) {
  return alert.drill || alert.kind === "test";
}

// What is not stored yet has no time, and is the newest there is.
function heardAt(doubtful) {
  return doubtful.received_at ? Date.parse(doubtful.received_at) : Number.MAX_SAFE_INTEGER;
}

// It wants something of this person that it did not want before.
function isNews(alert, known, name) {
  const before = known.get(alert.alert_id);
  return wantOf(alert, name) !== null && (!before || wantOf(before, name) === null);
}

function rank(alert, name) {
  const want = wantOf(alert, name);
  if (isLoud(want)) return isPractice(alert) ? 2 : LESSER.includes(alert.kind) ? 1 : 0;
  return want ? 3 : 4;
}
