// The first page: every site with one line that says whether somebody has to go there.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { t } from "../console/language.js";
import { importAddress, newSiteAddress, NO_SITE, siteAddress } from "./route.js";
import { census, overdueCount, repeatedInWords, STANDINGS } from "./standing.js";

export function sitesPage({ situation, acts, up, may }) {
  const devices = [...situation.devices.values()];
  const entries = situation.sites.map((site) => ({
    site_id: site.site_id,
    name: site.name,
    where: site.address,
    devices: devices.filter((device) => device.site_id === site.site_id),
  }));
  const homeless = devices.filter((device) => !device.site_id);
  if (homeless.length) {
    const where = t("Nobody has said where these are: dispatchers could send nobody.");
    entries.push({ site_id: NO_SITE, name: t("Without a site"), where, devices: homeless });
  }
  return html`
    <main class="keeper">
      <h1>${t("Sites")}</h1>
      ${entries.length ? overall(devices) : noSites(up, may)}
      <ul class="sites">
        ${repeat(entries.sort(byTrouble), (entry) => entry.site_id, (entry) => siteLine(entry, acts.ledgers))}
      </ul>
      ${
        may.keep && up
          ? html`<p class="new-site">
              <a href=${newSiteAddress} data-testid="new-site">${t("Make a new site")}</a>
              <a href=${importAddress} data-testid="import">${t("Take in a list of sites")}</a>
            </p>`
          : nothing
      }
    </main>
  `;
}

function byTrouble(one, other) {
  return (
    census(one.devices).worst - census(other.devices).worst || one.name.localeCompare(other.name)
  );
}

function overall(devices) {
  if (devices.length === 0) {
    return html`<p class="lead">${t("No buttons yet. Choose a site, and add the first one there.")}</p>`;
  }
  return html`<p class="lead">${censusLine(devices)}</p>${overdueLine(devices)}`;
}

function noSites(up, may) {
  if (!up) return html`<p class="lead">${t("The sites are not known yet: this page is not connected.")}</p>`;
  return html`
    <section class="box" data-testid="no-sites">
      <h2>${t("No site yet")}</h2>
      <p>
        ${t("A site is a building that people and police know by name. Buttons are added to one.")}
        ${
          may.keep
            ? t("Make the first one here, or have a whole list taken in.")
            : t("Whoever keeps the buttons makes it.")
        }
      </p>
    </section>
  `;
}

function siteLine({ site_id, name, where, devices }, ledgers) {
  const { worst } = census(devices);
  const repeated = repeatedInWords(ledgers, devices);
  const grave = STANDINGS[worst]?.name ?? "empty";
  return html`
    <li>
      <a class="site-line ${grave}" href=${siteAddress(site_id)} data-testid="site-line">
        <span class="site-name">${name}</span>
        <span class="census">${censusLine(devices)}</span>
        ${overdueLine(devices)}
        ${repeated ? html`<b class="wrong" data-testid="repeated">${repeated}</b>` : nothing}
        ${where ? html`<span class="quiet">${where}</span>` : nothing}
      </a>
    </li>
  `;
}

// A quiet line: it is to be done, and alarms nobody.
export function overdueLine(devices) {
  const overdue = overdueCount(devices);
  if (overdue === 0) return nothing;
  return html`<span class="overdue" data-testid="overdue">
    ${
      overdue === 1
        ? t("1 overdue: its last proof is too old")
        : t("{n} overdue: their last proof is too old", { n: overdue })
    }
  </span>`;
}

export function censusLine(devices) {
  const { total, parts } = census(devices);
  if (devices.length === 0) return t("No buttons yet");
  const [only] = parts;
  if (parts.length === 1 && only.name === "armed") return html`${total}, <b>${t("all armed")}</b>`;
  return html`${total}:
  ${parts.map((part, index) => {
    const said = part.counted(part.count);
    const comma = index < parts.length - 1 ? ", " : "";
    const loud = part.name === "lost" ? html`<strong class="loud">${said}</strong>` : said;
    return html`${loud}${comma}`;
  })}`;
}
