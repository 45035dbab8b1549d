// One alert's page: the card, then everything that is on record about it, in order.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { alertCard } from "./alert-card.js";
import { floorPlan } from "./floor-plan.js";
import { t } from "./language.js";
import { recordPicture } from "./record-plot.js";
import { codeInWords, fieldInWords, gestureInWords } from "./record-words.js";
import {
  counted,
  durationInWords,
  eventInWords,
  kindInWords,
  placeInOneLine,
  timeInWords,
} from "./words.js";

export function recordPage({ fetched, live, card, plans, width }) {
  const answer = fetched.answer;
  if (!answer) return html`<main class="page">${back()}${fetched.state()}</main>`;
  const alert = live ?? answer.alert;
  const zone = alert.place?.time_zone;
  const events = [...(answer.events ?? [])].sort((one, other) => one.n - other.n);
  return html`
    <main class="page">
      <h1 class="for-screen-readers">${kindInWords(alert.kind)}: ${placeInOneLine(alert.place)}</h1>
      ${back()} ${fetched.state()} ${alertCard({ alert, ...card(alert), plan: null })}
      <div class="side">${floorPlan({ alert, plan: plans.of(alert.alert_id), plans })}</div>
      ${recordPicture({ alert, events, width })}
      <section class="side">
        <h2>${t("On record")}</h2>
        <p class="aside">
          ${t("{events}, oldest first, timed from the press. Records are only ever added to.", {
            events: counted(events.length, t("event"), t("events")),
          })}
        </p>
        <ol class="timeline">
          ${events.map((event) => eventLine({ event, pressed_at: alert.pressed_at, zone }))}
        </ol>
      </section>
      ${pressesSection(answer.presses ?? [], zone)}
    </main>
  `;
}

function back() {
  return html`<p class="ways">
    <a class="back" href="#/">← ${t("Open alerts")}</a>
    <a class="back" href="#/history">${t("Resolved alerts")}</a>
  </p>`;
}

function eventLine({ event, pressed_at, zone }) {
  const after_ms = Date.parse(event.at) - Date.parse(pressed_at);
  return html`
    <li data-testid="event" data-name=${event.name}>
      <p>
        <span class="after">${after_ms < 0 ? t("before") : `+ ${durationInWords(after_ms)}`}</span>
        <strong>${eventInWords(event.name)}</strong>
        <span class="quiet">${timeInWords(event.at, zone)}</span>
      </p>
      ${details(event.payload, zone)}
    </li>
  `;
}

function pressesSection(presses, zone) {
  if (presses.length === 0) return nothing;
  return html`
    <section class="side">
      <h2>${counted(presses.length, t("press"), t("presses"))}</h2>
      <ol class="timeline">
        ${presses.map(
          (press) =>
            html`<li>
              <p>
                <strong>${gestureInWords(press)}</strong>
                <span class="quiet"
                  >${timeInWords(press.pressed_at ?? press.received_at, zone)}</span
                >
              </p>
              ${details(press, zone)}
            </li>`,
        )}
      </ol>
    </section>
  `;
}

// A payload is erased on its retention date; what remains says so by being empty.
function details(payload, zone) {
  const known = Object.entries(payload ?? {}).filter(([, value]) => !isEmpty(value));
  if (known.length === 0) return nothing;
  return html`<dl class="details">
    ${known.map(
      ([name, value]) =>
        html`<div>
          <dt>${fieldInWords(name)}</dt>
          <dd>${name === "place" ? placeInOneLine(value) : valueInWords(name, value, zone)}</dd>
        </div>`,
    )}
  </dl>`;
}

function isEmpty(value) {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

function valueInWords(name, value, zone) {
  if (Array.isArray(value)) return value.map((each) => valueInWords(name, each, zone)).join(", ");
  if (typeof value === "boolean") return value ? t("yes") : t("no");
  if (typeof value === "object") return JSON.stringify(value);
  const text = codeInWords(name, String(value));
  return /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) ? timeInWords(text, zone) : text;
}
