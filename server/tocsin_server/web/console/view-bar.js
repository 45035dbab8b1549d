// Above the list, once there are several alerts: which of them are shown, and how many aren't.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";
import { isPractice } from "./situation.js";
import { hiddenFrom, isMine, siteOf } from "./view.js";
import { wantOf } from "./wants.js";
import { counted, kindInWords } from "./words.js";

// Fewer are seen at a glance, and want no bar between the eye and the first of them.
const SEVERAL = 4;

export function viewBar({ view, ordered, shown, name, sites }) {
  if (ordered.length < SEVERAL && !view.narrowed && !view.by_site) return nothing;
  const { chosen } = view;
  const names = new Map([...sites.map(siteAndName), ...ordered.map(placeAndName)]);
  const sites_of = among(ordered, siteOf, chosen.site);
  const kinds_of = among(ordered, (alert) => alert.kind, chosen.kind);
  return html`
    ${hiddenLine(view, hiddenFrom(ordered, shown, name))}
    <section class="view-bar" data-testid="view-bar" aria-label=${t("Which alerts are shown")}>
      <div class="whose" role="group" aria-label=${t("Whose")}>
        ${[
          { of: "all", said: t("All"), alerts: ordered },
          { of: "waiting", said: t("Waiting"), alerts: ordered.filter((alert) => wantOf(alert, name)) },
          { of: "mine", said: t("Mine"), alerts: ordered.filter((alert) => isMine(alert, name)) },
        ].map((each) => whose(view, each))}
      </div>
      <details>
        <summary>${t("Filter and group")}</summary>
        <div class="choices">
          ${choice(view, "site", t("Every site"), sites_of, (site) => names.get(site))}
          ${choice(view, "kind", t("Every kind"), kinds_of, kindInWords)}
          ${
            chosen.no_drills || ordered.some(isPractice)
              ? html`<label class="choice">
                  <input
                    type="checkbox"
                    .checked=${chosen.no_drills}
                    @change=${({ target }) => view.choose({ no_drills: target.checked })}
                  />
                  ${t("Hide drills")}
                </label>`
              : nothing
          }
          <label class="choice">
            <input
              type="checkbox"
              .checked=${view.by_site}
              @change=${({ target }) => view.groupBySite(target.checked)}
            />
            ${t("Group by site")}
          </label>
        </div>
      </details>
    </section>
  `;
}

// "All" ends every filter, and is on only where there is none.
function whose(view, { of, said, alerts }) {
  const pressed = of === "all" ? !view.narrowed : view.chosen.whose === of;
  const choose = of === "all" ? view.showAll : () => view.choose({ whose: of });
  return html`<button data-testid="whose-${of}" aria-pressed=${pressed} @click=${choose}>
    ${said} <span class="number">${alerts.length}</span>
  </button>`;
}

// Once it is chosen the keyboard is the alerts' again: in a list of choices their keys do nothing.
function choice(view, name, every, values, inWords) {
  return html`<select
    name=${name}
    aria-label=${every}
    @change=${({ target }) => {
      view.choose({ [name]: target.value });
      target.blur();
    }}
  >
    <option value="" .selected=${view.chosen[name] === ""}>${every}</option>
    ${values.map(
      (value) =>
        html`<option value=${value} .selected=${view.chosen[name] === value}>
          ${inWords(value) ?? t("Place not known")}
        </option>`,
    )}
  </select>`;
}

// What is chosen stays among them, also when its last alert is over.
function among(ordered, of, chosen) {
  const values = new Set(ordered.map(of));
  if (chosen) values.add(chosen);
  return [...values].sort();
}

function siteAndName(site) {
  return [site.site_id, site.name];
}

function placeAndName(alert) {
  return [siteOf(alert), alert.place?.site];
}

function hiddenLine(view, { calling, others }) {
  if (calling + others === 0) return nothing;
  return html`<section
    class="hidden-alerts ${calling ? "calling" : ""}"
    data-testid="hidden-alerts"
    role="status"
  >
    <p>
      ${
        calling
          ? html`<strong>
                ${counted(
                  calling,
                  t("alert that calls for somebody is hidden by your filter."),
                  t("alerts that call for somebody are hidden by your filter."),
                )}
              </strong>
              ${others ? t("And {others}.", { others: counted(others, t("other"), t("others")) }) : nothing}`
          : counted(others, t("alert is hidden by your filter."), t("alerts are hidden by your filter."))
      }
    </p>
    <button data-testid="show-all" @click=${view.showAll}>${t("Show all")}</button>
  </section>`;
}
