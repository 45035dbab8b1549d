// One button: how it stands, what to do about it, and the way to take it out for good.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { fromServer } from "../console/from-server.js";
import { t, tHtml } from "../console/language.js";
import { dayAndTimeInWords, networkInWords, quietInWords, timeInWords } from "../console/words.js";
import { aroundFields, aroundInWords, placeInWords, roomFields } from "./around.js";
import { ledgerSection } from "./false-alarms.js";
import { siteAddress } from "./route.js";
import { dueLine, problem, provenInWords } from "./site.js";
import { ORDER, placeOf, standingOf } from "./standing.js";

export function buttonPage(what) {
  const { id, situation, acts, may, up, asking, onAsk, placing, facts, onProve } = what;
  const device = situation.devices.get(id);
  const out = acts.revoked.get(id);
  const site_id = out?.where.site_id ?? device?.site_id;
  const site = situation.sites.find((each) => each.site_id === site_id);
  const known = out || device;
  return html`
    <main class="keeper narrow">
      <p class="back"><a href=${known ? siteAddress(site_id) : "#/"}>
        ‹ ${known ? (site?.name ?? t("Without a site")) : t("Sites")}
      </a></p>
      ${out ? takenOut({ out, site, acts }) : device ? inService({ device, site, acts, may }) : unknown(id, up)}
      ${device && !out && may.keep ? proveHere({ device, acts, onProve }) : nothing}
      ${device && !out && placing.place ? around({ placing, site: facts.get(site_id), may }) : nothing}
      ${device && !out ? ledgerSection({ ledger: acts.ledgers.get(id), site, acts, may }) : nothing}
      ${device && !out && may.keep ? takeOut({ device, acts, asking, onAsk }) : nothing}
    </main>
  `;
}

function unknown(id, up) {
  return html`
    <h1>${id}</h1>
    <p class="lead">
      ${
        up
          ? t("There is no such button in service here: it was taken out, or it is another county's.")
          : t("This button is not known yet: this page is not connected.")
      }
    </p>
  `;
}

function inService({ device, site, acts, may }) {
  const quiet = quietInWords(device, site?.time_zone);
  const standing = standingOf(device);
  const advice = device.advice?.length ? device.advice : [standing.todo].filter(Boolean);
  return html`
    <header class="head"><h1>${placeOf(device)}</h1></header>
    <section class="box state ${standing.name}" data-testid="state" data-standing=${standing.name}>
      <p class="standing big"><span aria-hidden="true">${standing.mark}</span> ${standing.said}</p>
      ${
        device.health?.length
          ? device.health.map((line) => html`<p><b>${fromServer(line)}</b></p>`)
          : standing.means
            ? html`<p><b>${standing.means}</b></p>`
            : nothing
      }
      ${advice.map((line) => html`<p>${fromServer(line)}</p>`)}
      ${quiet ? html`<p data-testid="quiet">${quiet}</p>` : nothing}
      <p>${provenInWords(device, site)}.</p>
      ${dueLine(device, site)}
      ${device.place_doubtful_since && may.keep ? confirmPlace({ device, acts }) : nothing}
      ${device.faults?.includes("settings") && may.keep ? acceptSettings({ device, acts }) : nothing}
    </section>
    <dl class="facts">
      ${fact(t("Name"), device.device_id)}
      ${fact(t("Last heard"), lastHeard(device.last_heard_at))}
      ${fact(t("Network"), device.network ? networkInWords(device.network) : null)}
      ${fact(t("Battery"), device.battery_pct === null ? null : `${device.battery_pct} %`)}
      ${fact(t("Software"), device.firmware)}
      ${fact(t("Update"), fromServer(device.update))}
      ${fact(t("Clock"), device.clock_synced === false ? t("not set, which is no fault") : null)}
    </dl>
  `;
}

function lastHeard(at) {
  return at ? tHtml("{age} ago", { age: html`<time data-since=${at}></time>` }) : t("never");
}

// A proven button is left alone: a drill of it would make a press in need look like a test.
function proveHere({ device, acts, onProve }) {
  if (device.last_proven_at || device.state !== "ok") return nothing;
  const about = `proof of ${device.device_id}`;
  return html`
    <section class="box" data-testid="prove-here">
      <h2>${t("Prove it where it is")}</h2>
      <p>
        ${tHtml(
          "For five minutes a press of this button alone is a test, and pages nobody. Begin it only when " +
            "you {beside}.",
          { beside: html`<b>${t("stand beside it")}</b>` },
        )}
      </p>
      <button
        class="primary calm wide"
        data-testid="prove-now"
        ?disabled=${acts.busy(about)}
        @click=${() => onProve(device.device_id)}
      >
        ${acts.busy(about) ? t("Beginning…") : t("I stand beside it: prove it now")}
      </button>
      ${problem(acts.problem(about))}
    </section>
  `;
}

