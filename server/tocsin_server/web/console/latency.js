// How long each stage took, from the press: for those who must show that alerts are answered.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { save } from "./api.js";
import { t } from "./language.js";
import { answeredPlot, stageBar } from "./latency-plot.js";
import { groupsTable, shareOf } from "./latency-groups.js";
import { trendPlot } from "./trend-plot.js";
import { counted, dayAndTimeInWords, durationInWords, kindInWords, kinds } from "./words.js";

const STAGES = {
  received: t("Received by the server"),
  stored: t("Stored for good"),
  on_screen: t("Painted on a screen"),
  provider_accepted: t("Taken by the phone carrier"),
  delivered: t("On a phone"),
  acknowledged: t("Acknowledged by a person"),
  resolved: t("Resolved"),
};
const DAYS = [1, 7, 30, 90, 365];
const EACH = [
  ["day", t("Day by day")],
  ["week", t("Week by week")],
  ["month", t("Month by month")],
];
const BY = [
  ["site", t("By site"), t("Site")],
  ["shift", t("By shift"), t("Shift")],
  ["kind", t("By kind"), t("Kind")],
  ["person", t("By person"), t("Person")],
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
      <h1>${t("From press to person")}</h1>
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
        said: t("Period"),
        options: DAYS.map((days) => [days, days === 1 ? t("Last 24 hours") : t("Last {days} days", { days })]),
        wanted,
        onWant: inSteps,
        convert: Number,
      })}
      ${field("site_id", t("Site"), [["", t("All sites")], ...sites.map((site) => [site.site_id, site.name])])}
      ${field("kind", t("Kind"), [["", t("All kinds")], ...kinds.map((kind) => [kind, kindInWords(kind)])])}
      ${field(
        "shift",
        t("Shift"),
        [["", t("All day")], ...shifts.map((shift) => [shift.begins, shift.name])],
        (value) => (value === "" ? "" : Number(value)),
      )}
      ${field(
        "drill",
        t("Alerts"),
        [
          [false, t("Real ones")],
          [true, t("Drills")],
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
      ${
        wanted.drill
          ? t("No drills in this period, so there is nothing to measure.")
          : t("No real alerts in this period, so there is nothing to measure.")
      }
    </p>`;
  }
  const never = count - answer.stages.find((stage) => stage.name === "acknowledged").count;
  const measured = counted(count, t("alert"), t("alerts"));
  const lines_s = answer.within.map((line) => line.seconds);
  return html`
    <section class="side">
      <h2>${t("Acknowledged by a person")}</h2>
      <p class="aside" data-testid="measured">
        ${
          never
            ? html`${measured}, <strong>${t("{n} of them without any acknowledgement", { n: never })}</strong>.`
            : t("{alerts}, all acknowledged.", { alerts: measured })
        }
        ${
          answer.measured < count
            ? t("Percentiles are of {n} of them, drawn by lot; everything else is of all.", { n: answer.measured })
            : nothing
        }
      </p>
      <ul class="within">
        ${answer.within.map((line) => {
          const share = shareOf(line.count, count);
          return html`<li data-testid="within" data-seconds=${line.seconds}>
            <strong>${share} %</strong>
            <span>${t("within {n} s", { n: line.seconds })}</span>
            <meter min="0" max="100" value=${share} aria-hidden="true"></meter>
          </li>`;
        })}
      </ul>
      ${answeredPlot({ alerts, references_s: lines_s, width })}
      <p class="aside">
        ${
          alerts.length < count
            ? t("A dot is an alert, of the newest {n}: its day, and how long it took.", { n: alerts.length })
            : t("A dot is an alert: its day, and how long it took.")
        }
        ${t(
          "A triangle was never acknowledged. Lines at 15 s and 20 s: emergency calls are to be answered within" +
            " these, 90 % and 95 % of them (NENA). Lines at 30 s and 60 s: what monitoring stations are held to" +
            " for hold-up alarms.",
        )}
      </p>
    </section>
  `;
}

function overTime({ trend, wanted, width, onWant, onRefused }) {
  const groups = trend.answer?.groups ?? [];
  return html`
    <section class="side" data-testid="over-time">
      <h2>${t("Over time")}</h2>
      <p class="aside">
        ${t("Time until acknowledged: the whole line is p50, the broken one p90. A gap has no alert.")}
      </p>
      <div class="filters">
        ${select({ name: "each", said: t("Steps"), options: EACH, wanted, onWant })}
        ${saving({ by: wanted.each, wanted, onRefused })}
      </div>
      ${trend.state()}
      ${groups.length ? trendPlot({ groups, each: trend.answer.by, width }) : nothing}
      ${
        groups.length
          ? html`<details class="quiet">
              <summary>${t("The same as a table")}</summary>
              ${groupsTable({ groups, head: t("From") })}
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
  const [, , head] = BY.find(([by]) => by === wanted.by);
  return html`
    <section class="side" data-testid="compared">
      <h2>${t("Compared")}</h2>
      <p class="aside">
        ${t("How many were acknowledged, and within how many seconds. A group of few says little.")}
        ${
          found?.by === "person"
            ? t("By who acknowledged first. {name} allowed it on {at}.", {
                name: answer.by_person.by,
                at: dayAndTimeInWords(answer.by_person.at),
              })
            : nothing
        }
      </p>
      <div class="filters">
        ${select({ name: "by", said: t("Groups"), options, wanted, onWant })}
        ${saving({ by: wanted.by, wanted, onRefused })}
      </div>
      ${groups.state()} ${found ? groupsTable({ groups: named, head }) : nothing}
    </section>
  `;
}

function saving({ by, wanted, onRefused }) {
  const keep = () =>
    save(`latency/groups/file?${asked(wanted, by)}`, `latency-by-${by}.csv`).catch(onRefused);
  return html`<button class="beside" data-testid="save-${by}" @click=${keep}>${t("Download as CSV")}</button>`;
}

function everyStage(answer) {
  return html`
    <section class="side">
      <h2>${t("Every stage")}</h2>
      <p class="aside">
        ${t("Time since the press. p90 means: nine of ten took no longer than this.")}
        <span class="wide-only"
          >${t("In the drawings the dot is p50, the line p90, and the bar ends at p99.")}</span
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
          <th scope="col">${t("Stage")}</th>
          <th scope="col">p50</th>
          <th scope="col">p90</th>
          <th scope="col">p95</th>
          <th scope="col">p99</th>
          <th scope="col">${t("Alerts")}</th>
          <th scope="col" class="wide-only">${t("1 ms to 10 min")}</th>
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
