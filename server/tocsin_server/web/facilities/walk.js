// The walk test of a site: what to know before, the list that is ticked off, and the report.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { t, tHtml } from "../console/language.js";
import { dayAndTimeInWords, durationInWords, timeInWords } from "../console/words.js";
import { siteAddress } from "./route.js";
import { problem, walkTestEnds } from "./site.js";
import { standingOf } from "./standing.js";

const MINUTES = [15, 30, 60];
const CUT_OFF = ["lost", "late", "never_heard"];
const BEWARE = t(
  "Press each button once. A second press of the same button is a real alert, and pages people.",
);
const DO_NOT_PRESS = t("Do not press it: a press may arrive later, as a real alert.");
const NEXT_IS_REAL = html`<b>${t("Its next press is real.")}</b>`;

export function walkPage({ site, walking, situation, may }) {
  const { test } = walking;
  return html`
    <main class="keeper narrow">
      <p class="back"><a href=${siteAddress(site.site_id)}>‹ ${site.name}</a></p>
      <header class="head"><h1>${t("Walk test")}</h1></header>
      ${
        test === undefined
          ? html`<p class="lead">${t("Loading…")}</p>`
          : test?.is_open
            ? underWay({ walking, situation, may })
            : html`
                ${test ? over({ walking, situation, may }) : nothing}
                ${may.drill ? before({ site, walking, situation, again: Boolean(test) }) : onlyLooking(test)}
              `
      }
    </main>
  `;
}

// How far it is, in one line; also for who can't see the list.
export function walkInWords(walking) {
  const { test } = walking;
  if (!test) return "";
  const { length: all } = test.buttons;
  const { length: left } = walking.inState("not_pressed");
  const { length: proven } = walking.inState("proven");
  const said = { pressed: all - left, all, proven };
  return all === 1
    ? t("{pressed} of {all} button pressed, {proven} proven", said)
    : t("{pressed} of {all} buttons pressed, {proven} proven", said);
}

function before({ site, walking, situation, again }) {
  const there = [...situation.devices.values()].filter((each) => each.site_id === site.site_id);
  const cutOff = there.filter((each) => CUT_OFF.includes(standingOf(each).name)).length;
  if (there.length === 0) {
    return html`<p class="lead">${t("This site has no buttons yet: add one first.")}</p>`;
  }
  const form = starting({ walking, cutOff });
  return again
    ? html`<details data-testid="walk-again"><summary>${t("Hold another walk test")}</summary>${form}</details>`
    : form;
}

function starting({ walking, cutOff }) {
  return html`
    <section class="box" data-testid="walk-before">
      <h2>${t("Go round once, and press every button")}</h2>
      <ol class="todo">
        <li>
          ${tHtml("{call}: which site, how long.", { call: html`<b>${t("Call the dispatchers")}</b>` })}
          ${t(
            "They see each press, marked DRILL. You answer it here: one that nobody has answered after 10" +
              " minutes pages people, as in a drill.",
          )}
        </li>
        <li>
          ${tHtml("At each button, {wait}: lit for one second in every four.", {
            wait: html`<b>${t("wait until its lamp shows the drill")}</b>`,
          })}
          ${t("A press before that is a real alert.")}
        </li>
        <li>
          ${tHtml("{press}, for about two seconds.", { press: html`<b>${t("Press it once")}</b>` })}
          ${t(
            "This page ticks it off, and says how long it took. Acknowledge it here, beside the button, or" +
              " several together within 10 minutes.",
          )}
          <span class="beware">${BEWARE}</span>
        </li>
      </ol>
      ${cutOff ? html`<p class="wrong">${notConnected(cutOff)}</p>` : nothing}
      <form class="place-form" @submit=${(event) => walking.start(event)}>
        <fieldset class="choices">
          <legend>${t("How long at most?")}</legend>
          ${MINUTES.map(
            (minutes) => html`
              <label class="choice">
                <input type="radio" name="minutes" value=${minutes} ?checked=${minutes === 60} />
                ${minutes} min
              </label>
            `,
          )}
        </fieldset>
        <button class="primary calm wide" data-testid="walk-start" ?disabled=${walking.busy}>
          ${walking.busy ? t("Starting…") : t("Start the walk test")}
        </button>
        ${problem(walking.problem)}
      </form>
    </section>
  `;
}

