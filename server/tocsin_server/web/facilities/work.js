// Work on a site: for a while nobody is texted about its buttons. It ends by itself, or sooner.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t, tHtml } from "../console/language.js";
import { dayAndTimeInWords } from "../console/words.js";
import { problem } from "./site.js";

// Eight hours are the most (fleet/maintenance.py).
const LASTS = [
  [30, "30 min"],
  [60, t("1 hour")],
  [120, t("2 hours")],
  [240, t("4 hours")],
  [480, t("8 hours")],
];
const AS_LOUD_AS_EVER = html`<strong>${t("An alert is as loud as ever.")}</strong>`;

export const aboutWork = (site_id) => `work at ${site_id}`;

export function workHere({ site, work, acts, may, some }) {
  if (work) return openWork({ site, work, acts, may });
  if (!some || !may.keep) return nothing;
  const about = aboutWork(site.site_id);
  const busy = acts.busy(about);
  return html`
    <details class="drill-start" data-testid="work-start">
      <summary>${t("Work on the site: keep it quiet")}</summary>
      <form @submit=${(event) => acts.startWork(site.site_id, event)}>
        <p>
          ${t(
            "While it lasts, nobody is texted about the buttons of this site: lost, a fault, another" +
              " network. The screens show it all the same, and what is still wrong at the end is told then.",
          )}
          ${AS_LOUD_AS_EVER}
        </p>
        <label class="field">
          ${t("What is done?")}
          <input name="reason" required maxlength="200" autocomplete="off" placeholder=${t("A new switch")} />
        </label>
        <fieldset class="choices">
          <legend>${t("How long?")}</legend>
          ${LASTS.map(
            ([minutes, said]) => html`
              <label class="choice">
                <input type="radio" name="minutes" value=${minutes} ?checked=${minutes === 60} />
                ${said}
              </label>
            `,
          )}
        </fieldset>
        <button class="primary calm wide" data-testid="work-begin" ?disabled=${busy}>
          ${busy ? t("Beginning…") : t("Keep it quiet")}
        </button>
        ${problem(acts.problem(about))}
      </form>
    </details>
  `;
}

function openWork({ site, work, acts, may }) {
  const about = aboutWork(site.site_id);
  return html`
    <section class="box work-open" data-testid="work-open">
      <p><strong>${t("Work on the site: {reason}", { reason: work.reason })}</strong></p>
      <p>
        ${t("Quiet until {until}: nobody is texted about these buttons.", {
          until: dayAndTimeInWords(work.closes_at, site.time_zone),
        })}
        ${AS_LOUD_AS_EVER}
      </p>
      <p class="quiet">
        ${tHtml("Begun by {by} on {at}. It ends by itself, {when}.", {
          by: work.opened_by,
          at: dayAndTimeInWords(work.opened_at, site.time_zone),
          when: html`<time data-until=${work.closes_at}></time>`,
        })}
      </p>
      ${
        may.keep
          ? html`<button
              class="wide"
              data-testid="work-end"
              ?disabled=${acts.busy(about)}
              @click=${() => acts.endWork(site.site_id)}
            >
              ${t("The work is done: end it now")}
            </button>`
          : nothing
      }
      ${problem(acts.problem(about))}
    </section>
  `;
}
