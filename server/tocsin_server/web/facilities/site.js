// One site: what is being drilled there, what was pressed, and its buttons, the worst first.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { fromServer } from "../console/from-server.js";
import { t, tHtml } from "../console/language.js";
import { dayAndTimeInWords, quietInWords } from "../console/words.js";
import { addAddress, buttonAddress, editAddress, NO_SITE, plansAddress, walkAddress } from "./route.js";
import { censusLine, overdueLine } from "./sites.js";
import { byTrouble, dueInWords, placeOf, repeatedInWords, spotOf, standingOf } from "./standing.js";
import { testPress } from "./test-press.js";
import { workHere } from "./work.js";

const MINUTES = [15, 30, 60];

export function sitePage({ id, situation, acts, may, up, unfinished = null }) {
  const site = situation.sites.find((each) => each.site_id === id);
  if (!site && id !== NO_SITE) return gone(up);
  const devices = [...situation.devices.values()]
    .filter((device) => (device.site_id ?? NO_SITE) === id)
    .sort(byTrouble);
  return html`
    <main class="keeper">
      ${back()}
      <header class="head">
        <h1>${site?.name ?? t("Without a site")}</h1>
        ${site?.address ? html`<p class="quiet">${site.address}</p>` : nothing}
        <p class="lead" data-testid="census">${censusLine(devices)}</p>
        ${overdueLine(devices)}
        ${site ? aboutSite({ site, may }) : nothing}
      </header>
      ${site ? drillHere({ site, situation, acts, may, some: devices.length > 0 }) : nothing}
      ${site ? workHere({ site, work: acts.works.get(id), acts, may, some: devices.length > 0 }) : nothing}
      ${isWalked(id, situation) ? nothing : pressed({ id, situation, acts, may })}
      ${devices.length === 0 ? noButtons(may) : nothing}
      <ul class="buttons" aria-label=${t("Buttons of this site")}>
        ${repeat(
          devices,
          (device) => device.device_id,
          (device) => buttonLine(device, site, acts.ledgers),
        )}
      </ul>
      ${
        site && may.keep
          ? html`<p class="thumb">
              <a class="act calm" href=${addAddress(id)} data-testid="add-button">
                ${unfinished ? t("Go on: {room}, {spot}", unfinished) : t("Add a button")}
              </a>
            </p>`
          : nothing
      }
    </main>
  `;
}

function back() {
  return html`<p class="back"><a href="#/">‹ ${t("Sites")}</a></p>`;
}

// What is missing is said here, too: every alert from this site will say it.
function aboutSite({ site, may }) {
  const missing = [
    site.address ? null : t("address"),
    site.county ? null : t("county"),
    site.responding_agency ? null : t("responding agency"),
    Number.isFinite(site.latitude) ? null : t("position"),
  ].filter(Boolean);
  return html`
    ${
      missing.length
        ? html`<p class="wrong" data-testid="site-missing">
            ${t("Every alert from here will say that these are missing: {missing}.", {
              missing: missing.join(", "),
            })}
          </p>`
        : nothing
    }
    <nav class="about-site" aria-label=${t("About this site")}>
      ${
        may.keep
          ? html`<a href=${editAddress(site.site_id)} data-testid="edit-site">${t("Change this site")}</a>`
          : nothing
      }
      <a href=${plansAddress(site.site_id)} data-testid="plans-link">${t("Floor plans")}</a>
    </nav>
  `;
}

function gone(up) {
  return html`
    <main class="keeper">
      ${back()}
      <h1>${up ? t("There is no such site") : t("This site is not known yet")}</h1>
      <p class="lead">
        ${up ? t("It may have another name now: choose it from the list.") : t("This page is not connected.")}
      </p>
    </main>
  `;
}

function noButtons(may) {
  return html`
    <section class="box" data-testid="no-buttons">
      <h2>${t("No buttons here yet")}</h2>
      <p>
        ${
          may.keep
            ? t(
                "Take a board, the small computer in a button's case, to where it belongs, plug it in, and" +
                  " add it. It takes about two minutes a button.",
              )
            : t("Whoever keeps the buttons adds them here.")
        }
      </p>
    </section>
  `;
}

function drillHere({ site, situation, acts, may, some }) {
  const drill = situation.drills.find((each) => each.site_id === site.site_id);
  if (drill?.walk_test) return openWalkTest({ drill, site });
  if (drill) return openDrill({ drill, site, acts, may });
  if (!some || !may.drill) return nothing;
  const busy = acts.busy(site.site_id);
  return html`
    <p>
      <a class="act outlined" href=${walkAddress(site.site_id)} data-testid="walk-test">
        ${t("Walk test: prove every button")}
      </a>
    </p>
    <details class="drill-start" data-testid="drill-start">
      <summary>${t("Start a drill here")}</summary>
      <form @submit=${(event) => acts.startDrill(site.site_id, event)}>
        <p>
          ${t("While it lasts, presses at this site are tests, and outside agencies are told nothing.")}
          ${tHtml("{call}: which site, how long.", {
            call: html`<strong>${t("Call the dispatchers first")}</strong>`,
          })}
        </p>
        <fieldset class="choices">
          <legend>${t("How long?")}</legend>
          ${MINUTES.map(
            (minutes) => html`
              <label class="choice">
                <input type="radio" name="minutes" value=${minutes} ?checked=${minutes === 30} />
                ${minutes} min
              </label>
            `,
          )}
        </fieldset>
        <button class="primary calm wide" ?disabled=${busy}>
          ${busy ? t("Starting…") : t("Start the drill")}
        </button>
        ${problem(acts.problem(site.site_id))}
      </form>
    </details>
  `;
}

