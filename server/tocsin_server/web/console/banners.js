// What goes over everything else: the dead line, the muted screen, the system's own faults, drills.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { fromServer } from "./from-server.js";
import { t, tHtml } from "./language.js";
import { canEverSound } from "./sound.js";
import { timeInWords } from "./words.js";

// `means`: what may be wrong on this page, where that isn't about alerts.
export function staleBanner({ up, heard_ms, signedOut, means }) {
  if (up) return nothing;
  const since = heard_ms ? new Date(heard_ms).toISOString() : null;
  return html`
    <section class="banner stale" data-testid="stale-banner" aria-label=${t("The line to the server")}>
      <h2>${staleInWords({ since, signedOut })}</h2>
      <p role="alert">${means ?? alertsMayBeMissing(signedOut)}</p>
    </section>
  `;
}

function staleInWords({ since, signedOut }) {
  if (!since) return signedOut ? t("SIGNED OUT") : t("NOT CONNECTED");
  const when = { at: timeInWords(since), age: html`<time data-since=${since}></time>` };
  return signedOut
    ? tHtml("SIGNED OUT since {at} ({age})", when)
    : tHtml("NOT CONNECTED since {at} ({age})", when);
}

function alertsMayBeMissing(signedOut) {
  return html`
    <strong>${t("Alerts may be missing from this screen.")}</strong>
    ${
      signedOut
        ? t("What is below is what was last known. Sign in to see what is happening now.")
        : t("It is trying to connect by itself, and will say so when it is back.")
    }
    ${t(
      "Until then: watch your phone for text messages, answer every call, and if in doubt call the" +
        " sites directly.",
    )}
  `;
}

export function soundBlocked({ blocked, onEnable }) {
  if (!blocked) return nothing;
  return html`
    <section class="banner silent" data-testid="sound-blocked" role="alert">
      <p>
        <strong>${t("This screen is silent.")}</strong>
        ${
          canEverSound()
            ? t("The browser blocks sound until somebody taps. You would see an alert, but not hear it.")
            : t("This browser cannot make sound. Watch it, or open the console in another browser.")
        }
      </p>
      ${
        canEverSound()
          ? html`<button class="primary" data-testid="enable-sound" @click=${onEnable}>
              ${t("Turn sound on")}
            </button>`
          : nothing
      }
    </section>
  `;
}

export function faultLines(faults) {
  if (!faults.length) return nothing;
  const warnings = faults.filter((fault) => fault.severity === "warning");
  return html`
    <section class="banner faults" aria-label=${t("Faults of the alarm system itself")}>
      ${repeat(
        faults.filter((fault) => fault.severity !== "warning"),
        (fault) => `${fault.check} ${fault.message}`,
        (fault) => html`<p data-testid="fault-line" data-check=${fault.check}>
          <span role="alert"><strong>${t("Fault:")}</strong> ${fromServer(fault.message)}</span> ${forHowLong(fault)}
        </p>`,
      )}
      ${warningLines(warnings)}
    </section>
  `;
}

// On a phone, what can wait for an hour must not push an alert away: the newest stands for all.
function warningLines(warnings) {
  const newest = warnings.at(-1);
  if (!newest) return nothing;
  const before = warnings.slice(0, -1).reverse();
  if (!before.length) return html`<p class="warning" data-testid="warning-line">${warning(newest)}</p>`;
  return html`
    <details class="warning" data-testid="warning-line">
      <summary>
        ${warning(newest)} <strong class="more">${t("and {more} more", { more: before.length })}</strong>
      </summary>
      ${repeat(
        before,
        (fault) => `${fault.check} ${fault.message}`,
        (fault) => html`<p>${warning(fault)}</p>`,
      )}
    </details>
  `;
}

function warning(fault) {
  return html`<span role="status" data-check=${fault.check}
      ><strong>${t("Look into this:")}</strong> ${fromServer(fault.message)}</span
    >
    ${forHowLong(fault)}`;
}

function forHowLong(fault) {
  if (!fault.since) return nothing;
  const age = html`<time data-since=${fault.since}></time>`;
  return html`<span class="since">${tHtml("(for {age})", { age })}</span>`;
}

export function drillBanners({ drills, sites, acts, readOnly }) {
  const zone = (drill) => sites.find((site) => site.site_id === drill.site_id)?.time_zone;
  if (!drills.length) return nothing;
  // Thirty new buttons in an evening would push the alerts away: they share one line.
  const proofs = drills.filter((drill) => drill.device_id);
  return html`
    <section class="banner drills" aria-label=${t("Open drill windows")}>
      ${
        proofs.length === 0
          ? nothing
          : html`<p data-testid="proof-banner">
              <strong class="word">${t("DRILL")}</strong>
              ${t(
                "New buttons are being proven, each by a press that pages nobody for 10 minutes: {buttons}.",
                { buttons: proofs.map((drill) => proofOf(drill)).join("; ") },
              )}
            </p>`
      }
      ${repeat(
        drills.filter((drill) => !drill.device_id),
        (drill) => drill.drill_id,
        (drill) =>
          html`<div data-testid="drill-banner">
            <p>
              <strong class="word">${t("DRILL")}</strong>
              ${windowInWords(drill, zone(drill))} ${whatCounts(drill)}
            </p>
            ${
              readOnly
                ? nothing
                : html`<button @click=${() => acts.endDrill(drill.drill_id)}>
                    ${drill.walk_test ? t("End this walk test") : t("End this drill")}
                  </button>`
            }
          </div>`,
      )}
    </section>
  `;
}

function proofOf({ device_id, site }) {
  return site ? t("{button} at {site}", { button: device_id, site }) : device_id;
}

function windowInWords({ walk_test, closes_at, opened_by, ...drill }, time_zone) {
  const site = drill.site ?? t("every site");
  const said = walk_test ? t("Walk test at {site}", { site }) : t("Drill window open at {site}", { site });
  const known = {
    what: html`<strong>${said}</strong>`,
    at: timeInWords(closes_at, time_zone),
    left: html`<time data-until=${closes_at}></time>`,
  };
  return opened_by
    ? tHtml("{what}, closes at {at} ({left}), opened by {who}.", { ...known, who: opened_by })
    : tHtml("{what}, closes at {at} ({left}).", known);
}

function whatCounts({ walk_test }) {
  return walk_test
    ? t(
        "The first press of each button is a test, and pages nobody for 10 minutes; a second press of" +
          " it is real. If one looks real, press T.",
      )
    : t("Only a press whose button also says “drill” counts as one.");
}
