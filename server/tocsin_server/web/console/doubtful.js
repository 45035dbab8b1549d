// Messages whose sender could not be verified: shown, never dropped, and never taken for alerts.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { fromServer } from "./from-server.js";
import { t, tHtml } from "./language.js";
import { doubtKey } from "./situation.js";
import { counted } from "./words.js";

// A flood is bounded on the server too; beyond this nobody reads on.
const ROWS_MAX = 30;

const CLAIMED = {
  kind: t("kind"),
  device_id: t("device id"),
  press_id: t("press id"),
  gesture: t("gesture"),
  drill: t("drill"),
  device_clock: t("device clock"),
};

export function doubtfulLane({ doubtful, acts, readOnly }) {
  if (doubtful.length === 0) return nothing;
  const shown = doubtful.slice(0, ROWS_MAX);
  return html`
    <section class="side doubtful" id="unverified" data-testid="doubtful-lane">
      <h2>${counted(doubtful.length, t("unverified message"), t("unverified messages"))}</h2>
      <p class="aside">
        ${t(
          "Something sent these, but who sent them could not be proved. It may be a broken button with" +
            " a person behind it.",
        )}
        ${tHtml("{call}, then mark it as seen.", {
          call: html`<strong>${t("Call the place it names")}</strong>`,
        })}
      </p>
      <ul class="rows">
        ${repeat(shown, doubtKey, (each) => item({ each, acts, readOnly }))}
      </ul>
      ${
        doubtful.length > shown.length
          ? html`<p class="aside">${t("and {more} more.", { more: doubtful.length - shown.length })}</p>`
          : nothing
      }
    </section>
  `;
}

function item({ each, acts, readOnly }) {
  const read = Object.entries(each.read ?? {}).filter(([, value]) => value !== null);
  return html`
    <li data-testid="doubtful-item" data-doubtful-id=${each.doubtful_id ?? ""}>
      <p>
        <strong>${fromServer(each.reason)}</strong>
        ${each.times > 1 ? html`<strong class="flag">× ${each.times}</strong>` : nothing}
      </p>
      ${each.place ? html`<p>${byWayOf(each.place)}</p>` : nothing}
      <p class="quiet">
        ${each.device_id || t("unknown sender")} · ${receivedInWords(each)}
      </p>
      ${
        read.length
          ? html`<p class="read">
              ${read.map(
                ([name, value]) =>
                  html`<span>${CLAIMED[name] ?? name}: <b>${short(value)}</b></span>`,
              )}
            </p>`
          : html`<p class="quiet">
              ${t("Nothing in it could be read. Topic {topic}", { topic: each.topic })}
            </p>`
      }
      ${
        readOnly || !each.doubtful_id
          ? nothing
          : html`<button data-testid="doubtful-seen" @click=${() => acts.seen(each.doubtful_id)}>
              ${t("Seen")}
            </button>`
      }
    </li>
  `;
}

function byWayOf(place) {
  return tHtml("It came by way of the button at {place}.", { place: html`<b>${partsOf(place).join(", ")}</b>` });
}

const partsOf = (place) => place.split(", ").map(fromServer);

function receivedInWords({ received_at }) {
  if (!received_at) return t("just now, not stored yet");
  return tHtml("{age} ago", { age: html`<time data-since=${received_at}></time>` });
}

function short(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