function openDrill({ drill, site, acts, may }) {
  return html`
    <section class="drill-open" data-testid="drill-open">
      <p class="drill-word">
        ${tHtml("{drill} ends {when}", {
          drill: html`<strong>${t("DRILL")}</strong>`,
          when: html`<time data-until=${drill.closes_at}></time>`,
        })}
      </p>
      <p>
        ${startedBy({ drill, site })}
        ${tHtml("Before you press a button, {wait}: lit for one second in every four.", {
          wait: html`<strong>${t("wait until its lamp shows the drill")}</strong>`,
        })}
        ${t("A press before that is a real alert.")}
      </p>
      ${
        may.drill
          ? html`<button
              class="wide"
              data-testid="drill-end"
              ?disabled=${acts.busy(drill.drill_id)}
              @click=${() => acts.endDrill(drill.drill_id)}
            >
              ${t("End the drill")}
            </button>`
          : nothing
      }
      ${problem(acts.problem(drill.drill_id))}
    </section>
  `;
}

function startedBy({ drill, site }) {
  const at = dayAndTimeInWords(drill.opened_at, site.time_zone);
  return t("Started by {by} at {at}.", { by: drill.opened_by, at });
}

// Its presses are on its own page.
function isWalked(id, situation) {
  return situation.drills.some((drill) => drill.site_id === id && drill.walk_test);
}

function openWalkTest({ drill, site }) {
  return html`
    <section class="drill-open" data-testid="walk-test-open">
      ${walkTestEnds(drill)}
      <p>
        ${startedBy({ drill, site })}
        ${tHtml("The first press of each button is a test, and {second}.", {
          second: html`<strong>${t("the second is a real alert")}</strong>`,
        })}
      </p>
      <a class="act" href=${walkAddress(site.site_id)} data-testid="walk-test">
        ${t("Go on with the walk test")}
      </a>
    </section>
  `;
}

export function walkTestEnds({ closes_at }) {
  return html`<p class="drill-word">
    ${tHtml("{walk_test} ends {when}", {
      walk_test: html`<strong>${t("WALK TEST")}</strong>`,
      when: html`<time data-until=${closes_at}></time>`,
    })}
  </p>`;
}

function pressed({ id, situation, acts, may }) {
  const tests = situation
    .inOrder()
    .filter((alert) => alert.drill && (alert.place?.site_id ?? NO_SITE) === id);
  if (tests.length === 0) return nothing;
  return html`
    <section class="pressed" aria-label=${t("Test presses")}>
      <h2>${tests.length === 1 ? t("1 test press") : t("{n} test presses", { n: tests.length })}</h2>
      ${repeat(
        tests,
        (alert) => alert.alert_id,
        (alert) => testPress({ alert, acts, may }),
      )}
    </section>
  `;
}

function buttonLine(device, site, ledgers) {
  const standing = standingOf(device);
  const spot = spotOf(device);
  const quiet = quietInWords(device, site?.time_zone);
  return html`
    <li data-testid="button-line" data-device-id=${device.device_id} data-standing=${standing.name}>
      <a class="button-line ${standing.name}" href=${buttonAddress(device.device_id)}>
        <span class="standing"><span aria-hidden="true">${standing.mark}</span> ${standing.said}</span>
        <span class="button-room">${device.room ?? placeOf(device)}</span>
        ${spot && device.room ? html`<span class="button-spot">${spot}</span>` : nothing}
        ${
          device.health?.length
            ? html`<span class="wrong">${fromServer(device.health.join(" "))}</span>`
            : standing.means
              ? html`<span class="wrong">${standing.means}</span>`
              : nothing
        }
        ${quiet ? html`<span class="quiet">${quiet}</span>` : nothing}
        ${
          repeatedInWords(ledgers, [device])
            ? html`<b class="wrong" data-testid="repeated">${t("False alarms repeat here")}</b>`
            : nothing
        }
        <span class="quiet">${provenInWords(device, site)}</span>
        ${dueLine(device, site)}
      </a>
    </li>
  `;
}

export function provenInWords(device, site) {
  const { last_proven_at, last_proven_by: by, moved_at } = device;
  if (!last_proven_at) return moved_at ? t("Not proven since it was moved") : t("Never proven");
  const at = dayAndTimeInWords(last_proven_at, site?.time_zone);
  return by ? t("Proven {at} by {by}", { at, by }) : t("Proven {at}", { at });
}

export function dueLine(device, site) {
  const said = dueInWords(device, site?.time_zone);
  const how = device.proof === "overdue" ? "overdue" : "quiet";
  return said ? html`<span class=${how} data-testid="due">${said}</span>` : nothing;
}

export function problem(said) {
  return said ? html`<p class="problem" role="alert">${said}</p>` : nothing;
}
