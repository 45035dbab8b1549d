// Who has an alert, since when, and what comes next where that is nobody, or isn't enough.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { told } from "./told.js";
import { isSilent } from "./wants.js";
import { durationInWords, outcomeInWords, timeInWords } from "./words.js";

// `name` is whoever sits before this screen; `lookers` says who else has this alert before them.
export function whoHasIt(alert, name, { lookers, linked }) {
  return html`
    <div class="who-has-it" data-testid="who-has-it">
      ${alert.state === "open" ? nobodyYet(alert) : somebody(alert, name)}
      ${lookers ? html`<p data-testid="lookers">${lookers}</p>` : nothing}
    </div>
    ${told(alert, { linked })}
  `;
}

// The tier that is told next; the last one is told again and again.
export function nextTier({ tier, tiers }) {
  return tier > 0 && tier >= tiers ? { n: tiers, again: " again" } : { n: tier + 1, again: "" };
}

function nobodyYet(alert) {
  return html`<p><strong>Nobody has it yet.</strong> ${climb(alert)}</p>`;
}

function climb(alert) {
  const { tier, tiers, next_decision_at: next } = alert;
  const again = isSilent(alert) ? " again" : "";
  const reached =
    tier > 0
      ? `Tier ${tier} of ${tiers} has been told${again}.`
      : `Nobody has been told${again} yet.`;
  if (!next && alert.drill && !tier)
    return "It proves the button: whoever pressed it answers. After 10 minutes people are paged, as in a drill.";
  if (!next) return reached;
  const coming = nextTier(alert);
  return html`${reached} Tier ${coming.n} is told${coming.again}
    <time class="countdown" data-until=${next}></time>.`;
}

function somebody(alert, name) {
  const mine = alert.acknowledged_by === name;
  return html`
    ${isSilent(alert) ? silentHolder(alert, mine) : holder(alert)}
    ${
      alert.again_at && !isSilent(alert)
        ? html`<p><strong>More help is wanted.</strong> ${climb(alert)}</p>`
        : nothing
    }
    ${alert.asked_at && !isSilent(alert) ? asked(alert, mine) : nothing}
    ${alert.offered_to ? offered(alert, name) : nothing}
  `;
}

function silentHolder(alert, mine) {
  return html`<p>
    <strong
      >${mine ? "You" : alert.acknowledged_by} took it <time data-since=${since(alert)}></time> ago
      and ${mine ? "have not answered" : "does not answer"}: others are told again.</strong
    >
    ${climb(alert)}
  </p>`;
}

function holder(alert) {
  const zone = alert.place?.time_zone;
  const took_ms = Date.parse(since(alert)) - Date.parse(alert.pressed_at);
  return html`<p>
    <strong>${alert.acknowledged_by ?? "Somebody"} has it</strong>${
      since(alert)
        ? html`, since ${timeInWords(since(alert), zone)}, ${durationInWords(took_ms)} after the
          press`
        : nothing
    }.
    ${
      alert.responding_at
        ? html`Responding since ${timeInWords(alert.responding_at, zone)}.`
        : nothing
    }
    ${alert.on_scene_at ? html`On scene since ${timeInWords(alert.on_scene_at, zone)}.` : nothing}
    ${
      alert.resolved_at
        ? html`Resolved ${alert.resolved_by ? `by ${alert.resolved_by}` : ""} as
            <strong>${outcomeInWords(alert.outcome)}</strong> at
            ${timeInWords(alert.resolved_at, zone)}.`
        : nothing
    }
  </p>`;
}

function asked(alert, mine) {
  const at = timeInWords(alert.asked_at, alert.place?.time_zone);
  return html`<p>
    ${
      mine
        ? html`<strong>You were asked at ${at} whether you still have it.</strong>`
        : `Asked at ${at} whether they still have it.`
    }
    Without an answer, others are told again.
  </p>`;
}

function offered(alert, name) {
  const by = alert.acknowledged_by;
  return alert.offered_to === name
    ? html`<p><strong>Offered to you.</strong> It stays with ${by} until you take it.</p>`
    : html`<p>Offered to ${alert.offered_to}, who has not taken it yet.</p>`;
}

function since(alert) {
  return alert.held_at ?? alert.acknowledged_at;
}
