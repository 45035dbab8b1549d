// How long each stage took, from the press: for those who must show that alerts are answered.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { save } from "./api.js";
import { answeredPlot, stageBar } from "./latency-plot.js";
import { groupsTable, shareOf } from "./latency-groups.js";
import { trendPlot } from "./trend-plot.js";
import { counted, dayAndTimeInWords, durationInWords, kindInWords, kinds } from "./words.js";

const STAGES = {
  received: "Received by the server",
  stored: "Stored for good",
  on_screen: "Painted on a screen",
  provider_accepted: "Taken by the phone carrier",
  delivered: "On a phone",
  acknowledged: "Acknowledged by a person",
  resolved: "Resolved",
};
const DAYS = [1, 7, 30, 90, 365];
const EACH = [
  ["day", "Day by day"],
  ["week", "Week by week"],
  ["month", "Month by month"],
];
const BY = [
  ["site", "By site"],
  ["shift", "By shift"],
  ["kind", "By kind"],
  ["person", "By person"],
];

export const FIRST_WANTED = {
  days: 30,
  drill: false,
  site_id: "",
  kind: "",
  shift: "",
  each: "day",
  by: "site",
};

export function latencyPaths(wanted) {
  return {
    report: `latency?${asked(wanted)}`,
    trend: `latency/groups?${asked(wanted, wanted.each)}`,
    groups: `latency/groups?${asked(wanted, wanted.by)}`,
  };
}

function asked({ days, drill, site_id, kind, shift }, by = "") {
  const given = Object.entries({ days, drill, site_id, kind, shift, by });
  return new URLSearchParams(given.filter(([, value]) => value !== ""));
}

export function latencyPage({ report, trend, groups, wanted, sites, width, onWant, onRefused }) {
  const answer = report.answer;
  return html`
    <main class="page">
      <h1>From press to person</h1>
      ${filters({ wanted, sites, shifts: answer?.shifts ?? [], onWant })} ${report.state()}
      ${answer ? answered({ answer, wanted, width }) : nothing}
      ${answer?.count ? overTime({ trend, wanted, width, onWant, onRefused }) : nothing}
      ${answer?.count ? compared({ groups, answer, wanted, onWant, onRefused }) : nothing}
      ${answer ? everyStage(answer) : nothing}
    </main>
  `;
}

function select({ name, said, options, wanted, onWant, convert = String }) {
  return html`<label class="field"
    >${said}
    <select
      name=${name}
      @change=${(event) => onWant({ ...wanted, [name]: convert(event.target.value) })}
    >
      ${options.map(
        ([value, words]) =>
          html`<option value=${value} ?selected=${value === wanted[name]}>${words}</option>`,
      )}
    </select>
  </label>`;
}

function filters({ wanted, sites, shifts, onWant }) {
  const field = (name, said, options, convert) =>
    select({ name, said, options, wanted, onWant, convert });
  // A longer period in longer steps, until somebody chooses others.
  const inSteps = ({ days, ...others }) =>
    onWant({ ...others, days, each: days > 90 ? "month" : days > 30 ? "week" : "day" });
  return html`
    <form class="filters" @submit=${(event) => event.preventDefault()}>
      ${select({
        name: "days",
        said: "Period",
        options: DAYS.map((days) => [days, days === 1 ? "Last 24 hours" : `Last ${days} days`]),
        wanted,
        onWant: inSteps,
        convert: Number,
      })}
      ${field("site_id", "Site", [["", "All sites"], ...sites.map((site) => [site.site_id, site.name])])}
      ${field("kind", "Kind", [["", "All kinds"], ...kinds.map((kind) => [kind, kindInWords(kind)])])}
      ${field(
        "shift",
        "Shift",
        [["", "All day"], ...shifts.map((shift) => [shift.begins, shift.name])],
        (value) => (value === "" ? "" : Number(value)),
      )}
      ${field(
        "drill",
        "Alerts",
        [
          [false, "Real ones"],
          [true, "Drills"],
        ],
        (value) => value === "true",
      )}
    </form>
  `;
}

