// Who is told, in what order: all policies, and one as it is edited.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { fromServer } from "../console/from-server.js";
import { t, tHtml } from "../console/language.js";
import { problem } from "../facilities/site.js";
import { mayRule } from "./may.js";
import { graveLines, remarkLines } from "./now.js";
import { listAddress, NEW, oneAddress } from "./route.js";
import { choiceInWords, holdsInWords, KINDS, listInWords, METHOD_NAMES, methodOf } from "./words.js";
import { reasonInWords, secondsInWords, whyUnreachable } from "./words.js";

export function policiesPage({ book, session }) {
  const may = mayRule(session);
  return html`
    <main class="keeper">
      <header class="head">
        <h1>${t("Policies")}</h1>
        <p class="quiet">
          ${t("Who is told of an alert, in what order. An alert that is open keeps the tiers it began with.")}
        </p>
      </header>
      ${may ? html`<p><a class="act calm" href=${oneAddress("policies", NEW)} data-testid="new-policy">${t("Write a new one")}</a></p>` : nothing}
      ${[...book.policies].sort(defaultFirst).map(
        (policy) => html`<section class="box" data-testid="policy" data-policy=${policy.name}>
          <h2>${policy.name}</h2>
          <p class="quiet">${holdsInWords(policy)}</p>
          <ol class="tiers brief">
            ${policy.tiers.map((tier, index) => html`<li><b>${t("Tier {n}", { n: index + 1 })}</b> ${tierInWords(tier)}</li>`)}
          </ol>
          ${policy.outlook.length ? html`<ul class="outlook">${policy.outlook.map((each) => html`<li class=${isGrave(each) ? "grave" : ""}>${fromServer(each)}</li>`)}</ul>` : nothing}
          <p><a href=${oneAddress("policies", policy.policy_id)} data-testid="open-policy">${may ? t("Change it") : t("Look at it")}</a></p>
        </section>`,
      )}
    </main>
  `;
}

const defaultFirst = (one, other) => other.is_default - one.is_default || one.name.localeCompare(other.name);

const isGrave = (sentence) => !sentence.startsWith("Tier ");

function tierInWords({ names, shift_names, methods, patience_s }) {
  const shifts = shift_names.map((plan) => t("whoever is on in {plan}", { plan }));
  const who = listInWords([...names, ...shifts]) || t("nobody");
  const how = listInWords(methods.map((each) => methodOf(each).how));
  const said = { who, how, time: secondsInWords(patience_s) };
  return how ? t("{who}, by {how} at once, for {time}", said) : t("{who}, for {time}", said);
}

export function policyPage({ book, session, acts, drafting, sites, onSave }) {
  const policy = book.policy(drafting.policy?.policy_id) ?? drafting.policy;
  const may = mayRule(session);
  const what = { book, acts, drafting, may };
  return html`
    <main class="keeper policy-page">
      <p class="back"><a href=${listAddress("policies")}>${t("‹ Policies")}</a></p>
      <header class="head">
        <h1>${policy?.name ?? t("A new policy")}</h1>
        ${policy ? html`<p class="quiet">${holdsInWords(policy)}</p>` : nothing}
      </header>
      <form class="draft" data-testid="draft" @submit=${onSave}>
        ${policy ? nothing : nameField(drafting)}
        <ol class="tiers">
          ${drafting.tiers.map((tier, index) => tierForm(what, tier, index))}
        </ol>
        ${may ? html`<button type="button" data-testid="add-tier" @click=${drafting.addTier}>${t("Add a tier after these")}</button>` : nothing}
        <section class="verdict box" data-testid="verdict" aria-live="polite">
          <h2>${t("The next 7 days")}</h2>
          ${verdict(drafting)}
          ${problem(acts.problem(drafting.about))}
          ${may ? saving(what) : nothing}
        </section>
      </form>
      ${policy && may ? where({ policy, acts, sites, book }) : nothing}
      ${policy && may && !policy.is_default ? removal(policy, acts) : nothing}
    </main>
  `;
}

function nameField(drafting) {
  return html`<label class="field">
    ${t("Name")}
    <input name="name" maxlength="200" autocomplete="off" placeholder=${t("Nights")} required .value=${drafting.name} @input=${(event) => drafting.setName(event.target.value)} />
  </label>`;
}

