// One plan: its week, the weekly hours it is made of, and what is different for once.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { t, tHtml } from "../console/language.js";
import { dayAndTimeInWords } from "../console/words.js";
import { problem } from "../facilities/site.js";
import { texts } from "./acts.js";
import { mayRule } from "./may.js";
import { addDays, dayThere, momentOf, tidyClock } from "./moments.js";
import { timeField } from "./person.js";
import { listAddress } from "./route.js";
import { gapLines, week, weekChooser } from "./shifts.js";
import { dayInWords, DAYS, weekdayInWords } from "./words.js";

// What can be different for once: who is asked for in the form, and what the override says.
const ONCE = {
  instead: { said: t("Somebody else"), asks: ["person_id", "instead_of"] },
  besides: { said: t("Somebody more"), asks: ["person_id"] },
  away: { said: t("Somebody is away"), asks: ["instead_of"] },
  nobody: { said: t("Nobody at all"), asks: [] },
};

export class Once {
  chosen = "instead";
}

export function planPage({ plan, book, session, acts, once }) {
  const what = { plan, book, acts, once, may: mayRule(session) };
  return html`
    <main class="keeper">
      <p class="back"><a href=${listAddress("shifts")}>${t("‹ Shifts")}</a></p>
      <header class="head">
        <h1>${plan.name}</h1>
        <p class="quiet">${t("By the clock on the wall in {time_zone}.", book.shifts)}</p>
      </header>
      ${gapLines(plan, book)}
      <section class="box">
        <h2 class="for-screen-readers">${t("The week")}</h2>
        ${weekChooser(book)} ${week(plan, book)}
      </section>
      <div class="columns">
        <section class="hours-part">
          <h2>${t("Every week")}</h2>
          ${plan.entries.length ? nothing : html`<p class="quiet">${t("Nobody has hours in it yet.")}</p>`}
          <ul class="entries">
            ${repeat(plan.entries, (each) => each.entry_id, (each) => entryItem(what, each))}
          </ul>
          ${what.may ? newEntry(what) : nothing}
        </section>
        <section class="hours-part">
          <h2>${t("Different for once")}</h2>
          ${plan.overrides.length ? nothing : html`<p class="quiet">${t("Nothing is.")}</p>`}
          <ul class="entries">
            ${repeat(plan.overrides, (each) => each.override_id, (each) => overrideItem(what, each))}
          </ul>
          ${what.may ? onceForm(what) : nothing} ${what.may && canSwap(plan) ? swapForm(what) : nothing}
        </section>
      </div>
      ${what.may ? removal(plan, acts) : nothing}
    </main>
  `;
}

function entryItem(what, entry) {
  const { plan, acts, may } = what;
  const about = entry.entry_id;
  const remove = () => acts.planAct(about, plan, "entries", { id: about, said: t("The hours are taken out.") });
  return html`<li class="box" data-testid="entry">
    <p><b>${entry.name}</b>: ${hoursInWords(entry)}</p>
    ${entry.has_ended ? html`<p class="grave-line">${t("Their account has ended: nobody is on by this.")}</p>` : nothing}
    ${
      may
        ? html`<div class="contact-acts">
            <details>
              <summary>${t("Change")}</summary>
              ${entryForm(what, { about, entry, said: t("Save the hours") })}
            </details>
            <button ?disabled=${acts.busy(about)} @click=${remove}>${t("Take out")}</button>
          </div>`
        : nothing
    }
    ${problem(acts.problem(about))}
  </li>`;
}

export function hoursInWords({ days, from_time, to_time, every_weeks, anchor, valid_from, valid_until }) {
  const on = days.length === DAYS.length ? t("every day") : days.map(weekdayInWords).join(", ");
  const parts = [`${on} ${from_time}–${to_time}`];
  if (every_weeks > 1) {
    const said = { weeks: every_weeks, day: dayInWords(anchor) };
    parts.push(t("every {weeks} weeks, counted from {day}", said));
  }
  if (valid_from) parts.push(t("from {day}", { day: dayInWords(valid_from) }));
  if (valid_until) parts.push(t("until {day}", { day: dayInWords(valid_until) }));
  return parts.join("; ");
}