function around({ placing, site, may }) {
  const { place, editing } = placing;
  const busy = placing.acts.busy(placing.about);
  if (editing === "move") return moveForm({ placing, site });
  if (editing === "around") {
    return html`
      <form class="box place-form" data-testid="around-form" @submit=${(event) => placing.submit(event)}>
        <h2>${t("Where it is")}</h2>
        ${aroundFields({ place, site, spot: placing.spot, onSpot: placing.tap })}
        ${problem(placing.acts.problem(placing.about))}
        <button class="primary calm wide" data-testid="save-around" ?disabled=${busy}>${t("Save")}</button>
        <button type="button" class="wide" @click=${() => placing.edit(null)}>${t("Leave it as it was")}</button>
      </form>
    `;
  }
  const known = place.kind || place.surroundings || place.on_plan;
  return html`
    <section class="box" data-testid="around">
      <h2>${t("Where it is")}</h2>
      <p><b>${placeInWords(place)}</b></p>
      ${
        known
          ? aroundInWords({ place, site })
          : html`<p class="quiet">${t("Nobody has said more of the place yet.")}</p>`
      }
      ${moved(place, site)}
      ${
        may.keep
          ? html`
              <button data-testid="edit-around" @click=${() => placing.edit("around")}>
                ${known ? t("Change it") : t("Say more of the place")}
              </button>
              <button data-testid="move" @click=${() => placing.edit("move")}>
                ${t("Move it to another place…")}
              </button>
            `
          : nothing
      }
    </section>
  `;
}

function moved({ moved: move }, site) {
  if (!move) return nothing;
  return html`<p class="quiet" data-testid="moved">
    ${t("Moved here from {moved_from} by {moved_by} on {at}.", {
      ...move,
      at: dayAndTimeInWords(move.moved_at, site?.time_zone),
    })}
  </p>`;
}

function moveForm({ placing, site }) {
  const { place, to } = placing;
  const busy = placing.acts.busy(placing.about);
  const others = (site?.places ?? []).filter((each) => each.place_id !== place.place_id);
  return html`
    <form class="box place-form" data-testid="move-form" @submit=${(event) => placing.move(event)}>
      <h2>${t("Move it to another place")}</h2>
      <p>
        ${tHtml(
          "Carry it there first, and plug it in. From then on {again}: until somebody has pressed it " +
            "there and you have acknowledged that, it counts as not proven, and its alerts say that " +
            "nobody has confirmed the place.",
          { again: html`<b>${t("it has to be proven again")}</b>` },
        )}
      </p>
      ${
        others.length
          ? html`<label class="field">
              ${t("Where is it now?")}
              <select data-testid="move-to" @change=${placing.choose}>
                <option value="" ?selected=${!to}>${t("A new place: write it below")}</option>
                ${byWords(others).map(
                  ([said, { place_id }]) =>
                    html`<option value=${place_id} ?selected=${to === place_id}>${said}</option>`,
                )}
              </select>
            </label>`
          : nothing
      }
      ${
        to
          ? nothing
          : html`
              <p>${t("Write it as it is on the door: police are sent to these words.")}</p>
              ${roomFields({})}
              ${aroundFields({ place: null, site, spot: placing.spot, onSpot: placing.tap })}
            `
      }
      <p class="quiet">${t("An alert of it that is open now keeps the place at which it was pressed.")}</p>
      ${problem(placing.acts.problem(placing.about))}
      <button class="primary calm wide" data-testid="save-move" ?disabled=${busy}>
        ${busy ? t("Moving it…") : t("It is there now: move it")}
      </button>
      <button type="button" class="wide" @click=${() => placing.edit(null)}>${t("Leave it where it was")}</button>
    </form>
  `;
}

// The room first, then the spot, as people look for them.
function byWords(places) {
  return places
    .map((place) => [placeInWords(place), place])
    .sort(([one], [other]) => ORDER.compare(one, other));
}

function acceptSettings({ device, acts }) {
  const about = `settings ${device.device_id}`;
  return html`
    <button
      class="wide"
      data-testid="accept-settings"
      ?disabled=${acts.busy(about)}
      @click=${() => acts.acceptSettings(device.device_id)}
    >
      ${acts.busy(about) ? t("Accepting…") : t("They are right: accept these settings")}
    </button>
    ${problem(acts.problem(about))}
  `;
}

