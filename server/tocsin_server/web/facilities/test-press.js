// A press of a drill, for whoever made it: answer it here, then close it as the test it was.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t, tHtml } from "../console/language.js";
import { placeInOneLine, timeInWords } from "../console/words.js";

export function testPress({ alert, acts, may }) {
  const id = alert.alert_id;
  const open = alert.state === "open";
  const busy = acts.busy(id);
  return html`
    <article class="test-press" data-testid="test-press" data-state=${alert.state}>
      <p><b>${placeInOneLine({ ...alert.place, site: null })}</b></p>
      <p>
        ${
          open
            ? tHtml("Pressed {age} ago. It took {took} to arrive.", {
                age: html`<time data-since=${alert.pressed_at}></time>`,
                took: arrivedIn(alert),
              })
            : t("Answered at {at} by {by}: its lamp is steady now.", {
                at: timeInWords(alert.acknowledged_at, alert.place?.time_zone),
                by: alert.acknowledged_by,
              })
        }
      </p>
      ${
        may.drill
          ? html`<button
              class="primary calm wide"
              data-testid=${open ? "acknowledge" : "close-test"}
              ?disabled=${busy}
              @click=${() => (open ? acts.acknowledge(alert) : acts.closeTest(alert))}
            >
              ${open ? t("I see it: acknowledge") : t("Close this test")}
            </button>`
          : nothing
      }
      ${
        acts.problem(id)
          ? html`<p class="problem" role="alert">${acts.problem(id)}</p>`
          : nothing
      }
    </article>
  `;
}

// From the press to the database, by the clock that times everything.
export function arrivedIn(alert) {
  const ms = Date.parse(alert.stored_at) - Date.parse(alert.pressed_at);
  return `${Math.max(0.1, ms / 1000).toFixed(1)} s`;
}
