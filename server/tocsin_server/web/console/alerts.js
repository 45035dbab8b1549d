// The main page: presses not yet stored, open alerts, and beside them what else needs an eye.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { guard } from "../vendor/lit/directives/guard.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { alertCard } from "./alert-card.js";
import { devicesPanel } from "./devices.js";
import { doubtfulLane } from "./doubtful.js";
import { heldCards } from "./held.js";
import { KEYS } from "./key-list.js";
import { t } from "./language.js";
import { heldKey } from "./situation.js";
import { isAlert } from "./view.js";
import { viewBar } from "./view-bar.js";
import { wantOf } from "./wants.js";
import { kindInWords, placeInOneLine, wantInWords } from "./words.js";

// On other pages the waiting alerts show as lines on top; beyond this many, as a number.
const LINES_MAX = 3;
// From here on the browser is told to skip what is off the screen.
const MANY = 40;

// `shown` are those of the alerts, `ordered`, that fit this dispatcher's view; `items` how they stand.
export function alertsPage({ situation, ordered, shown, items, view, turns, card, ...rest }) {
  const { name, acts, readOnly, up, map, contacts, ...calm } = rest;
  const cards = turns.take(items.filter(isAlert).map(card));
  return html`
    <main class="alerts-page">
      <h1 class="for-screen-readers">${t("Open alerts")}</h1>
      <div class="main ${shown.length >= MANY ? "many" : ""}">
        ${heldCards(situation.held, contacts)}
        ${
          ordered.length === 0 && situation.held.size === 0
            ? emptyList({ up, ...calm })
            : nothing
        }
        ${readOnly ? nothing : viewBar({ view, ordered, shown, name, sites: situation.sites })}
        ${repeat(items, itemKey, (item) => entry(item, cards, view))}
        ${readOnly ? nothing : keysInWords()}
      </div>
      <div class="beside">
        ${doubtfulLane({ doubtful: situation.unseenDoubtful(), acts, readOnly })}
        ${guard([situation.devices, situation.devicesRevision, situation.sites], () =>
          devicesPanel(situation.devices, situation.sites),
        )}
        ${map}
      </div>
    </main>
  `;
}

// Never a calm page on a dead line: silence would look like safety.
function emptyList({ up, onTrySound, thisDevice }) {
  if (!up) {
    return html`
      <section class="calm-page">
        <h2>${t("Open alerts are not known")}</h2>
        <p>${t("This screen is not connected. There may be alerts that it does not show.")}</p>
      </section>
    `;
  }
  return html`
    <section class="calm-page" data-testid="no-alerts">
      <h2>${t("No open alerts")}</h2>
      <p>${t("This screen is watching. When a button is pressed, it sounds and shows where.")}</p>
      <div class="calm-acts">
        <button data-testid="try-sound" @click=${onTrySound}>${t("Hear the alarm")}</button>
        ${thisDevice}
      </div>
    </section>
  `;
}

function keysInWords() {
  return html`<p class="quiet keys">
    ${t("Keys:")}
    ${KEYS.map(
      ({ keys, brief }) => html`${keys.map((key) => html`<kbd>${key}</kbd> `)}${brief} · `,
    )}
    <kbd>?</kbd> ${t("what they do")}
  </p>`;
}

function itemKey(item) {
  return item.heading ?? item.alert_id ?? `fold ${item.fold}`;
}

// One list with its headings, so that a card keeps its element when it moves.
function entry(item, cards, view) {
  if (item.heading) return headingOf(item);
  if (item.fold) {
    return html`<button class="fold" data-testid="fold" @click=${() => view.unfold(item.fold)}>
      ${item.said}
    </button>`;
  }
  const drawn = cards.get(item.alert_id);
  return drawn ? html`${guard([drawn], () => alertCard(drawn))}` : nothing;
}

function headingOf({ heading, said, site = false }) {
  return html`<h2 class="list-heading ${site ? "site" : ""}" id=${heading}>${said}</h2>`;
}

// Shown on every page but the list, so that no page hides an alert. `but` is the one in full view.
export function waitingLines({ ordered, held, but, keys, acts, name }) {
  const waiting = ordered.filter((alert) => wantOf(alert, name) && alert.alert_id !== but);
  if (waiting.length + held.size === 0) return nothing;
  const marked = waiting.find((alert) => alert.alert_id === keys.a);
  const others = waiting.filter((alert) => alert !== marked);
  const shown = [...(marked ? [marked] : []), ...others].slice(0, LINES_MAX);
  const more = waiting.length - shown.length + Math.max(0, held.size - LINES_MAX);
  return html`
    <section class="banner waiting" aria-label=${t("Alerts that wait for an answer")}>
      ${repeat([...held.values()].slice(0, LINES_MAX), heldKey, heldLine)}
      ${repeat(
        shown,
        (alert) => alert.alert_id,
        (alert) => waitingLine({ alert, keys, acts, want: wantOf(alert, name) }),
      )}
      <p><a href="#/">${toTheList(more)}</a></p>
    </section>
  `;
}

function toTheList(more) {
  return more > 0
    ? t("and {more} more: Go to the open alerts", { more })
    : t("Go to the open alerts");
}

function heldLine(held) {
  return html`
    <p
      class="waiting-line"
      data-testid="held-line"
      data-device-id=${held.device_id}
      data-press-id=${held.press_id}
    >
      <strong class="word">${t("NOT YET STORED")}</strong>
      <strong>${kindInWords(held.kind)}: ${placeInOneLine(held.place)}</strong>
      <time data-since=${held.pressed_at}></time>
    </p>
  `;
}

function waitingLine({ alert, keys, acts, want }) {
  return html`
    <div
      class="waiting-line"
      data-testid="waiting-line"
      data-alert-id=${alert.alert_id}
      data-version=${alert.version}
    >
      <p>
        ${alert.drill ? html`<strong class="word">${t("DRILL")}</strong>` : nothing}
        <strong>${kindInWords(alert.kind)}: ${placeInOneLine(alert.place)}</strong>
        <time data-since=${alert.pressed_at}></time>
      </p>
      <button class="primary" @click=${() => acts.acknowledge(alert.alert_id)}>
        ${wantInWords(want).button} ${keys.a === alert.alert_id ? html`<kbd>A</kbd>` : nothing}
      </button>
    </div>
  `;
}
