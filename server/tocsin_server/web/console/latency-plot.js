// The plots of the latency page, drawn as SVG without a library: a dot per alert, a bar per stage.
//
// Both axes of time are logarithmic: the range that matters runs from milliseconds to minutes.

import { nothing, svg } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";
import { dayInWords, durationInWords } from "./words.js";

export const HEIGHT = 340;
export const MARGIN = { left: 8, right: 62, top: 30, bottom: 26 };
const FASTEST_MS = 1000;
const SLOWEST_MS = 600_000;
const TICKS_MS = [1000, 2000, 5000, 120_000, 300_000, 600_000];

// Time until acknowledged, against the day of the press. Never acknowledged: an open triangle on
// top, since leaving these out would flatter the figures.
export function answeredPlot({ alerts, references_s, width }) {
  const pressed = alerts.map((alert) => Date.parse(alert.pressed_at));
  const first = Math.min(...pressed);
  const last = Math.max(...pressed, first + 3_600_000);
  const right = width - MARGIN.right;
  const x = (at) => MARGIN.left + 8 + ((at - first) / (last - first)) * (right - MARGIN.left - 16);
  return svg`
    <svg class="plot" width=${width} height=${HEIGHT} viewBox="0 0 ${width} ${HEIGHT}" role="img"
      aria-label=${t("Time until acknowledged, one dot per alert, by day")}>
      ${scale({ right, references_s })}
      <text class="axis" x=${right + 6} y=${MARGIN.top - 14}>${t("never")}</text>
      ${alerts.map((alert) => dot({ alert, at: x(Date.parse(alert.pressed_at)) }))}
      <text class="axis" x=${MARGIN.left} y=${HEIGHT - 6}>${dayInWords(first)}</text>
      <text class="axis end" x=${right} y=${HEIGHT - 6}>${dayInWords(last)}</text>
    </svg>
  `;
}

// How long it took, upwards, with the lines that it is held against.
export function scale({ right, references_s }) {
  return svg`
    ${TICKS_MS.map((ms) => rule({ ms, right, name: "tick" }))}
    ${references_s.map((s) => rule({ ms: s * 1000, right, name: "reference" }))}
  `;
}

function rule({ ms, right, name }) {
  const y = heightOf(ms);
  return svg`
    <line class=${name} x1=${MARGIN.left} x2=${right} y1=${y} y2=${y}></line>
    <text class="axis ${name}" x=${right + 6} y=${y + 4}>${scaleInWords(ms)}</text>
  `;
}

function scaleInWords(ms) {
  return ms <= 60_000 ? `${ms / 1000} s` : `${ms / 60_000} min`;
}

function dot({ alert, at }) {
  const took_ms = alert.stages_ms?.acknowledged ?? null;
  const said = `${alert.site ?? ""} ${dayInWords(alert.pressed_at)}: ${
    took_ms === null ? t("never acknowledged") : durationInWords(took_ms)
  }`;
  if (took_ms === null) {
    const y = MARGIN.top - 22;
    return svg`<path class="never" d="M ${at} ${y} l 6 11 l -12 0 z"><title>${said}</title></path>`;
  }
  return svg`<circle class="dot" cx=${at} cy=${heightOf(took_ms)} r="4.5"><title>${said}</title></circle>`;
}

// Clamped: an hour is drawn at the top of the scale, and its tooltip says how long it was.
export function heightOf(ms) {
  const share = Math.log(clamp(ms) / FASTEST_MS) / Math.log(SLOWEST_MS / FASTEST_MS);
  return HEIGHT - MARGIN.bottom - share * (HEIGHT - MARGIN.bottom - MARGIN.top);
}

function clamp(ms) {
  return Math.min(SLOWEST_MS, Math.max(FASTEST_MS, ms));
}

const BAR_WIDTH = 220;
const DECADES_MS = [1, 10, 100, 1000, 10_000, 100_000];

// From p50 to p99 of one stage, with a tick at p90, on one scale for all stages.
export function stageBar(stage) {
  const x = (ms) =>
    (Math.log(Math.min(SLOWEST_MS, Math.max(1, ms))) / Math.log(SLOWEST_MS)) * (BAR_WIDTH - 8) + 4;
  const from = x(stage.p50_ms);
  return svg`
    <svg class="bar" width=${BAR_WIDTH} height="22" viewBox="0 0 ${BAR_WIDTH} 22" aria-hidden="true">
      ${DECADES_MS.map((ms) => svg`<line class="tick" x1=${x(ms)} x2=${x(ms)} y1="2" y2="20"></line>`)}
      <rect class="spread" x=${from} y="7" width=${Math.max(2, x(stage.p99_ms) - from)} height="8"></rect>
      <circle class="dot" cx=${from} cy="11" r="5"></circle>
      ${stage.p90_ms === null ? nothing : svg`<line class="p90" x1=${x(stage.p90_ms)} x2=${x(stage.p90_ms)} y1="3" y2="19"></line>`}
    </svg>
  `;
}
