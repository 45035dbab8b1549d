// The plans of who answers when: each as a week, the gaps in red.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { fromServer } from "../console/from-server.js";
import { t } from "../console/language.js";
import { problem } from "../facilities/site.js";
import { mayRule } from "./may.js";
import { addDays, dayThere } from "./moments.js";
import { oneAddress } from "./route.js";
import { dayInWords, listInWords } from "./words.js";

export function shiftsPage({ book, session, acts }) {
  const { plans, time_zone } = book.shifts;
  const may = mayRule(session);
  return html`
    <main class="keeper">
      <header class="head">
        <h1>${t("Shifts")}</h1>
        <p class="quiet">${t("By the clock on the wall in {time_zone}.", { time_zone })}</p>
      </header>
      ${
        plans.length
          ? weekChooser(book)
          : html`<p class="lead">${t("No plan of shifts yet. A policy can name people without one.")}</p>`
      }
      ${plans.map(
        (plan) => html`<section class="box" data-testid="plan" data-plan=${plan.name}>
          <div class="tier-head">
            <h2>${plan.name}</h2>
            <a href=${oneAddress("shifts", plan.plan_id)} data-testid="open-plan">${may ? t("Change it") : t("Look at it")}</a>
          </div>
          ${gapLines(plan, book)} ${week(plan, book)}
        </section>`,
      )}
      ${
        may
          ? html`<form class="group" data-testid="new-plan" @submit=${(event) => acts.addPlan(event)}>
              <h2>${t("A new plan")}</h2>
              <label class="field"
                >${t("Name")}<input name="name" maxlength="200" autocomplete="off" placeholder=${t("Front desk")} required
              /></label>
              ${problem(acts.problem("new plan"))}
              <button class="primary calm wide" ?disabled=${acts.busy("new plan")}>${t("Make it")}</button>
            </form>`
          : nothing
      }
    </main>
  `;
}

export function weekChooser(book) {
  const { from_at, time_zone } = book.shifts;
  const first = dayThere(from_at, time_zone);
  return html`<p class="links" data-testid="weeks">
    <button @click=${() => book.showWeek(addDays(first, -7))}>${t("‹ Week before")}</button>
    <button @click=${() => book.showWeek(addDays(first, 7))}>${t("Week after ›")}</button>
    ${book.day ? html`<button class="plain" @click=${() => book.showWeek(null)}>${t("Back to now")}</button>` : nothing}
    <span class="quiet">${t("from {day}", { day: dayInWords(first) })}</span>
  </p>`;
}

// The sentences are about the seven days from now; of another week its days say it.
export function gapLines(plan, book) {
  const [first, ...more] = plan.gaps;
  if (book.day || !first) return nothing;
  return html`<p class="grave-line" data-testid="gaps">
    ${fromServer(first.message)} ${more.length ? moreGaps(more.length) : nothing}
  </p>`;
}

const moreGaps = (more) =>
  more === 1
    ? t("1 more gap in the 7 days from now, in red below.")
    : t("{more} more gaps in the 7 days from now, in red below.", { more });

export function week(plan, book) {
  const today = dayThere(book.answering.at, book.shifts.time_zone);
  return html`<ol class="week">
    ${plan.week.map(
      ({ day, spans }) => html`<li class=${day === today ? "today" : ""} data-testid="day" data-day=${day}>
        <h3>${dayInWords(day)}${day === today ? html`<span class="for-screen-readers">${t(", today")}</span>` : nothing}</h3>
        <ul>
          ${spans.map(
            ({ from_time, to_time, people }) => html`<li class="span ${people.length ? "" : "gap"}" data-testid=${people.length ? "span" : "gap"}>
              <span class="hours">${from_time}–${to_time}</span>
              <b>${people.length ? listInWords(people.map((each) => each.name)) : t("Nobody")}</b>
            </li>`,
          )}
        </ul>
      </li>`,
    )}
  </ol>`;
}