function newEntry(what) {
  const about = `new entry of ${what.plan.plan_id}`;
  return html`<div class="group" data-testid="new-entry">
    <h3>${t("Put hours in")}</h3>
    ${entryForm(what, { about, entry: null, said: t("Put them in") })} ${problem(what.acts.problem(about))}
  </div>`;
}

function entryForm({ plan, book, acts }, { about, entry, said }) {
  const submit = async (event) => {
    event.preventDefault();
    const { target } = event;
    const id = entry?.entry_id ?? null;
    const body = entryOf(new FormData(target));
    const done = await acts.planAct(about, plan, "entries", { id, body, said: t("The hours are saved.") });
    if (done && !entry) target.reset();
  };
  return html`<form class="place-form" @submit=${submit}>
    ${personField(book, { name: "person_id", said: t("Who"), chosen: entry?.person_id })}
    <fieldset class="choices days">
      <legend>${t("Days on which they begin")}</legend>
      ${DAYS.map(
        (day) => html`<label class="choice">
          <input type="checkbox" name="days" value=${day} ?checked=${entry ? entry.days.includes(day) : DAYS.indexOf(day) < 5} />
          ${weekdayInWords(day)}
        </label>`,
      )}
    </fieldset>
    <div class="pair">
      ${timeField("from_time", t("From"), entry?.from_time ?? "")} ${timeField("to_time", t("To"), entry?.to_time ?? "")}
    </div>
    <p class="quiet">${t("A whole day is 00:00 to 24:00; 22:00 to 06:00 ends on the next day.")}</p>
    <details ?open=${Boolean(entry && (entry.every_weeks > 1 || entry.valid_from || entry.valid_until))}>
      <summary>${t("Only some weeks, or some time")}</summary>
      <div class="pair">
        <label class="field"
          >${t("Every how many weeks")}<input name="every_weeks" type="number" min="1" max="52" value=${entry?.every_weeks ?? 1}
        /></label>
        ${dayField("anchor", t("First day of one such week"), entry?.anchor)}
        ${dayField("valid_from", t("From this day"), entry?.valid_from)}
        ${dayField("valid_until", t("Until this day"), entry?.valid_until)}
      </div>
    </details>
    <button class=${entry ? "" : "primary calm"} data-testid="save-entry" ?disabled=${acts.busy(about)}>${said}</button>
  </form>`;
}

function entryOf(form) {
  const day = (name) => form.get(name) || null;
  return {
    person_id: form.get("person_id"),
    days: form.getAll("days"),
    from_time: tidyClock(form.get("from_time")),
    to_time: tidyClock(form.get("to_time")),
    every_weeks: Number(form.get("every_weeks")),
    anchor: day("anchor"),
    valid_from: day("valid_from"),
    valid_until: day("valid_until"),
  };
}

function personField(book, { name, said, chosen = null }) {
  return html`<label class="field">
    ${said}
    <select name=${name} required>
      ${chosen ? nothing : html`<option value="">${t("Choose somebody")}</option>`}
      ${book.present.map((person) => html`<option value=${person.person_id} ?selected=${person.person_id === chosen}>${person.name}</option>`)}
    </select>
  </label>`;
}

function dayField(name, said, value = null, { required = false } = {}) {
  return html`<label class="field">${said}<input name=${name} type="date" value=${value ?? ""} ?required=${required} /></label>`;
}

function overrideItem({ plan, book, acts, may }, override) {
  const { override_id, swap_id, from_at, until_at, made_by } = override;
  const zone = book.shifts.time_zone;
  const about = swap_id ?? override_id;
  const who = html`<b>${overrideInWords(override)}</b>`;
  const said = t("It is as the week says again.");
  const undo = () => acts.planAct(about, plan, swap_id ? "swaps" : "overrides", { id: about, said });
  const span = { from: dayAndTimeInWords(from_at, zone), until: dayAndTimeInWords(until_at, zone) };
  return html`<li class="box" data-testid="override">
    <p>${swap_id ? tHtml("{override} (a swap)", { override: who }) : who}</p>
    <p>${t("{from} to {until}", span)}</p>
    <p class="quiet">${t("by {name}", { name: made_by })}</p>
    ${
      may
        ? html`<button data-testid="undo" ?disabled=${acts.busy(about)} @click=${undo}>
            ${swap_id ? t("Undo the swap") : t("Take it back")}
          </button>`
        : nothing
    }
    ${problem(acts.problem(about))}
  </li>`;
}

