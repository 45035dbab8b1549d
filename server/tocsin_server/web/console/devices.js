// The buttons' health: the ones that would not be heard come first.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { fromServer } from "./from-server.js";
import { t, tHtml } from "./language.js";
import {
  counted,
  dayInWords,
  deviceStateInWords,
  networkChangedInWords,
  networkInWords,
  quietInWords,
} from "./words.js";

const ORDER = ["lost", "late", "never_heard"];
// Up to here all are listed; beyond it the healthy ones fold, so that a lost one stands out.
const OPEN_MAX = 12;

export function unwell(devices) {
  return [...devices.values()].filter((device) => device.state !== "ok");
}

export function devicesPanel(devices, sites) {
  const zones = new Map(sites.map((site) => [site.site_id, site.time_zone]));
  const all = [...devices.values()].sort(
    (one, other) => rank(one) - rank(other) || (one.label ?? "").localeCompare(other.label ?? ""),
  );
  const bad = all.filter((device) => rank(device) < ORDER.length + 1);
  const well = all.slice(bad.length);
  return html`
    <section class="side" id="buttons" data-testid="devices">
      <h2>${t("Buttons")}</h2>
      <p class="aside">${summary(all)}</p>
      ${changedNetworks(all)}
      ${rows(bad, zones)}
      ${
        all.length <= OPEN_MAX
          ? rows(well, zones)
          : html`<details>
              <summary>${counted(well.length, t("button is well"), t("buttons are well"))}</summary>
              ${rows(well, zones)}
            </details>`
      }
      ${unsetClocks(all)}
    </section>
  `;
}

function summary(all) {
  if (all.length === 0) {
    return t(
      "No buttons are set up yet, so nobody can press one. Add them with “tocsin device add”.",
    );
  }
  const silent = all.filter((device) => device.state === "lost").length;
  const ill = all.filter((device) => ["fault", "doubtful"].includes(shownState(device))).length;
  const buttons = counted(all.length, t("button"), t("buttons"));
  if (silent > 0) {
    return t(
      "{silent} of {buttons} lost: tell these rooms to use the phone, and send someone to look.",
      { silent, buttons },
    );
  }
  return ill > 0
    ? t("{buttons}, none lost, {ill} with a fault.", { buttons, ill })
    : t("{buttons}, none lost.", { buttons });
}

// Once for each site: under every button of it, it would look like as many troubles.
function changedNetworks(all) {
  const sites = new Map();
  for (const device of all) {
    if (!device.network_changed_at) continue;
    const known = sites.get(device.site_id);
    sites.set(device.site_id, { name: device.site, buttons: (known?.buttons ?? 0) + 1 });
  }
  return [...sites.values()].map(
    ({ name, buttons }) =>
      html`<p class="health" data-testid="network-changed" role="status">
        ${networkChangedInWords(name, buttons)}
      </p>`,
  );
}

// Said once for all: it is no fault, and under every button it would push the map away.
function unsetClocks(all) {
  const unset = all.filter((device) => device.clock_synced === false);
  if (unset.length === 0) return nothing;
  const n = unset.length;
  const said =
    n === 1
      ? t("{n} button has no set clock; the times shown are the server's.", { n })
      : t("{n} buttons have no set clock; the times shown are the server's.", { n });
  return html`<details class="quiet" data-testid="unset-clocks">
    <summary>${said}</summary>
    <p>${unset.map((device) => [name(device), device.site].filter(Boolean).join(", ")).join(" · ")}</p>
  </details>`;
}

// An unknown state is not known to be well.
function rank(device) {
  if (device.state === "ok") return device.health?.length ? ORDER.length : ORDER.length + 1;
  const place = ORDER.indexOf(device.state);
  return place === -1 ? 0 : place;
}

function rows(devices, zones) {
  if (devices.length === 0) return nothing;
  return html`<ul class="rows">
    ${repeat(
      devices,
      (device) => device.device_id,
      (device) => row(device, zones.get(device.site_id)),
    )}
  </ul>`;
}

function name(device) {
  return device.room ?? device.label ?? device.device_id;
}

// Whatever somebody has to see to goes before that it is heard.
function shownState(device) {
  if (device.state !== "ok") return device.state;
  if (device.place_doubtful_since) return "doubtful";
  return device.advice?.length ? "fault" : "ok";
}

function row(device, zone) {
  const quiet = quietInWords(device, zone);
  const shown = shownState(device);
  const { said, mark, means } = deviceStateInWords(shown);
  return html`
    <li data-testid="device-row" data-device-id=${device.device_id} data-state=${shown}>
      <p class="device-name">
        <strong class="device-state"><span aria-hidden="true">${mark}</span> ${said}</strong>
        <span>${name(device)}</span>
      </p>
      <p class="quiet">
        ${[device.site, device.label !== device.room ? device.label : null]
          .filter(Boolean)
          .join(" · ")}
      </p>
      ${means ? html`<p>${sentence(means)}</p>` : nothing}
      ${(device.health ?? []).map((line) => html`<p class="health">${fromServer(line)}</p>`)}
      ${quiet ? html`<p data-testid="quiet">${quiet}</p>` : nothing}
      <p class="quiet">
        ${heardInWords(device)} ·
        ${[
          provenInWords(device),
          batteryInWords(device),
          device.network ? networkInWords(device.network) : null,
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
    </li>
  `;
}

function heardInWords({ last_heard_at }) {
  if (!last_heard_at) return t("Never heard");
  return tHtml("Heard {age} ago", { age: html`<time data-since=${last_heard_at}></time>` });
}

function provenInWords({ last_proven_at, last_proven_by: who }) {
  if (!last_proven_at) return t("not proven yet: press it, and have somebody acknowledge");
  const day = dayInWords(last_proven_at);
  return who ? t("last proven {day} by {who}", { day, who }) : t("last proven {day}", { day });
}

function batteryInWords({ battery_pct: pct }) {
  return pct === null || pct === undefined ? null : t("battery {pct} %", { pct });
}

function sentence(words) {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
