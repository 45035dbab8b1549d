// Who answers now: each policy that holds somewhere, tier by tier, as a press of this moment would tell.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { fromServer } from "../console/from-server.js";
import { t } from "../console/language.js";
import { timeInWords } from "../console/words.js";
import { oneAddress } from "./route.js";
import { holdsInWords, reasonInWords, remedyOf, secondsInWords, toldInWords } from "./words.js";

const LINES_MAX = 3; // they stay on top, and must leave room for what they are about

export function nowPage({ book }) {
  const { policies, at, time_zone } = book.answering;
  return html`
    <main class="keeper">
      <header class="head">
        <h1>${t("Who answers now")}</h1>
        <p class="quiet">
          ${t("What a press of this moment would do, as of {time}.", { time: timeInWords(at, time_zone) })}
        </p>
      </header>
      ${policies.length === 0 ? noPolicy() : policies.map(policyNow)}
    </main>
  `;
}

// On every page of these: nothing else matters as long as nobody would answer.
export function nobodyLines({ policies }) {
  const lines = policies.flatMap(({ name, outlook }) =>
    outlook.nobody.map((said) => ({ name, said })),
  );
  if (lines.length === 0) return nothing;
  const more = lines.length - LINES_MAX;
  return html`<section class="banner nobody" data-testid="nobody" aria-label=${t("When nobody would answer")}>
    ${lines.slice(0, LINES_MAX).map(
      ({ name, said }) => html`<p role="alert"><strong>${name}:</strong> ${fromServer(said)}</p>`,
    )}
    ${more > 0 ? html`<p>${moreTimes(more)}</p>` : nothing}
  </section>`;
}

const moreTimes = (more) =>
  more === 1 ? t("And at 1 more time: see Now.") : t("And at {more} more times: see Now.", { more });

function noPolicy() {
  return html`<p class="problem" data-testid="no-policy">
    ${t("No policy can be read here, so a press tells nobody. Write one under Policies.")}
  </p>`;
}

function policyNow(policy) {
  const { tiers, outlook } = policy;
  return html`
    <section class="box policy-now" data-testid="policy-now" data-policy=${policy.name}>
      <h2>${policy.name}</h2>
      <p class="quiet">${holdsInWords(policy)}</p>
      ${graveLines(outlook)}
      <ol class="tiers">
        ${tiers.map((tier, index) => tierNow(tier, whenTold(tiers, index)))}
      </ol>
      ${remarkLines(outlook, t("In the next 7 days"))}
    </section>
  `;
}

export function graveLines({ nobody, last_tier }) {
  const grave = [...nobody, ...last_tier];
  if (grave.length === 0) return nothing;
  return html`<ul class="outlook" data-testid="grave">
    ${grave.map((each) => html`<li class="grave">${fromServer(each)}</li>`)}
  </ul>`;
}

// Whom nothing reaches is said where they are named.
export function remarkLines({ remarks }, heading = null) {
  const others = remarks.filter((each) => !each.startsWith("Nothing reaches "));
  if (others.length === 0) return nothing;
  return html`${heading ? html`<h3>${heading}</h3>` : nothing}
    <ul class="outlook" data-testid="remarks">
      ${others.map((each) => html`<li>${fromServer(each)}</li>`)}
    </ul>`;
}

const isThere = (tier) => tier.people.some((person) => person.why_not === null);

// An empty tier takes no time; the last is told again until somebody answers.
function whenTold(tiers, index) {
  const before_s = tiers
    .slice(0, index)
    .filter(isThere)
    .reduce((sum, tier) => sum + tier.patience_s, 0);
  const said = { n: index + 1, after: secondsInWords(before_s), every: secondsInWords(tiers[index].patience_s) };
  if (index < tiers.length - 1) return before_s ? t("Tier {n}, after {after}", said) : t("Tier {n}, at once", said);
  return before_s
    ? t("Tier {n}, after {after}, then again every {every} until somebody answers", said)
    : t("Tier {n}, at once, then again every {every} until somebody answers", said);
}

function tierNow(tier, said) {
  return html`<li class="tier" data-testid="tier-now">
    <h3>${said}</h3>
    ${
      isThere(tier)
        ? nothing
        : html`<p class="grave-line"><strong>${t("Nobody can be told in this tier now.")}</strong></p>`
    }
    <ul class="answerers">
      ${tier.people.map(answerer)}
    </ul>
  </li>`;
}

function answerer(person) {
  const why = person.shifts.length
    ? t("on shift: {plans}", { plans: person.shifts.join(", ") })
    : t("named in the policy");
  if (person.why_not !== null) return unreachable(person, why);
  return html`<li class="answerer" data-testid="answerer">
    <a class="name" href=${oneAddress("people", person.person_id)}>${person.name}</a>
    <span>${toldInWords(person)}</span>
    <span class="quiet">${why}</span>
  </li>`;
}

function unreachable(person, why) {
  return html`<li class="answerer unreachable" data-testid="answerer">
    <a class="name" href=${oneAddress("people", person.person_id)}>${person.name}</a>
    <strong>${t("Nothing reaches them: {why}.", { why: reasonInWords(person.why_not) })}</strong>
    <span>${remedyOf(person.why_not)}</span>
    <span class="quiet">${why}</span>
  </li>`;
}