function answered({ answer, wanted, width }) {
  const { count, alerts } = answer;
  if (count === 0) {
    return html`<p class="aside">
      No ${wanted.drill ? "drills" : "real alerts"} in this period, so there is nothing to measure.
    </p>`;
  }
  const never = count - answer.stages.find((stage) => stage.name === "acknowledged").count;
  const lines_s = answer.within.map((line) => line.seconds);
  return html`
    <section class="side">
      <h2>Acknowledged by a person</h2>
      <p class="aside" data-testid="measured">
        ${counted(count, "alert", "alerts")}${
          never
            ? html`, <strong>${never} of them without any acknowledgement</strong>`
            : ", all acknowledged"
        }.
        ${
          answer.measured < count
            ? `Percentiles are of ${answer.measured} of them, drawn by lot; everything else is of all.`
            : nothing
        }
      </p>
      <ul class="within">
        ${answer.within.map((line) => {
          const share = shareOf(line.count, count);
          return html`<li data-testid="within" data-seconds=${line.seconds}>
            <strong>${share} %</strong>
            <span>within ${line.seconds} s</span>
            <meter min="0" max="100" value=${share} aria-hidden="true"></meter>
          </li>`;
        })}
      </ul>
      ${answeredPlot({ alerts, references_s: lines_s, width })}
      <p class="aside">
        A dot is an alert${alerts.length < count ? `, of the newest ${alerts.length}` : ""}: its day,
        and how long it took. A triangle was never acknowledged. Lines at 15 s and 20 s: emergency
        calls are to be answered within these, 90 % and 95 % of them (NENA). Lines at 30 s and 60 s:
        what monitoring stations are held to for hold-up alarms.
      </p>
    </section>
  `;
}

function overTime({ trend, wanted, width, onWant, onRefused }) {
  const groups = trend.answer?.groups ?? [];
  return html`
    <section class="side" data-testid="over-time">
      <h2>Over time</h2>
      <p class="aside">
        Time until acknowledged: the whole line is p50, the broken one p90. A gap has no alert.
      </p>
      <div class="filters">
        ${select({ name: "each", said: "Steps", options: EACH, wanted, onWant })}
        ${saving({ by: wanted.each, wanted, onRefused })}
      </div>
      ${trend.state()}
      ${groups.length ? trendPlot({ groups, each: trend.answer.by, width }) : nothing}
      ${
        groups.length
          ? html`<details class="quiet">
              <summary>The same as a table</summary>
              ${groupsTable({ groups, head: "From" })}
            </details>`
          : nothing
      }
    </section>
  `;
}

function compared({ groups, answer, wanted, onWant, onRefused }) {
  const options = BY.filter(([by]) => by !== "person" || answer.by_person);
  const found = groups.answer;
  const named = found?.groups.map((group) =>
    found.by === "kind" ? { ...group, name: kindInWords(group.key) } : group,
  );
  const [, head] = BY.find(([by]) => by === wanted.by);
  return html`
    <section class="side" data-testid="compared">
      <h2>Compared</h2>
      <p class="aside">
        How many were acknowledged, and within how many seconds. A group of few says little.
        ${
          found?.by === "person"
            ? `By who acknowledged first. ${answer.by_person.by} allowed it on
              ${dayAndTimeInWords(answer.by_person.at)}.`
            : nothing
        }
      </p>
      <div class="filters">
        ${select({ name: "by", said: "Groups", options, wanted, onWant })}
        ${saving({ by: wanted.by, wanted, onRefused })}
      </div>
      ${groups.state()} ${found ? groupsTable({ groups: named, head: head.slice(3) }) : nothing}
    </section>
  `;
}

function saving({ by, wanted, onRefused }) {
  const keep = () =>
    save(`latency/groups/file?${asked(wanted, by)}`, `latency-by-${by}.csv`).catch(onRefused);
  return html`<button class="beside" data-testid="save-${by}" @click=${keep}>Download as CSV</button>`;
}

function everyStage(answer) {
  return html`
    <section class="side">
      <h2>Every stage</h2>
      <p class="aside">
        Time since the press. p90 means: nine of ten took no longer than this.
        <span class="wide-only"
          >In the drawings the dot is p50, the line p90, and the bar ends at p99.</span
        >
      </p>
      ${stagesTable(answer.stages)}
    </section>
  `;
}

function stagesTable(stages) {
  return html`
    <table class="stages">
      <thead>
        <tr>
          <th scope="col">Stage</th>
          <th scope="col">p50</th>
          <th scope="col">p90</th>
          <th scope="col">p95</th>
          <th scope="col">p99</th>
          <th scope="col">Alerts</th>
          <th scope="col" class="wide-only">1 ms to 10 min</th>
        </tr>
      </thead>
      <tbody>
        ${stages.map(
          (stage) => html`
            <tr data-testid="latency-stage" data-stage=${stage.name}>
              <th scope="row">${STAGES[stage.name] ?? stage.label ?? stage.name}</th>
              ${[stage.p50_ms, stage.p90_ms, stage.p95_ms, stage.p99_ms].map(
                (figure) => html`<td>${durationInWords(figure)}</td>`,
              )}
              <td>${stage.count}</td>
              <td class="wide-only">${stage.count ? stageBar(stage) : nothing}</td>
            </tr>
          `,
        )}
      </tbody>
    </table>
  `;
}
