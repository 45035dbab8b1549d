// Where the sites are, on county and state outlines from the Census, and on streets where the server
// has them: no other host.
//
// Loaded after the list, and nothing depends on it: if any of it fails, the page says so quietly.
// It never moves by itself after the first view, so that nobody loses the place they looked at.

import "../vendor/leaflet/leaflet.js";
import "../vendor/topojson/topojson-client.min.js";
import { t } from "./language.js";
import { isPractice } from "./situation.js";
import { counted } from "./words.js";

const OUTLINES = "/static/vendor/us_atlas/counties-10m.json";
const WHOLE_COUNTRY = [
  [24.5, -125],
  [49.5, -66.5],
];
const ZOOM_MAX = 19; // one house
const { leaflet, topojson } = globalThis;

export class SitesMap {
  #map;
  #markers = leaflet.layerGroup();
  #lines = [];
  #topology = null;
  #seen = null;
  #counties_key = null;
  #streets = null;

  constructor(element) {
    this.#map = leaflet.map(element, {
      attributionControl: false,
      fadeAnimation: false,
      keyboard: false,
      markerZoomAnimation: false,
      maxZoom: ZOOM_MAX,
      minZoom: 0,
      preferCanvas: true,
      scrollWheelZoom: false,
      zoomAnimation: false,
      zoomControl: false,
      zoomSnap: 0.5,
    });
    const zoom = { zoomInTitle: t("Zoom in"), zoomOutTitle: t("Zoom out") };
    leaflet.control.zoom(zoom).addTo(this.#map);
    this.#map.fitBounds(WHOLE_COUNTRY);
    this.#markers.addTo(this.#map);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      if (this.#streets) this.lay(this.#streets.make);
      else this.#recolor();
    });
  }

  async loadOutlines() {
    const response = await fetch(OUTLINES);
    if (!response.ok) throw new Error(`outlines: ${response.status}`);
    this.#topology = await response.json();
  }

  // Cheap when nothing changed.
  async update({ sites, alerts }) {
    const open = openBySite(alerts);
    const seen = JSON.stringify([sites.map(spot), [...open]]);
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#drawSites({ sites, open });
    await this.#drawCounties(sites);
  }

  // Streets, below everything else; `make` gives the layer in the page's colours of the moment.
  lay(make) {
    const layer = make(color).addTo(this.#map);
    this.#streets?.layer.remove();
    this.#streets = { layer, make };
    this.#recolor();
  }

  // Have a tap choose a point; `at`: the one that is chosen already.
  choose({ at, onChosen }) {
    const chosen = leaflet.circleMarker(at ?? [0, 0], { color: color("--alarm"), radius: 11, weight: 4 });
    if (at) chosen.addTo(this.#map);
    this.#map.on("click", ({ latlng }) => {
      const { lat, lng } = latlng.wrap();
      chosen.setLatLng([lat, lng]).addTo(this.#map);
      onChosen([lat, lng]);
    });
  }

  // The page was elsewhere, or turned: the element has a size again.
  resized() {
    this.#map.invalidateSize();
  }

  // One outline after the other, and between them whatever the page has to do for an alert.
  async #drawCounties(sites) {
    const wanted = new Set(sites.map((site) => site.county_fips).filter(Boolean));
    const key = [...wanted].sort().join();
    if (key === this.#counties_key || this.#topology === null) return;
    this.#counties_key = key;
    for (const each of this.#lines) each.layer.remove();
    this.#lines = [];
    const states = new Set([...wanted].map((fips) => fips.slice(0, 2)));
    const { counties, states: all_states } = this.#topology.objects;
    const mesh = (object, filter) => topojson.mesh(this.#topology, object, filter);
    const near = (one, other) => states.has(one.id.slice(0, 2)) || states.has(other.id.slice(0, 2));
    const own = {
      type: "GeometryCollection",
      geometries: counties.geometries.filter((county) => wanted.has(county.id)),
    };
    const home = topojson.feature(this.#topology, own);
    this.#fit({ home, sites });
    const own_style = { className: "county-own", weight: 2.5, fill: true, ink: "--map-own" };
    for (const draw of [
      () => this.#outline(home, own_style),
      () => this.#outline(mesh(counties, near), { weight: 0.8, ink: "--map-county" }),
      () => this.#outline(mesh(all_states), { weight: 1.8, ink: "--map-state" }),
    ]) {
      await nextTask();
      if (key !== this.#counties_key) return;
      this.#lines.push(draw());
    }
  }

  #outline(geometry, { weight, ink, fill = false }) {
    const style = () => ({ color: color(ink), weight, fill, fillOpacity: this.#streets ? 0 : 0.12 });
    const layer = leaflet.geoJSON(geometry, { interactive: false, style }).addTo(this.#map);
    return { layer, style };
  }

  #recolor() {
    for (const { layer, style } of this.#lines) layer.setStyle(style());
  }

  #fit({ home, sites }) {
    const bounds = leaflet.latLngBounds(sites.filter(isPlaced).map(spot));
    if (home.features.length) bounds.extend(leaflet.geoJSON(home).getBounds());
    if (bounds.isValid()) this.#map.fitBounds(bounds, { padding: [12, 12], maxZoom: 13 });
  }

  #drawSites({ sites, open }) {
    this.#markers.clearLayers();
    const placed = sites.filter(isPlaced);
    // What is open is drawn last, so that it lies on top.
    placed.sort((one, other) => open.has(one.site_id) - open.has(other.site_id));
    for (const site of placed) this.#mark(site, open.get(site.site_id));
  }

  #mark(site, alerts) {
    const face = document.createElement("span");
    face.className = alerts ? `pin open ${alerts.real ? "real" : "practice"}` : "pin";
    face.textContent = alerts ? alerts.count : "";
    const label = document.createElement("span");
    label.textContent = alerts
      ? `${site.name}: ${counted(alerts.count, t("open alert"), t("open alerts"))}`
      : site.name;
    const size = alerts ? 34 : 16;
    const icon = leaflet.divIcon({ html: face, className: "pin-box", iconSize: [size, size] });
    const marker = leaflet.marker(spot(site), {
      icon,
      keyboard: false,
      zIndexOffset: alerts ? 1000 : 0,
    });
    marker.bindTooltip(label, { direction: "top", offset: [0, -size / 2] });
    marker.addTo(this.#markers);
  }
}

function nextTask() {
  return new Promise((resolve) => {
    setTimeout(resolve);
  });
}

function openBySite(alerts) {
  const open = new Map();
  for (const alert of alerts) {
    const site_id = alert.place?.site_id;
    if (!site_id) continue;
    const before = open.get(site_id) ?? { count: 0, real: false };
    open.set(site_id, { count: before.count + 1, real: before.real || !isPractice(alert) });
  }
  return open;
}

function isPlaced(site) {
  return Number.isFinite(site.latitude) && Number.isFinite(site.longitude);
}

function spot(site) {
  return [site.latitude, site.longitude];
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
