// One site: what is being drilled there, what was pressed, and its buttons, the worst first.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { counted, dayAndTimeInWords, quietInWords } from "../console/words.js";
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
      <p class="back"><a href="#/">‹ Sites</a></p>
      <header class="head">
        <h1>${site?.name ?? "Without a site"}</h1>
        ${site?.address ? html`<p class="quiet">${site.address}</p>` : nothing}
        <p class="lead" data-testid="census">${censusLine(devices)}</p>
        ${overdueLine(devices)}
        ${site ? aboutSite({ site, may }) : nothing}
      </header>
      ${site ? drillHere({ site, situation, acts, may, some: devices.length > 0 }) : nothing}
      ${site ? workHere({ site, work: acts.works.get(id), acts, may, some: devices.length > 0 }) : nothing}
      ${isWalked(id, situation) ? nothing : pressed({ id, situation, acts, may })}
      ${devices.length === 0 ? noButtons(may) : nothing}
      <ul class="buttons" aria-label="Buttons of this site">
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
                ${unfinished ? `Go on: ${unfinished.room}, ${unfinished.spot}` : "Add a button"}
              </a>
            </p>`
          : nothing
      }
    </main>
  `;
}

// What is missing is said here, too: every alert from this site will say it.
function aboutSite({ site, may }) {
  const missing = [
    site.address ? null : "address",
    site.county ? null : "county",
    site.responding_agency ? null : "responding agency",
    Number.isFinite(site.latitude) ? null : "position",
  ].filter(Boolean);
  return html`
    ${
      missing.length
        ? html`<p class="wrong" data-testid="site-missing">
            Every alert from here will say that these are missing: ${missing.join(", ")}.
          </p>`
        : nothing
    }
    <nav class="about-site" aria-label="About this site">
      ${may.keep ? html`<a href=${editAddress(site.site_id)} data-testid="edit-site">Change this site</a>` : nothing}
      <a href=${plansAddress(site.site_id)} data-testid="plans-link">Floor plans</a>
    </nav>
  `;
}

function gone(up) {
  return html`
    <main class="keeper">
      <p class="back"><a href="#/">‹ Sites</a></p>
      <h1>${up ? "There is no such site" : "This site is not known yet"}</h1>
      <p class="lead">
        ${up ? "It may have another name now: choose it from the list." : "This page is not connected."}
      </p>
    </main>
  `;
}

function noButtons(may) {
  return html`
    <section class="box" data-testid="no-buttons">
      <h2>No buttons here yet</h2>
      <p>
        ${
          may.keep
            ? "Take a board, the small computer in a button's case, to where it belongs, plug it in, and add it. It takes about two minutes a button."
            : "Whoever keeps the buttons adds them here."
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
        Walk test: prove every button
      </a>
    </p>
    <details class="drill-start" data-testid="drill-start">
      <summary>Start a drill here</summary>
      <form @submit=${(event) => acts.startDrill(site.site_id, event)}>
        <p>
          While it lasts, presses at this site are tests, and outside agencies are told nothing.
          <strong>Call the dispatchers first</strong>: which site, how long.
        </p>
        <fieldset class="choices">
          <legend>How long?</legend>
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
          ${busy ? "Starting…" : "Start the drill"}
        </button>
        ${problem(acts.problem(site.site_id))}
      </form>
    </details>
  `;
}

function openDrill({ drill, site, acts, may }) {
  return html`
    <section class="drill-open" data-testid="drill-open">
      <p class="drill-word"><strong>DRILL</strong> ends <time data-until=${drill.closes_at}></time></p>
      <p>
        Started by ${drill.opened_by} at ${dayAndTimeInWords(drill.opened_at, site.time_zone)}. Before
        you press a button, <strong>wait until its lamp shows the drill</strong>: lit for one second
        in every four. A press before that is a real alert.
      </p>
      ${
        may.drill
          ? html`<button
              class="wide"
              data-testid="drill-end"
              ?disabled=${acts.busy(drill.drill_id)}
              @click=${() => acts.endDrill(drill.drill_id)}
            >
              End the drill
            </button>`
          : nothing
      }
      ${problem(acts.problem(drill.drill_id))}
    </section>
  `;
}

// Its presses are on its own page.
function isWalked(id, situation) {
  return situation.drills.some((drill) => drill.site_id === id && drill.walk_test);
}

function openWalkTest({ drill, site }) {
  return html`
    <section class="drill-open" data-testid="walk-test-open">
      <p class="drill-word"><strong>WALK TEST</strong> ends <time data-until=${drill.closes_at}></time></p>
      <p>
        Started by ${drill.opened_by} at ${dayAndTimeInWords(drill.opened_at, site.time_zone)}. The first
        press of each button is a test, and <strong>the second is a real alert</strong>.
      </p>
      <a class="act" href=${walkAddress(site.site_id)} data-testid="walk-test">Go on with the walk test</a>
    </section>
  `;
}

function pressed({ id, situation, acts, may }) {
  const tests = situation
    .inOrder()
    .filter((alert) => alert.drill && (alert.place?.site_id ?? NO_SITE) === id);
  if (tests.length === 0) return nothing;
  return html`
    <section class="pressed" aria-label="Test presses">
      <h2>${counted(tests.length, "test press", "test presses")}</h2>
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
            ? html`<span class="wrong">${device.health.join(" ")}</span>`
            : standing.means
              ? html`<span class="wrong">${standing.means}</span>`
              : nothing
        }
        ${quiet ? html`<span class="quiet">${quiet}</span>` : nothing}
        ${
          repeatedInWords(ledgers, [device])
            ? html`<b class="wrong" data-testid="repeated">False alarms repeat here</b>`
            : nothing
        }
        <span class="quiet">${provenInWords(device, site)}</span>
        ${dueLine(device, site)}
      </a>
    </li>
  `;
}

export function provenInWords(device, site) {
  if (!device.last_proven_at) return device.moved_at ? "Not proven since it was moved" : "Never proven";
  const by = device.last_proven_by ? ` by ${device.last_proven_by}` : "";
  return `Proven ${dayAndTimeInWords(device.last_proven_at, site?.time_zone)}${by}`;
}

export function dueLine(device, site) {
  const said = dueInWords(device, site?.time_zone);
  const how = device.proof === "overdue" ? "overdue" : "quiet";
  return said ? html`<span class=${how} data-testid="due">${said}</span>` : nothing;
}

export function problem(said) {
  return said ? html`<p class="problem" role="alert">${said}</p>` : nothing;
}
