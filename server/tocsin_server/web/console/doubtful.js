// Messages whose sender could not be verified: shown, never dropped, and never taken for alerts.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { doubtKey } from "./situation.js";
import { counted } from "./words.js";

// A flood is bounded on the server too; beyond this nobody reads on.
const ROWS_MAX = 30;

export function doubtfulLane({ doubtful, acts, readOnly }) {
  if (doubtful.length === 0) return nothing;
  const shown = doubtful.slice(0, ROWS_MAX);
  return html`
    <section class="side doubtful" id="unverified" data-testid="doubtful-lane">
      <h2>${counted(doubtful.length, "unverified message", "unverified messages")}</h2>
      <p class="aside">
        Something sent these, but who sent them could not be proved. It may be a broken button with
        a person behind it. <strong>Call the place it names</strong>, then mark it as seen.
      </p>
      <ul class="rows">
        ${repeat(shown, doubtKey, (each) => item({ each, acts, readOnly }))}
      </ul>
      ${
        doubtful.length > shown.length
          ? html`<p class="aside">and ${doubtful.length - shown.length} more.</p>`
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
        <strong>${each.reason}</strong>
        ${each.times > 1 ? html`<strong class="flag">× ${each.times}</strong>` : nothing}
      </p>
      ${each.place ? html`<p>It came by way of the button at <b>${each.place}</b>.</p>` : nothing}
      <p class="quiet">
        ${each.device_id || "unknown sender"} ·
        ${
          each.received_at
            ? html`<time data-since=${each.received_at}></time> ago`
            : "just now, not stored yet"
        }
      </p>
      ${
        read.length
          ? html`<p class="read">
              ${read.map(
                ([name, value]) =>
                  html`<span>${name.replaceAll("_", " ")}: <b>${short(value)}</b></span>`,
              )}
            </p>`
          : html`<p class="quiet">Nothing in it could be read. Topic ${each.topic}</p>`
      }
      ${
        readOnly || !each.doubtful_id
          ? nothing
          : html`<button data-testid="doubtful-seen" @click=${() => acts.seen(each.doubtful_id)}>
              Seen
            </button>`
      }
    </li>
  `;
}

function short(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}
