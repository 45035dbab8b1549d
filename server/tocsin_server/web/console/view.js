// Which of the open alerts this dispatcher wants before them, and how they are put together.
//
// Promise: what is hidden is counted, and what calls for a person among it is said in large
// letters. A view ends with the visit; sound, title and announcement know nothing of it.

import { t } from "./language.js";
import { isPractice } from "./situation.js";
import { isLoud, wantOf } from "./wants.js";

// A site shows so many of its alerts, until all of them are asked for.
const OF_SITE_MAX = 3;

const ALL = Object.freeze({ whose: "all", site: "", kind: "", no_drills: false });

export class View {
  by_site = false;
  #chosen = ALL;
  #unfolded = new Set();

  // `keeps(alert)`: something is being written on its card, which must not go from under the pen.
  constructor({ changed, keeps }) {
    this.changed = changed;
    this.keeps = keeps;
  }

  get chosen() {
    return this.#chosen;
  }

  get narrowed() {
    return this.#chosen !== ALL;
  }

  choose(fields) {
    const chosen = { ...this.#chosen, ...fields };
    this.#chosen = Object.keys(ALL).every((name) => chosen[name] === ALL[name]) ? ALL : chosen;
    this.changed();
  }

  showAll = () => this.choose(ALL);

  groupBySite = (by_site) => {
    this.by_site = by_site;
    this.#unfolded.clear();
    this.changed();
  };

  unfold(site) {
    this.#unfolded.add(site);
    this.changed();
  }

  forget() {
    this.by_site = false;
    this.#unfolded.clear();
    this.#chosen = ALL;
  }

  // The alerts that fit, and the list's items: headings, alerts, and what stands for those of them
  // that are folded away.
  list(ordered, name) {
    const shown = this.narrowed ? ordered.filter((alert) => this.#wants(alert, name)) : ordered;
    return { shown, items: this.by_site ? this.#sites(shown, name) : byStanding(shown, name) };
  }

  #wants(alert, name) {
    if (this.keeps(alert)) return true;
    const { whose, site, kind, no_drills } = this.#chosen;
    if (site && siteOf(alert) !== site) return false;
    if (kind && alert.kind !== kind) return false;
    if (no_drills && isPractice(alert)) return false;
    if (whose === "mine") return isMine(alert, name);
    return whose === "waiting" ? wantOf(alert, name) !== null : true;
  }

  #sites(shown, name) {
    return [...bySite(shown)].flatMap(([site, alerts]) => {
      const most = this.#unfolded.has(site) ? alerts.length : OF_SITE_MAX;
      const isShown = (alert, n) => n < most || this.keeps(alert);
      const folded = alerts.filter((alert, n) => !isShown(alert, n));
      return [
        { heading: `site-${site}`, said: siteInWords(alerts, name), site: true },
        ...alerts.filter(isShown),
        ...(folded.length ? [{ fold: site, said: foldedInWords(folded, name) }] : []),
      ];
    });
  }
}

export function isAlert(item) {
  return item.alert_id !== undefined;
}

// Those that call for a person among the alerts that a view hides, and the others.
export function hiddenFrom(ordered, shown, name) {
  if (ordered.length === shown.length) return { calling: 0, others: 0 };
  const seen = new Set(shown);
  const hidden = ordered.filter((alert) => !seen.has(alert));
  const calling = hidden.filter((alert) => calls(alert, name)).length;
  return { calling, others: hidden.length - calling };
}

export function isMine(alert, name) {
  return name !== null && [alert.acknowledged_by, alert.offered_to].includes(name);
}

export function siteOf(alert) {
  return alert.place?.site_id ?? "unknown";
}

function calls(alert, name) {
  return !isPractice(alert) && isLoud(wantOf(alert, name));
}

function byStanding(shown, name) {
  const waiting = shown.filter((alert) => wantOf(alert, name));
  const taken = shown.filter((alert) => !wantOf(alert, name));
  const items = [];
  if (waiting.length) {
    const said = t("{n} waiting for an answer", { n: waiting.length });
    items.push({ heading: "waiting", said }, ...waiting);
  }
  if (taken.length) items.push({ heading: "taken", said: t("{n} in hand", { n: taken.length }) }, ...taken);
  return items;
}

// In the order of each one's first alert, so that the newest that calls stays on top.
function bySite(shown) {
  const sites = new Map();
  for (const alert of shown) {
    const site = siteOf(alert);
    if (!sites.has(site)) sites.set(site, []);
    sites.get(site).push(alert);
  }
  return sites;
}

function siteInWords(alerts, name) {
  const site = alerts[0].place?.site ?? t("Place not known");
  const waiting = alerts.filter((alert) => wantOf(alert, name)).length;
  const taken = alerts.length - waiting;
  const counts = [waiting && t("{n} waiting", { n: waiting }), taken && t("{n} in hand", { n: taken })];
  return `${site}: ${counts.filter(Boolean).join(", ")}`;
}

function foldedInWords(folded, name) {
  const waiting = folded.filter((alert) => wantOf(alert, name)).length;
  const site = folded[0].place?.site ?? t("a place not known");
  const said = { n: folded.length, site, waiting };
  return waiting
    ? t("Show {n} more at {site}, {waiting} of them waiting", said)
    : t("Show {n} more at {site}", said);
}
