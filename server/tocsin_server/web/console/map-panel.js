// The map's place on the page. It fetches the map only after the alerts are on screen, keeps one
// element for as long as the page lives, and turns any failure into one quiet line.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";

// It follows the alerts a moment later: in a storm it must not be drawn anew for each of them.
const FOLLOWS_MS = 250;

export class MapPanel {
  #element = document.createElement("div");
  #map = null;
  #asked = false;
  #shown = false;
  #failed = false;
  #following = null;
  #streets = { shown: false, missing: false };

  constructor(changed) {
    this.changed = changed;
    this.#element.className = "sites-map";
    this.#element.dataset.testid = "map";
    addEventListener("resize", () => this.#map?.resized());
  }

  template({ sites }) {
    const unplaced = sites.filter((site) => !Number.isFinite(site.latitude)).length;
    return html`
      <section class="side map">
        <h2>${t("Sites")}</h2>
        ${
          this.#failed
            ? html`<p class="aside">${t("The map could not be loaded. Alerts do not depend on it.")}</p>`
            : this.#element
        }
        <p class="quiet">
          ${unplaced ? t("{n} of the sites have no position and are not on the map.", { n: unplaced }) : nothing}
          ${t("Outlines: U.S. Census Bureau.")} ${ofStreets(this.#streets)}
        </p>
      </section>
    `;
  }

  // After each rendering, of whichever page.
  update(situation) {
    if (!this.#element.isConnected) {
      this.#shown = false;
      return;
    }
    if (!this.#asked) {
      this.#asked = true;
      setTimeout(() => this.#load(situation), 300);
    }
    if (this.#map === null) return;
    if (!this.#shown) this.#map.resized();
    this.#shown = true;
    this.#following ??= setTimeout(() => this.#follow(situation), FOLLOWS_MS);
  }

  #what(situation) {
    return { sites: situation.sites, alerts: [...situation.alerts.values()] };
  }

  async #load(situation) {
    try {
      const map = await loadMap(this.#element);
      this.#map = map;
      map.resized();
      await map.update(this.#what(situation));
      await this.#lay(map);
    } catch {
      this.#fail();
    }
  }

  // Without them the outlines are the map.
  async #lay(map) {
    const missing = () => this.#know({ missing: true });
    try {
      const { layStreets } = await import("./streets.js");
      this.#know({ shown: await layStreets(map, { onFault: missing }) });
    } catch {
      missing();
    }
  }

  #know(streets) {
    const before = JSON.stringify(this.#streets);
    Object.assign(this.#streets, streets);
    if (JSON.stringify(this.#streets) !== before) this.changed();
  }

  async #follow(situation) {
    this.#following = null;
    try {
      await this.#map?.update(this.#what(situation));
    } catch {
      this.#fail();
    }
  }

  #fail() {
    this.#failed = true;
    this.#map = null;
    this.changed();
  }
}

// Whose they are, as their licence asks; and that they are not all there.
function ofStreets({ shown, missing }) {
  return html`
    ${shown ? t("Streets: © OpenStreetMap contributors, openstreetmap.org/copyright.") : nothing}
    ${
      missing
        ? html`<b data-testid="streets-missing">${t(
            "Streets are missing: load the page again, or tell whoever runs the server.",
          )}</b>`
        : nothing
    }
  `;
}

// With its library and its outlines, which a page loads only when it is to show a map.
export async function loadMap(element) {
  const [{ SitesMap }] = await Promise.all([import("./map.js"), styled()]);
  const map = new SitesMap(element);
  await map.loadOutlines();
  return map;
}

function styled() {
  const sheet = document.createElement("link");
  sheet.rel = "stylesheet";
  sheet.href = "/static/vendor/leaflet/leaflet.css";
  const loaded = new Promise((resolve, reject) => {
    sheet.onload = resolve;
    sheet.onerror = reject;
  });
  document.head.prepend(sheet);
  return loaded;
}
