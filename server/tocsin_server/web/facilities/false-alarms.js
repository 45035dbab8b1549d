// The ledger of a button: its false alarms, why each was one, and what was done about it.
//
// An entry is never changed: whoever knows better writes a correction, and both stay on record.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { t } from "../console/language.js";
import { counted, dayAndTimeInWords } from "../console/words.js";
import { problem } from "./site.js";

const WHATS = {
  accident: t("Pressed by accident"),
  fault: t("A fault of the button"),
  test: t("A test nobody had announced"),
  misuse: t("Pressed for no good reason"),
  unknown: t("Nobody knows"),
};

export function ledgerSection({ ledger, site, acts, may }) {
  if (!ledger) return nothing;
  return html`
    <section class="ledger" aria-label=${t("False alarms")} data-testid="ledger">
      <h2>${counted(ledger.false_alarms.length, t("false alarm"), t("false alarms"))}</h2>
      ${ledger.warning ? html`<p class="beware" data-testid="ledger-warning">${ledger.warning}</p>` : nothing}
      ${repeat(
        ledger.false_alarms,
        // Its form is a new one, closed and empty, once something was written.
        (alarm) => `${alarm.alert_id} ${alarm.explanations.length}`,
        (alarm) => falseAlarm({ alarm, ledger, site, acts, may }),
      )}
    </section>
  `;
}

function falseAlarm({ alarm, ledger, site, acts, may }) {
  const zone = site?.time_zone;
  const known = alarm.explanations.at(-1);
  return html`
    <article class="box" data-testid="false-alarm">
      <p><b>${dayAndTimeInWords(alarm.pressed_at, zone)}</b></p>
      ${
        known
          ? html`
              <p data-testid="explained">${WHATS[known.what] ?? known.what}: ${known.cause}</p>
              <p>${t("What was done: {remedy}", known)}</p>
              <p class="quiet">${writtenBy(alarm, zone)}</p>
            `
          : html`<p class="wrong">${t("Nobody has written down why.")}</p>`
      }
      ${may.keep ? explainForm({ alarm, ledger, acts, known }) : nothing}
    </article>
  `;
}

function writtenBy({ explanations }, time_zone) {
  const { by, at } = explanations.at(-1);
  const said = { by, at: dayAndTimeInWords(at, time_zone) };
  return explanations.length > 1 ? t("Corrected by {by}, {at}", said) : t("Written down by {by}, {at}", said);
}

function explainForm({ alarm, ledger, acts, known }) {
  const { alert_id } = alarm;
  const busy = acts.busy(alert_id);
  return html`
    <details>
      <summary>${known ? t("Correct this") : t("Write down why")}</summary>
      <form class="place-form" @submit=${(event) => acts.explain(alert_id, ledger.device_id, event)}>
        <fieldset class="choices stacked">
          <legend>${t("What was it?")}</legend>
          ${Object.entries(WHATS).map(
            ([what, said]) => html`
              <label class="choice">
                <input type="radio" name="what" value=${what} required />
                ${said}
              </label>
            `,
          )}
        </fieldset>
        <label class="field">
          ${t("Why did it happen?")}
          <input
            name="cause"
            required
            maxlength="200"
            autocomplete="off"
            placeholder=${t("A knee under the counter")}
          />
        </label>
        <label class="field">
          ${t("What was done, so that it does not happen again?")}
          <input
            name="remedy"
            required
            maxlength="200"
            autocomplete="off"
            placeholder=${t("Moved it 10 cm back")}
          />
        </label>
        ${problem(acts.problem(alert_id))}
        <button class="primary calm wide" ?disabled=${busy}>
          ${busy ? t("Writing it down…") : t("Write it down")}
        </button>
      </form>
    </details>
  `;
}
