// A county's own streets below the outlines, where its server has a map of them.
//
// The library that draws them comes only then, and nothing depends on it: without them, or where
// any of it fails, the outlines are the map.

import { get } from "./api.js";
import { language } from "./language.js";

const LIBRARY = "/static/vendor/protomaps/protomaps-leaflet.js";
const TILES = "/api/v1/map/streets.pmtiles";
// Further out there are too many streets to be of use, and no more than a corner of the state.
const ZOOM_MIN = 9;
// The page's colours of what the library draws: its own are too pale to be read at a glance.
const COLOURS = {
  "--map-ground": ["earth", "beach", "glacier", "sand"],
  "--map-green": ["park_a", "park_b", "scrub_a", "scrub_b", "wood_a", "wood_b", "zoo"],
  "--map-water": ["water"],
  "--map-built": ["aerodrome", "buildings", "hospital", "industrial", "pedestrian", "pier", "school"],
  "--map-road": ["major", "railway", "runway"],
  "--map-county": ["boundaries"],
  "--ink": [
    "roads_label_minor",
    "roads_label_major",
    "city_label",
    "state_label",
    "country_label",
    "ocean_label",
  ],
  "--paper": [
    "roads_label_minor_halo",
    "roads_label_major_halo",
    "city_label_halo",
    "state_label_halo",
  ],
};

// Says whether there are any. `onFault` is told, maybe again and again, that a part can't be shown; an
// error, that none can.
export async function layStreets(map, { onFault }) {
  const { streets } = await get("map");
  if (streets === "none") return false;
  if (streets !== "ready") throw new Error(`streets: ${streets}`);
  await loaded(LIBRARY);
  const { PmtilesSource, labelRules, leafletLayer, paintRules } = globalThis.protomapsL;
  const archive = new PmtilesSource(TILES, true).p;
  const header = await archive.getHeader();
  map.lay((color) => {
    const colours = coloursOf(color);
    const layer = leafletLayer({
      url: archive,
      paintRules: paintRules(colours),
      labelRules: labelRules(colours, language),
      minZoom: ZOOM_MIN,
      maxDataZoom: header.maxZoom,
      bounds: [
        [header.minLat, header.minLon],
        [header.maxLat, header.maxLon],
      ],
    });
    for (const { tileCache } of layer.views.values()) watch(tileCache, onFault);
    return layer;
  });
  return true;
}

function coloursOf(color) {
  const named = Object.entries(COLOURS).map(([name, things]) => [color(name), things]);
  return Object.fromEntries(named.flatMap(([colour, things]) => things.map((thing) => [thing, colour])));
}

// The library tells nobody of a tile that does not come, or can't be read.
function watch(tileCache, onFault) {
  const { source } = tileCache;
  tileCache.source = {
    async get(...asked) {
      try {
        return await source.get(...asked);
      } catch (error) {
        if (error.name !== "AbortError") onFault();
        throw error;
      }
    },
  };
}

// It is no module: it leaves its name with the page.
function loaded(address) {
  const script = document.createElement("script");
  script.src = address;
  const done = new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = () => reject(new Error(address));
  });
  document.head.append(script);
  return done;
}