function confirmPlace({ device, acts }) {
  const { device_id } = device;
  return html`
    <button
      class="wide"
      data-testid="confirm-place"
      ?disabled=${acts.busy(device_id)}
      @click=${() => acts.confirmPlace(device_id)}
    >
      ${t("I looked: it is at {place}", { place: placeOf(device) })}
    </button>
    ${problem(acts.problem(device_id))}
  `;
}

function fact(name, value) {
  if (value === null || value === undefined) return nothing;
  return html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;
}

function takeOut({ device, acts, asking, onAsk }) {
  const { device_id: id, site_id } = device;
  const revoke = (because) => acts.revoke(id, because, { site_id, place: placeOf(device) });
  if (!asking) {
    return html`
      <p><button class="wide danger" data-testid="lost-or-stolen" @click=${() => onAsk(true)}>
        ${t("Lost or stolen…")}
      </button></p>
    `;
  }
  const busy = acts.busy(id);
  return html`
    <section class="box ask" data-testid="revoke-ask" role="group" aria-label=${t("Take this button out")}>
      <h2>${t("Take this button out for good?")}</h2>
      <p>
        ${tHtml(
          "Its keys are refused at once and everywhere, by the server and by every broker. If somebody " +
            "presses it, dispatchers see an unverified message. {never}: if it is found, it is set up " +
            "anew, with a new code.",
          { never: html`<b>${t("It can never be used again")}</b>` },
        )}
      </p>
      <button class="primary wide" ?disabled=${busy} @click=${() => revoke("lost")}>
        ${t("It is lost: take it out")}
      </button>
      <button class="primary wide" ?disabled=${busy} @click=${() => revoke("stolen")}>
        ${t("It was stolen: take it out")}
      </button>
      <button class="wide" ?disabled=${busy} @click=${() => onAsk(false)}>${t("Keep it")}</button>
      <p aria-live="polite">${busy ? t("Taking it out. The brokers are asked whether it holds…") : ""}</p>
      ${problem(acts.problem(id))}
    </section>
  `;
}

function takenOut({ out, site, acts }) {
  const { device_id: id, where } = out;
  const busy = acts.busy(id);
  const zone = site?.time_zone;
  return html`
    <header class="head">
      <h1>${where.place}</h1>
      ${where.place === id ? nothing : html`<p class="quiet">${id}</p>`}
    </header>
    <section class="box" data-testid="taken-out" data-in-force=${out.in_force} role="status">
      <h2>${out.in_force ? t("Out of service, everywhere") : t("Out of service, but NOT everywhere yet")}</h2>
      <p>
        ${reportedInWords(out, zone)}
        ${t("The server refuses it since {at}.", { at: timeInWords(out.revoked_at, zone) })}
      </p>
      <ul class="brokers">
        ${out.brokers.map(
          (broker) => html`
            <li data-testid="broker" data-in-force=${broker.in_force}>
              <span aria-hidden="true">${broker.in_force ? "✓" : "✗"}</span>
              ${broker.in_force ? t("In force at {name}.", broker) : `${fromServer(broker.says)}.`}
            </li>
          `,
        )}
        ${out.remarks.map((remark) => html`<li><span aria-hidden="true">✗</span> ${fromServer(remark)}</li>`)}
      </ul>
      ${
        out.in_force
          ? html`<p>${t("Put another button there, or tell the people in the room to use the telephone.")}</p>`
          : html`
              <p>
                ${t(
                  "Until it holds everywhere, its presses may still reach a broker. No alert comes of them: " +
                    "dispatchers see them as unverified.",
                )}
              </p>
              <button
                class="wide"
                ?disabled=${busy}
                @click=${() => acts.revoke(id, out.revoked_because, where)}
              >
                ${busy ? t("Asking…") : t("Ask again")}
              </button>
            `
      }
      ${problem(acts.problem(id))}
    </section>
  `;
}

// Somebody may have taken it out before, elsewhere, for a reason that is not asked for here.
function reportedInWords({ revoked_because, revoked_by: by, revoked_at }, time_zone) {
  const said = { by, at: dayAndTimeInWords(revoked_at, time_zone) };
  switch (revoked_because) {
    case "lost":
      return t("Reported lost by {by} on {at}.", said);
    case "stolen":
      return t("Reported stolen by {by} on {at}.", said);
    case "compromised":
      return t("Reported compromised by {by} on {at}.", said);
    default:
      return t("Reported retired by {by} on {at}.", said);
  }
}
