// How long it took until somebody acknowledged, over time: a line for p50 and one for p90, drawn as SVG
// without a library. Time taken is on the same logarithmic scale as on the plot of single alerts.

import { nothing, svg } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";
import { HEIGHT, heightOf, MARGIN, scale } from "./latency-plot.js";
import { counted, durationInWords, monthAndDayInWords } from "./words.js";

const DAY_MS = 86_400_000;
const STEPS_MS = { day: DAY_MS, week: 7 * DAY_MS, month: 31 * DAY_MS };

export function trendPlot({ groups, each, width }) {
  const right = width - MARGIN.right;
  const first = Date.parse(groups[0].key);
  const last = Math.max(Date.parse(groups.at(-1).key), first + STEPS_MS[each]);
  const x = (key) =>
    MARGIN.left + 8 + ((Date.parse(key) - first) / (last - first)) * (right - MARGIN.left - 16);
  const references_s = groups[0].within.map((line) => line.seconds);
  return svg`
    <svg class="plot" width=${width} height=${HEIGHT} viewBox="0 0 ${width} ${HEIGHT}" role="img"
      aria-label=${t("Time until acknowledged over time: p50 and p90. The table below has the same figures")}>
      ${scale({ right, references_s })}
      ${["p90_ms", "p50_ms"].map((name) => line({ groups, each, x, name }))}
      <text class="axis" x=${MARGIN.left} y=${HEIGHT - 6}>${inWords(first)}</text>
      <text class="axis end" x=${right} y=${HEIGHT - 6}>${inWords(last)}</text>
    </svg>
  `;
}

// Days of the jurisdiction, named as they are, whatever zone this screen is in.
const inWords = (at) => monthAndDayInWords(at, "UTC");

function line({ groups, each, x, name }) {
  const known = groups.filter((group) => group[name] !== null);
  const follows = (group, n) =>
    n > 0 && Date.parse(group.key) - Date.parse(known[n - 1].key) <= STEPS_MS[each];
  const path = known
    .map((group, n) => `${follows(group, n) ? "L" : "M"} ${x(group.key)} ${heightOf(group[name])}`)
    .join(" ");
  return svg`
    <path class="trend ${name}" d=${path || nothing}></path>
    ${known.map(
      (group) => svg`<circle class="dot ${name}" cx=${x(group.key)} cy=${heightOf(group[name])} r="3.5">
        <title>${inWords(Date.parse(group.key))}: ${name.slice(0, 3)} ${durationInWords(group[name])}, ${counted(group.count, t("alert"), t("alerts"))}</title>
      </circle>`,
    )}
  `;
}