function notConnected(n) {
  if (n === 1) return html`<b>${t("1 button is not connected now.")}</b> ${DO_NOT_PRESS}`;
  return html`
    <b>${t("{n} buttons are not connected now.", { n })}</b>
    ${t("Do not press them: a press may arrive later, as a real alert.")}
  `;
}

function onlyLooking(test) {
  if (test) return nothing;
  return html`<p class="lead">
    ${t("No walk test was held here yet. Whoever keeps the buttons starts it.")}
  </p>`;
}

function underWay({ walking, situation, may }) {
  const { test } = walking;
  const { length: pressed } = walking.inState("pressed");
  const { length: left } = walking.inState("not_pressed");
  return html`
    <section class="drill-open" data-testid="walk-open">
      ${walkTestEnds(test)}
      <p class="lead" data-testid="walk-progress">${walkInWords(walking)}</p>
      <progress max=${test.buttons.length} value=${test.buttons.length - left}></progress>
      <p class="beware">${BEWARE}</p>
      <p>
        ${t("One is ticked that none of you has pressed?")}
        ${tHtml("{emergency}: call the dispatchers at once.", {
          emergency: html`<b>${t("It may be an emergency")}</b>`,
        })}
      </p>
      <p class="quiet">
        ${t("Started by {by} at {at}.", {
          by: test.opened_by,
          at: timeInWords(test.opened_at, test.time_zone),
        })}
      </p>
    </section>
    ${lists({ walking, situation, may })}
    ${
      may.drill
        ? html`
            <section class="box" aria-label=${t("The end")}>
              <p>${pressed || left ? unproven(left, pressed) : html`<b>${t("All are proven.")}</b>`}</p>
              <button
                class="wide"
                data-testid="walk-end"
                ?disabled=${walking.busy}
                @click=${() => walking.end()}
              >
                ${walking.busy ? t("Ending…") : t("End the walk test")}
              </button>
              ${problem(walking.problem)}
            </section>
            ${acknowledgeAll(walking)}
          `
        : nothing
    }
  `;
}

function unproven(left, pressed) {
  const what = [left ? notPressedYet(left) : null, pressed ? notAcknowledgedYet(pressed) : null];
  const said = t("{what}: without that, they are not proven.", { what: what.filter(Boolean).join(", ") });
  return pressed ? `${said} ${t("What nobody acknowledges within 10 minutes pages people.")}` : said;
}

function notPressedYet(n) {
  return n === 1 ? t("1 button is not pressed yet") : t("{n} buttons are not pressed yet", { n });
}

function notAcknowledgedYet(n) {
  return n === 1 ? t("1 press is not acknowledged yet") : t("{n} presses are not acknowledged yet", { n });
}

function over({ walking, situation, may }) {
  const { test } = walking;
  const { length: proven } = walking.inState("proven");
  const all = test.buttons.length;
  const report = (form) => `/api/v1/sites/${test.site_id}/walk-test/report?format=${form}`;
  return html`
    <section class="box state ${proven === all ? "armed" : "unproven"}" data-testid="walk-over">
      <h2>
        ${
          proven === all
            ? t("Over: all proven, {all} of {all}", { all })
            : t("Over: {proven} of {all} proven", { proven, all })
        }
      </h2>
      <p>${endedInWords(test)} ${t("Every press is real now.")}</p>
      <p class="links">
        <a class="act calm" data-testid="walk-report-pdf" href=${report("pdf")} download>
          ${t("Report (PDF)")}
        </a>
        <a data-testid="walk-report-csv" href=${report("csv")} download>${t("The same as CSV")}</a>
      </p>
      ${problem(walking.problem)}
    </section>
    ${lists({ walking, situation, may })} ${may.drill ? acknowledgeAll(walking) : nothing}
  `;
}

function endedInWords({ opened_by: by, ended_by, closes_at, time_zone }) {
  const at = dayAndTimeInWords(closes_at, time_zone);
  return ended_by
    ? t("Started by {by}; ended {at} by {ended_by}.", { by, at, ended_by })
    : t("Started by {by}; ended {at} because its time was over.", { by, at });
}

