// A site as somebody writes it: made anew, or changed. The server says what is wrong, field by field.

import { get, post } from "../console/api.js";
import { fromServer } from "../console/from-server.js";
import { t } from "../console/language.js";
import { loadMap } from "../console/map-panel.js";

const LINES = ["entrances", "contacts"]; // one a line here, parted by semicolons in a file
const CHECKED = ["county_confirmed", "agency_confirmed"];
const MAP_COUNTY = /^[0-9]{5}$/;

export class Forming {
  site = null; // as it is on the server; null: a new one
  values = {};
  errors = {};
  suggestion = null;
  map = null; // null: not asked for; "failed", or the element
  isOpen = false;

  // `home`: the reader's jurisdiction, which is mostly a county's code.
  constructor({ acts, situation, changed, saved, home }) {
    this.acts = acts;
    this.situation = situation;
    this.changed = changed;
    this.saved = saved;
    this.home = home;
  }

  get about() {
    return `form of ${this.site?.site_id ?? "a new site"}`;
  }

  // Where it is open already, nothing that was typed is lost.
  open(site) {
    if (this.isOpen && this.site?.site_id === site?.site_id) return;
    const values = site ? valuesOf(site) : {};
    Object.assign(this, { site, values, errors: {}, suggestion: null, map: null, isOpen: true });
    if (site) this.suggest();
  }

  close() {
    this.isOpen = false;
  }

  // What is typed is kept as it is typed: the county depends on the coordinates, and what is confirmed
  // on what is written.
  type(event) {
    const { name, value, type, checked } = event.target;
    this.values[name] = type === "checkbox" ? checked : value;
    delete this.errors[name];
    if (name === "latitude" || name === "longitude") this.suggest();
    this.changed();
  }

  async suggest() {
    const { latitude, longitude } = this.values;
    const point = `latitude=${encodeURIComponent(latitude)}&longitude=${encodeURIComponent(longitude)}`;
    this.asked = point;
    const known = latitude && longitude ? await get(`counties?${point}`).catch(() => null) : null;
    if (this.asked !== point) return; // somebody types on
    this.suggestion = known?.county_fips ? known : null;
    this.changed();
  }

  take() {
    const { county, county_fips, state } = this.suggestion;
    Object.assign(this.values, { county, county_fips, state, county_confirmed: false });
    this.changed();
  }

  async showMap() {
    const element = document.createElement("div");
    element.className = "sites-map";
    element.dataset.testid = "pick-map";
    this.map = element;
    this.changed();
    try {
      const map = await loadMap(element);
      map.resized();
      map.update({ sites: this.#around(), alerts: [] });
      const { latitude, longitude } = this.values;
      const at = latitude && longitude ? [Number(latitude), Number(longitude)] : null;
      map.choose({ at, onChosen: (point) => this.#chosen(point) });
    } catch {
      this.map = "failed";
    }
    this.changed();
  }

  // Without any site the map begins with the reader's own county.
  #around() {
    const { sites } = this.situation;
    const home = this.home();
    return MAP_COUNTY.test(home) ? [...sites, { county_fips: home }] : sites;
  }

  #chosen([latitude, longitude]) {
    Object.assign(this.values, { latitude: latitude.toFixed(5), longitude: longitude.toFixed(5) });
    this.suggest();
    this.changed();
  }

  #body() {
    const { version = "" } = this.site ?? {};
    return { version, ...bodyOf(this.values) };
  }

  async submit(event) {
    event.preventDefault();
    const path = this.site ? `sites/${this.site.site_id}` : "sites";
    const answer = await this.acts.ask(this.about, () => post(path, this.#body()), {
      failed: t("What you wrote is not saved."),
    });
    if (!answer) return;
    this.errors = Object.fromEntries(answer.errors.map(({ column, message }) => [column, fromServer(message)]));
    if (answer.site_id) await this.saved(answer);
    this.changed();
  }
}

function valuesOf(site) {
  const text = (value) => (value === null || value === undefined ? "" : String(value));
  const names = ["address", "county", "county_fips", "state", "responding_agency", "time_zone"];
  const values = Object.fromEntries([...names, "opening_hours"].map((name) => [name, text(site[name])]));
  return {
    ...values,
    site_name: site.name,
    latitude: text(site.latitude),
    longitude: text(site.longitude),
    entrances: site.entrances.join("\n"),
    contacts: site.contacts.map(contactInWords).join("\n"),
  };
}

function contactInWords({ name, role, phone }) {
  return [name, role, phone].filter(Boolean).join(", ");
}

function bodyOf(values) {
  const body = {};
  for (const [name, value] of Object.entries(values)) {
    if (CHECKED.includes(name)) body[name] = value;
    else body[name] = LINES.includes(name) ? value.split("\n").join(";") : value.trim();
  }
  return { site_name: "", ...body };
}
