// The main page: presses not yet stored, open alerts, and beside them what else needs an eye.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { guard } from "../vendor/lit/directives/guard.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { alertCard } from "./alert-card.js";
import { devicesPanel } from "./devices.js";
import { doubtfulLane } from "./doubtful.js";
import { heldCards } from "./held.js";
import { heldKey } from "./situation.js";
import { wantOf } from "./wants.js";
import { kindInWords, placeInOneLine, wantInWords } from "./words.js";

// On other pages the waiting alerts show as lines on top; beyond this many, as a number.
const LINES_MAX = 3;
// From here on the browser is told to skip what is off the screen.
const MANY = 40;

export function alertsPage({ situation, ordered, card, name, acts, readOnly, up, map, ...calm }) {
  return html`
    <main class="alerts-page">
      <h1 class="for-screen-readers">Open alerts</h1>
      <div class="main ${ordered.length >= MANY ? "many" : ""}">
        ${heldCards(situation.held)}
        ${
          ordered.length === 0 && situation.held.size === 0
            ? emptyList({ up, ...calm })
            : nothing
        }
        ${repeat(withHeadings(ordered, name), itemKey, (item) => entry(item, card))}
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
        <h2>Open alerts are not known</h2>
        <p>This screen is not connected. There may be alerts that it does not show.</p>
      </section>
    `;
  }
  return html`
    <section class="calm-page" data-testid="no-alerts">
      <h2>No open alerts</h2>
      <p>This screen is watching. When a button is pressed, it sounds and shows where.</p>
      <div class="calm-acts">
        <button data-testid="try-sound" @click=${onTrySound}>Hear the alarm</button>
        ${thisDevice}
      </div>
    </section>
  `;
}

function keysInWords() {
  return html`<p class="quiet keys">
    Keys: <kbd>A</kbd> acknowledge · <kbd>R</kbd> responding · <kbd>S</kbd> on scene ·
    <kbd>E</kbd> escalate · <kbd>H</kbd> hand over · <kbd>T</kbd> this drill is real · <kbd>J</kbd>
    <kbd>K</kbd> next and previous alert
  </p>`;
}

// One list with its headings, so that a card keeps its element when it moves.
function withHeadings(ordered, name) {
  const waiting = ordered.filter((alert) => wantOf(alert, name));
  const taken = ordered.filter((alert) => !wantOf(alert, name));
  const items = [];
  if (waiting.length) {
    items.push({ heading: "waiting", said: `${waiting.length} waiting for an answer` }, ...waiting);
  }
  if (taken.length) items.push({ heading: "taken", said: `${taken.length} in hand` }, ...taken);
  return items;
}

function itemKey(item) {
  return item.heading ?? item.alert_id;
}

function entry(item, card) {
  if (item.heading) return html`<h2 class="list-heading" id=${item.heading}>${item.said}</h2>`;
  const { doing, keys, readOnly, name, ...others } = card(item);
  const depends = [item, doing, ...Object.values(keys), readOnly, name];
  return html`${guard(depends, () =>
    alertCard({ alert: item, doing, keys, readOnly, name, ...others }),
  )}`;
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
    <section class="banner waiting" aria-label="Alerts that wait for an answer">
      ${repeat([...held.values()].slice(0, LINES_MAX), heldKey, heldLine)}
      ${repeat(
        shown,
        (alert) => alert.alert_id,
        (alert) => waitingLine({ alert, keys, acts, want: wantOf(alert, name) }),
      )}
      <p><a href="#/">${more > 0 ? `and ${more} more: ` : ""}Go to the open alerts</a></p>
    </section>
  `;
}

function heldLine(held) {
  return html`
    <p
      class="waiting-line"
      data-testid="held-line"
      data-device-id=${held.device_id}
      data-press-id=${held.press_id}
    >
      <strong class="word">NOT YET STORED</strong>
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
        ${alert.drill ? html`<strong class="word">DRILL</strong>` : nothing}
        <strong>${kindInWords(alert.kind)}: ${placeInOneLine(alert.place)}</strong>
        <time data-since=${alert.pressed_at}></time>
      </p>
      <button class="primary" @click=${() => acts.acknowledge(alert.alert_id)}>
        ${wantInWords(want).button} ${keys.a === alert.alert_id ? html`<kbd>A</kbd>` : nothing}
      </button>
    </div>
  `;
}
