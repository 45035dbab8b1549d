// Alerts that are over: what they turned out to be, and how long a human took.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { isPractice } from "./situation.js";
import {
  dayAndTimeInWords,
  durationInWords,
  kindInWords,
  outcomeInWords,
  placeInOneLine,
} from "./words.js";

export const HISTORY_PATH = "alerts?state=all&limit=200";

export function historyPage({ fetched }) {
  const alerts = (fetched.answer?.alerts ?? [])
    .filter((alert) => alert.state === "resolved")
    .sort((one, other) => Date.parse(other.pressed_at) - Date.parse(one.pressed_at));
  return html`
    <main class="page">
      <h1>Resolved alerts</h1>
      ${fetched.state()}
      ${
        fetched.answer && alerts.length === 0
          ? html`<p class="aside">No alert has been resolved yet.</p>`
          : nothing
      }
      <ul class="history">
        ${alerts.map(row)}
      </ul>
    </main>
  `;
}

function row(alert) {
  const took_ms = Date.parse(alert.acknowledged_at) - Date.parse(alert.pressed_at);
  return html`
    <li data-testid="history-row" data-alert-id-of=${alert.alert_id}>
      <a href="#/alerts/${alert.alert_id}">
        <span class="when">${dayAndTimeInWords(alert.pressed_at, alert.place?.time_zone)}</span>
        <strong class="what"
          >${isPractice(alert) ? html`<span class="word">${alert.drill ? "DRILL" : "TEST"}</span>` : nothing}
          ${kindInWords(alert.kind)}: ${placeInOneLine(alert.place)}</strong
        >
        <span class="ended">${outcomeInWords(alert.outcome)}</span>
        <span class="quiet"
          >${
            alert.acknowledged_at
              ? `acknowledged after ${durationInWords(took_ms)}, ${alert.acknowledged_by ?? "somebody"} had it`
              : "never acknowledged"
          }</span
        >
      </a>
    </li>
  `;
}
