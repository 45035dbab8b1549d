// The ledger of a button: its false alarms, why each was one, and what was done about it.
//
// An entry is never changed: whoever knows better writes a correction, and both stay on record.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { counted, dayAndTimeInWords } from "../console/words.js";
import { problem } from "./site.js";

const WHATS = {
  accident: "Pressed by accident",
  fault: "A fault of the button",
  test: "A test nobody had announced",
  misuse: "Pressed for no good reason",
  unknown: "Nobody knows",
};

export function ledgerSection({ ledger, site, acts, may }) {
  if (!ledger) return nothing;
  return html`
    <section class="ledger" aria-label="False alarms" data-testid="ledger">
      <h2>${counted(ledger.false_alarms.length, "false alarm", "false alarms")}</h2>
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
  const corrected = alarm.explanations.length > 1;
  return html`
    <article class="box" data-testid="false-alarm">
      <p><b>${dayAndTimeInWords(alarm.pressed_at, zone)}</b></p>
      ${
        known
          ? html`
              <p data-testid="explained">${WHATS[known.what] ?? known.what}: ${known.cause}</p>
              <p>What was done: ${known.remedy}</p>
              <p class="quiet">
                ${corrected ? "Corrected" : "Written down"} by ${known.by},
                ${dayAndTimeInWords(known.at, zone)}
              </p>
            `
          : html`<p class="wrong">Nobody has written down why.</p>`
      }
      ${may.keep ? explainForm({ alarm, ledger, acts, known }) : nothing}
    </article>
  `;
}

function explainForm({ alarm, ledger, acts, known }) {
  const { alert_id } = alarm;
  const busy = acts.busy(alert_id);
  return html`
    <details>
      <summary>${known ? "Correct this" : "Write down why"}</summary>
      <form class="place-form" @submit=${(event) => acts.explain(alert_id, ledger.device_id, event)}>
        <fieldset class="choices stacked">
          <legend>What was it?</legend>
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
          Why did it happen?
          <input name="cause" required maxlength="200" autocomplete="off" placeholder="A knee under the counter" />
        </label>
        <label class="field">
          What was done, so that it does not happen again?
          <input name="remedy" required maxlength="200" autocomplete="off" placeholder="Moved it 10 cm back" />
        </label>
        ${problem(acts.problem(alert_id))}
        <button class="primary calm wide" ?disabled=${busy}>
          ${busy ? "Writing it down…" : "Write it down"}
        </button>
      </form>
    </details>
  `;
}