function verdict({ policy, isTouched, tried, problem: why }) {
  if (!policy && !isTouched) return html`<p class="quiet">${t("Put a shift or people into tier 1.")}</p>`;
  if (why) return html`<p class="problem" role="alert">${why}</p>`;
  if (!tried) return html`<p class="quiet">${t("Trying it…")}</p>`;
  const { outlook, refused } = tried;
  const unreachable = outlook.remarks.filter((each) => each.startsWith("Nothing reaches "));
  if (!refused && outlook.remarks.length === 0) {
    return html`<p class="confirmed">${t("Somebody answers at every hour, in every tier.")}</p>`;
  }
  return html`
    ${
      refused
        ? html`<p class="problem" role="alert">${t("It can't be saved like this: {why}", { why: fromServer(refused) })}</p>`
        : html`<p class="confirmed">${t("Somebody answers at every hour.")}</p>`
    }
    ${graveLines(outlook)} ${remarkLines(outlook)}
    ${unreachable.map((each) => html`<p class="grave-line">${fromServer(each)}</p>`)}
  `;
}

function saving({ acts, drafting, book }) {
  const { policy, tried, name, isTouched } = drafting;
  const taken = !policy && book.policies.some((each) => each.name === name.trim());
  const can = isTouched && tried && !tried.refused && !taken && (policy || name.trim());
  return html`
    ${taken ? html`<p class="problem">${t("There is a policy of this name: give this one another.")}</p>` : nothing}
    <button class="primary calm wide" data-testid="save-policy" ?disabled=${!can || acts.busy(drafting.about)}>
      ${acts.busy(drafting.about) ? t("Saving…") : isTouched || !policy ? t("Save") : t("Saved")}
    </button>
  `;
}

function tierForm(what, tier, index) {
  const { drafting, may } = what;
  const last = index === drafting.tiers.length - 1;
  return html`<li class="box tier-form" data-testid="tier-form">
    <div class="tier-head">
      <h2>${t("Tier {n}", { n: index + 1 })}</h2>
      ${
        may && drafting.tiers.length > 1
          ? html`<button type="button" class="plain" @click=${() => drafting.removeTier(index)}>
              ${t("Remove this tier")}
            </button>`
          : nothing
      }
    </div>
    <ul class="members">
      ${tier.people.map((id) => personIn(what, index, id))}
      ${tier.shifts.map((id) => shiftIn(what, index, id))}
    </ul>
    ${tier.people.length + tier.shifts.length === 0 ? html`<p class="quiet">${t("Nobody is in it yet.")}</p>` : nothing}
    ${may ? adding(what, tier, index) : nothing}
    <fieldset class="choices methods" ?disabled=${!may}>
      <legend>${t("By")}</legend>
      ${METHOD_NAMES.map(
        (method) => html`<label class="choice">
          <input type="checkbox" name="method" value=${method} .checked=${tier.methods.includes(method)} @change=${(event) => drafting[event.target.checked ? "put" : "take"](index, "methods", method)} />
          ${methodOf(method).said}
        </label>`,
      )}
    </fieldset>
    <p class="quiet">
      ${
        tier.methods.length
          ? t("All of these at once, as far as each of them has it.")
          : t("None chosen: each one's first contact, then their next ones where it fails.")
      }
    </p>
    <label class="field seconds">
      ${last ? t("Seconds until they are told again") : t("Seconds until the next tier is told")}
      <input name="patience" inputmode="numeric" maxlength="6" ?disabled=${!may} .value=${tier.patience_s} @input=${(event) => drafting.setSeconds(index, event.target.value)} />
    </label>
    ${last ? html`<p class="quiet">${t("The last tier is told again and again until somebody answers.")}</p>` : nothing}
  </li>`;
}

function personIn({ book, drafting, may }, index, person_id) {
  const person = book.person(person_id);
  const why = person ? reasonInWords(whyUnreachable(person)) : t("they are gone");
  const name = person?.name ?? t("Somebody who is gone");
  return html`<li class="member ${why ? "unreachable" : ""}" data-testid="member">
    <span>
      <a class="name" href=${oneAddress("people", person_id)}>${name}</a>
      ${why ? html`<strong>${t("nothing reaches them: {why}", { why })}</strong>` : nothing}
    </span>
    ${may ? takeOut(name, index, () => drafting.take(index, "people", person_id)) : nothing}
  </li>`;
}

function shiftIn({ book, drafting, may }, index, plan_id) {
  const plan = book.plan(plan_id);
  const name = plan?.name ?? t("A plan that is gone");
  const link = html`<a class="name" href=${oneAddress("shifts", plan_id)}>${name}</a>`;
  const gaps = plan?.gaps.length ?? 0;
  return html`<li class="member ${gaps || !plan ? "unreachable" : ""}" data-testid="member">
    <span>
      ${tHtml("whoever is on in {plan}", { plan: link })}
      ${gaps ? html`<strong>${gapsAhead(gaps)}</strong>` : nothing}
    </span>
    ${may ? takeOut(name, index, () => drafting.take(index, "shifts", plan_id)) : nothing}
  </li>`;
}

