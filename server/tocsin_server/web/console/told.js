// Who has been told about an alert, how, and what came of it: the last word per person and method.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { fromServer } from "./from-server.js";
import { t } from "./language.js";
import { methodInWords, notificationInWords, purposeInWords, timeInWords } from "./words.js";

// More would push the next alert off the screen; the rest is on the alert's own page.
const ROWS_MAX = 6;
const ENDED_BADLY = new Set(["undelivered", "failed"]);

export function told(alert, { rows_max = ROWS_MAX, linked = true } = {}) {
  const last = lastWords(alert.notifications ?? []);
  if (last.length === 0) return nothing;
  const shown = last.slice(0, rows_max);
  const more = t("and {more} more", { more: last.length - shown.length });
  return html`
    <ul class="told" data-testid="told" aria-label=${t("Who has been told")}>
      ${shown.map((each) => line(each, alert.place?.time_zone))}
      ${
        last.length > shown.length
          ? html`<li>
              ${linked ? html`<a href="#/alerts/${alert.alert_id}">${more}</a>` : more}
            </li>`
          : nothing
      }
    </ul>
  `;
}

// The last tier is told again and again, so a person may have many messages of one kind.
function lastWords(notifications) {
  const last = new Map();
  for (const each of notifications) {
    const key = `${each.name}|${each.method}|${each.purpose}`;
    const before = last.get(key);
    const times = (before?.times ?? 0) + 1;
    const newer = !before || Date.parse(each.at) >= Date.parse(before.at);
    last.set(key, { ...(newer ? each : before), times });
  }
  const order = (each) => (ENDED_BADLY.has(each.state) ? 0 : 1);
  return [...last.values()].sort(
    (one, other) => order(one) - order(other) || Date.parse(other.at) - Date.parse(one.at),
  );
}

function line(each, time_zone) {
  const { said, mark } = notificationInWords(each);
  const purpose = purposeInWords(each.purpose);
  const facts = [
    each.tier && t("tier {n}", { n: each.tier }),
    timeInWords(each.at, time_zone),
    each.times > 1 && t("{n} times", { n: each.times }),
  ];
  return html`
    <li class=${ENDED_BADLY.has(each.state) ? "failed" : ""} data-state=${each.state}>
      <span class="mark" aria-hidden="true">${mark}</span>
      <span>
        <strong>${each.name}</strong>,
        ${methodInWords(each.method)}${purpose ? ` (${purpose})` : ""}:
        ${said}${each.error ? ` (${fromServer(each.error)})` : ""}
        <span class="quiet">${facts.filter(Boolean).join(" · ")}</span>
      </span>
    </li>
  `;
}
