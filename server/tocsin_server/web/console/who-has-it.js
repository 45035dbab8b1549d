// Who has an alert, since when, and what comes next where that is nobody, or isn't enough.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t, tHtml } from "./language.js";
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

// The tier that is told next; the last one is told again and again. `said`: what the server says of it,
// which knows who can be told; it holds until a tier is told.
export function nextTier({ tier, tiers }, said) {
  if (said?.after === tier) return { n: said.tier, again: said.again };
  return tier > 0 && tier >= tiers ? { n: tiers, again: true } : { n: tier + 1, again: false };
}

function nobodyYet(alert) {
  return html`<p><strong>${t("Nobody has it yet.")}</strong> ${climb(alert)}</p>`;
}

function climb(alert) {
  const { tier, tiers, next_decision_at: next } = alert;
  if (!next && alert.drill && !tier) {
    return t(
      "It proves the button: whoever pressed it answers. After 10 minutes people are paged, as in a drill.",
    );
  }
  const reached = tier > 0 ? toldUpTo({ tier, tiers }, isSilent(alert)) : nobodyTold(isSilent(alert));
  if (!next) return reached;
  const { n, again } = nextTier(alert);
  const when = html`<time class="countdown" data-until=${next}></time>`;
  const coming = again
    ? tHtml("Tier {n} is told again {when}.", { n, when })
    : tHtml("Tier {n} is told {when}.", { n, when });
  return html`${reached} ${coming}`;
}

function toldUpTo(tiers, again) {
  return again
    ? t("Tier {tier} of {tiers} has been told again.", tiers)
    : t("Tier {tier} of {tiers} has been told.", tiers);
}

function nobodyTold(again) {
  return again ? t("Nobody has been told again yet.") : t("Nobody has been told yet.");
}

function somebody(alert, name) {
  const mine = alert.acknowledged_by === name;
  return html`
    ${isSilent(alert) ? silentHolder(alert, mine) : holder(alert)}
    ${
      alert.again_at && !isSilent(alert)
        ? html`<p><strong>${t("More help is wanted.")}</strong> ${climb(alert)}</p>`
        : nothing
    }
    ${alert.asked_at && !isSilent(alert) ? asked(alert, mine) : nothing}
    ${alert.offered_to ? offered(alert, name) : nothing}
  `;
}

function silentHolder(alert, mine) {
  const name = alert.acknowledged_by;
  const age = html`<time data-since=${since(alert)}></time>`;
  const said = mine
    ? tHtml("You took it {age} ago and have not answered: others are told again.", { age })
    : tHtml("{name} took it {age} ago and does not answer: others are told again.", { name, age });
  return html`<p><strong>${said}</strong> ${climb(alert)}</p>`;
}

function holder(alert) {
  const zone = alert.place?.time_zone;
  const { responding_at, on_scene_at, resolved_at } = alert;
  return html`<p>
    ${holds(alert, zone)}
    ${responding_at ? t("Responding since {at}.", { at: timeInWords(responding_at, zone) }) : nothing}
    ${on_scene_at ? t("On scene since {at}.", { at: timeInWords(on_scene_at, zone) }) : nothing}
    ${resolved_at ? resolved(alert, zone) : nothing}
  </p>`;
}

function holds(alert, zone) {
  const name = alert.acknowledged_by ?? t("Somebody");
  const holder = html`<strong>${t("{name} has it", { name })}</strong>`;
  if (!since(alert)) return html`${holder}.`;
  const took_ms = Date.parse(since(alert)) - Date.parse(alert.pressed_at);
  return tHtml("{holder}, since {at}, {took} after the press.", {
    holder,
    at: timeInWords(since(alert), zone),
    took: durationInWords(took_ms),
  });
}

function resolved({ resolved_at, resolved_by: by, outcome: what }, zone) {
  const at = timeInWords(resolved_at, zone);
  const outcome = html`<strong>${outcomeInWords(what)}</strong>`;
  return by
    ? tHtml("Resolved by {by} as {outcome} at {at}.", { by, outcome, at })
    : tHtml("Resolved as {outcome} at {at}.", { outcome, at });
}

function asked(alert, mine) {
  const at = timeInWords(alert.asked_at, alert.place?.time_zone);
  return html`<p>
    ${
      mine
        ? html`<strong>${t("You were asked at {at} whether you still have it.", { at })}</strong>`
        : t("Asked at {at} whether they still have it.", { at })
    }
    ${t("Without an answer, others are told again.")}
  </p>`;
}

function offered(alert, name) {
  const by = alert.acknowledged_by;
  return alert.offered_to === name
    ? html`<p>
        <strong>${t("Offered to you.")}</strong> ${t("It stays with {by} until you take it.", { by })}
      </p>`
    : html`<p>${t("Offered to {name}, who has not taken it yet.", { name: alert.offered_to })}</p>`;
}

function since(alert) {
  return alert.held_at ?? alert.acknowledged_at;
}