const gapsAhead = (gaps) =>
  gaps === 1 ? t("a gap in the next 7 days") : t("{gaps} gaps in the next 7 days", { gaps });

function takeOut(name, index, act) {
  const said = t("Take out {name}, tier {n}", { name, n: index + 1 });
  return html`<button type="button" aria-label=${said} @click=${act}>${t("Take out")}</button>`;
}

// Whoever is chosen is in it; the list shows its first line again.
function adding({ book, drafting }, tier, index) {
  const people = book.present.filter((person) => !tier.people.includes(person.person_id));
  const plans = book.shifts.plans.filter((plan) => !tier.shifts.includes(plan.plan_id));
  const add = ({ target }) => {
    const [what, id] = target.value.split(" ");
    target.value = "";
    if (id) drafting.put(index, what, id);
  };
  return html`<label class="field">
    ${t("Put into tier {n}", { n: index + 1 })}
    <select name="member" @change=${add}>
      <option value="">${t("Choose a shift or a person")}</option>
      ${
        plans.length
          ? html`<optgroup label=${t("Whoever is on shift")}>
              ${plans.map((plan) => html`<option value="shifts ${plan.plan_id}">${plan.name}</option>`)}
            </optgroup>`
          : nothing
      }
      <optgroup label=${t("People")}>
        ${people.map((person) => {
          const { person_id, name } = person;
          const said = whyUnreachable(person) ? t("{name} (nothing reaches them)", { name }) : name;
          return html`<option value="people ${person_id}">${said}</option>`;
        })}
      </optgroup>
    </select>
  </label>`;
}

// A site or a kind has one policy: choosing this one puts it in the other's place.
function where({ policy, acts, sites, book }) {
  const about = `where ${policy.policy_id}`;
  const choose = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const choice = { site_id: form.get("site_id") || null, kind: form.get("kind") || null };
    await acts.choose(about, { ...choice, policy_id: policy.policy_id });
  };
  const unchoose = ({ site_id, kind }) => acts.choose(about, { site_id, kind, policy_id: null });
  const others = book.policies.filter((each) => each.policy_id !== policy.policy_id && each.choices.length);
  return html`<section class="box" data-testid="where">
    <h2>${t("Where it holds")}</h2>
    ${policy.is_default ? html`<p>${t("Wherever no other policy is chosen.")}</p>` : nothing}
    <ul class="members">
      ${policy.choices.map(
        (choice) => html`<li class="member" data-testid="choice">
          <span>${choiceInWords(choice)}</span>
          <button @click=${() => unchoose(choice)} ?disabled=${acts.busy(about)}>${t("No longer")}</button>
        </li>`,
      )}
    </ul>
    ${
      policy.is_default
        ? nothing
        : html`<form class="place-form" data-testid="choose" @submit=${choose}>
            <div class="pair">
              <label class="field">
                ${t("Site")}
                <select name="site_id">
                  <option value="">${t("Every site")}</option>
                  ${sites.map((site) => html`<option value=${site.site_id}>${site.name}</option>`)}
                </select>
              </label>
              <label class="field">
                ${t("Kind of alert")}
                <select name="kind">
                  <option value="">${t("Every kind")}</option>
                  ${Object.entries(KINDS).map(([kind, said]) => html`<option value=${kind}>${said}</option>`)}
                </select>
              </label>
            </div>
            <button ?disabled=${acts.busy(about)}>${t("Let it hold there")}</button>
          </form>`
    }
    ${others.length ? html`<p class="quiet">${elsewhere(others)}</p>` : nothing}
    ${problem(acts.problem(about))}
  </section>`;
}

function elsewhere(others) {
  const policies = others.map(({ name, choices }) => `${name} ${choices.map(choiceInWords).join("; ")}`);
  return t("Elsewhere: {policies}.", { policies: policies.join(". ") });
}

function removal(policy, acts) {
  return html`<details>
    <summary>${t("Remove this policy")}</summary>
    <p>${t("It can be removed while it holds nowhere. Open alerts keep their tiers.")}</p>
    <button class="danger" ?disabled=${acts.busy(policy.policy_id)} @click=${() => acts.removePolicy(policy)}>
      ${t("Remove it")}
    </button>
    ${problem(acts.problem(policy.policy_id))}
  </details>`;
}