// What the thumb is about to do next, first; what is done, last.
function lists({ walking, situation, may }) {
  const pressed = walking
    .inState("pressed")
    .sort((one, other) => Date.parse(other.pressed_at) - Date.parse(one.pressed_at));
  const { is_open } = walking.test;
  return html`
    ${list(t("Pressed: acknowledge"), pressed, (button) => pressedLine({ button, walking, may }))}
    ${list(is_open ? t("Not yet") : t("Not pressed"), walking.inState("not_pressed"), (button) =>
      notPressedLine({ button, situation, is_open }),
    )}
    ${list(t("Without a proof"), walking.inState("closed", "withdrawn"), withoutProofLine)}
    ${list(t("Proven"), walking.inState("proven"), (button) => provenLine(button, walking.test))}
  `;
}

function list(heading, buttons, line) {
  if (buttons.length === 0) return nothing;
  return html`
    <section class="walk-list" aria-label=${heading}>
      <h2>${heading} <span class="quiet">${buttons.length}</span></h2>
      <ul>
        ${repeat(
          buttons,
          (button) => button.device_id,
          (button) => html`<li
            class="walk-line ${button.state}"
            data-testid="walk-line"
            data-device-id=${button.device_id}
            data-state=${button.state}
          >
            ${line(button)}
          </li>`,
        )}
      </ul>
    </section>
  `;
}

function pressedLine({ button, walking, may }) {
  const { acts } = walking;
  return html`
    <p class="walk-place"><span aria-hidden="true">✓</span> ${placeOf(button)}</p>
    <p>
      ${tHtml("Pressed {age} ago, on the server after {took}.", {
        age: html`<time data-since=${button.pressed_at}></time>`,
        took: took(button.stored_ms),
      })}
      ${walking.test.is_open ? NEXT_IS_REAL : nothing}
    </p>
    ${
      may.drill
        ? html`<button
            data-testid="walk-acknowledge"
            ?disabled=${acts.busy(button.alert_id)}
            @click=${() => walking.acknowledge([button])}
          >
            ${t("Acknowledge")}
          </button>`
        : nothing
    }
    ${problem(acts.problem(button.alert_id))}
  `;
}

function notPressedLine({ button, situation, is_open }) {
  const device = is_open ? situation.devices.get(button.device_id) : null;
  const standing = device ? standingOf(device) : null;
  const cutOff = standing && CUT_OFF.includes(standing.name);
  return html`
    <p class="walk-place"><span aria-hidden="true">○</span> ${placeOf(button)}</p>
    ${
      cutOff
        ? html`<p class="wrong"><b>${standing.said}.</b> ${DO_NOT_PRESS}</p>`
        : !is_open && button.condition !== "ok"
          ? html`<p class="wrong">${t("It was not connected.")}</p>`
          : nothing
    }
  `;
}

function withoutProofLine(button) {
  return html`
    <p class="walk-place"><span aria-hidden="true">✗</span> ${placeOf(button)}</p>
    <p>
      ${
        button.state === "withdrawn"
          ? t("Not counted. Call the dispatchers before you go there again.")
          : t("Closed by {by} and never acknowledged.", { by: button.closed_by })
      }
    </p>
  `;
}

function provenLine(button, test) {
  return html`
    <p class="walk-place"><span aria-hidden="true">✓</span> ${placeOf(button)}</p>
    <p>
      ${t("On the server after {took}, acknowledged after {answered} by {by}.", {
        took: took(button.stored_ms),
        answered: took(button.acknowledged_ms),
        by: button.acknowledged_by,
      })}
      ${test.is_open ? NEXT_IS_REAL : nothing}
    </p>
  `;
}

function acknowledgeAll(walking) {
  const pressed = walking.inState("pressed");
  if (pressed.length === 0) return nothing;
  const busy = pressed.some((button) => walking.acts.busy(button.alert_id));
  return html`
    <p class="thumb">
      <button
        class="primary calm wide"
        data-testid="walk-acknowledge-all"
        ?disabled=${busy}
        @click=${() => walking.acknowledge(pressed)}
      >
        ${
          pressed.length === 1
            ? t("I see it: acknowledge")
            : t("I see them: acknowledge all {n}", { n: pressed.length })
        }
      </button>
    </p>
  `;
}

function placeOf(button) {
  return [button.room, button.spot].filter(Boolean).join(", ") || button.device_id;
}

function took(ms) {
  return ms === null ? t("an unknown time") : durationInWords(Math.max(1, ms));
}