function overrideInWords({ person, instead_of }) {
  const said = { who: person?.name, other: instead_of?.name };
  if (!person) return instead_of ? t("nobody instead of {other}", said) : t("nobody at all");
  return instead_of ? t("{who} instead of {other}", said) : t("{who} as well", said);
}

function onceForm({ plan, book, acts, once }) {
  const about = `once in ${plan.plan_id}`;
  const zone = book.shifts.time_zone;
  const today = dayThere(book.answering.at, zone);
  const choose = (chosen) => {
    once.chosen = chosen;
    acts.changed();
  };
  const { asks } = ONCE[once.chosen];
  const submit = async (event) => {
    event.preventDefault();
    const { target } = event;
    const form = new FormData(target);
    const body = {
      from_at: momentOf(form.get("from_day"), form.get("from_time"), zone),
      until_at: momentOf(form.get("until_day"), form.get("to_time"), zone, { last: true }),
      person_id: form.get("person_id") || null,
      instead_of: form.get("instead_of") || null,
    };
    if (await acts.planAct(about, plan, "overrides", { body, said: t("It is different for once.") })) target.reset();
  };
  return html`<form class="group" data-testid="once" @submit=${submit}>
    <h3>${t("Another person, for once")}</h3>
    <fieldset class="choices">
      ${Object.entries(ONCE).map(
        ([name, { said }]) => html`<label class="choice">
          <input type="radio" name="what" value=${name} .checked=${once.chosen === name} @change=${() => choose(name)} />
          ${said}
        </label>`,
      )}
    </fieldset>
    ${asks.includes("person_id") ? personField(book, { name: "person_id", said: t("Who is on") }) : nothing}
    ${asks.includes("instead_of") ? personField(book, { name: "instead_of", said: asks.length === 2 ? t("Instead of") : t("Who is away") }) : nothing}
    <div class="pair">
      ${dayField("from_day", t("From day"), today, { required: true })} ${timeField("from_time", t("At"))}
      ${dayField("until_day", t("To day"), today, { required: true })} ${timeField("to_time", t("At"))}
    </div>
    ${problem(acts.problem(about))}
    <button ?disabled=${acts.busy(about)}>${t("Save it")}</button>
  </form>`;
}

const canSwap = (plan) => new Set(plan.entries.map((each) => each.person_id)).size > 1;

function swapForm({ plan, book, acts }) {
  const about = `swap in ${plan.plan_id}`;
  const tomorrow = addDays(dayThere(book.answering.at, book.shifts.time_zone), 1);
  const submit = async (event) => {
    event.preventDefault();
    const { target } = event;
    const body = texts(new FormData(target), ["entry_id", "on", "other_entry_id", "other_on"]);
    if (await acts.planAct(about, plan, "swaps", { body, said: t("They take each other's place.") })) target.reset();
  };
  const entryField = (name, said) => html`<label class="field">
    ${said}
    <select name=${name} required>
      <option value="">${t("Choose hours")}</option>
      ${plan.entries.map((each) => html`<option value=${each.entry_id}>${each.name}: ${hoursInWords(each)}</option>`)}
    </select>
  </label>`;
  return html`<form class="group" data-testid="swap" @submit=${submit}>
    <h3>${t("Two people swap")}</h3>
    ${entryField("entry_id", t("The hours of one"))}
    ${dayField("on", t("On the day they begin"), tomorrow, { required: true })}
    ${entryField("other_entry_id", t("The hours of the other"))}
    ${dayField("other_on", t("On the day they begin"), tomorrow, { required: true })}
    ${problem(acts.problem(about))}
    <button ?disabled=${acts.busy(about)}>${t("Swap them")}</button>
  </form>`;
}

function removal(plan, acts) {
  return html`<details>
    <summary>${t("Remove this plan")}</summary>
    <p>${t("With all that is in it. A plan that a policy names stays.")}</p>
    <button class="danger" ?disabled=${acts.busy(plan.plan_id)} @click=${() => acts.removePlan(plan)}>${t("Remove it")}</button>
    ${problem(acts.problem(plan.plan_id))}
  </details>`;
}
