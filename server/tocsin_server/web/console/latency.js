// How long each stage took, from the press: for those who must show that alerts are answered.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { answeredPlot, stageBar } from "./latency-plot.js";
import { counted, durationInWords } from "./words.js";

// 15 and 20 s: 90 and 95 % of emergency calls answered (NENA). 30 and 60 s: hold-up alarms.
export const REFERENCES_S = [15, 20, 30, 60];

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

export function latencyPath({ days, drill, site_id }) {
  const query = new URLSearchParams({ days, site_id, drill });
  if (!site_id) query.delete("site_id");
  return `latency?${query}`;
}

export function latencyPage({ fetched, wanted, sites, width, onWant }) {
  const answer = fetched.answer;
  return html`
    <main class="page">
      <h1>From press to person</h1>
      ${filters({ wanted, sites, onWant })} ${fetched.state()}
      ${answer ? figures({ answer, wanted, width }) : nothing}
    </main>
  `;
}

function filters({ wanted, sites, onWant }) {
  const choose = (name, convert) => (event) =>
    onWant({ ...wanted, [name]: convert(event.target.value) });
  return html`
    <form class="filters" @submit=${(event) => event.preventDefault()}>
      <label class="field"
        >Period
        <select name="days" @change=${choose("days", Number)}>
          ${DAYS.map(
            (days) =>
              html`<option value=${days} ?selected=${days === wanted.days}>
                ${days === 1 ? "Last 24 hours" : `Last ${days} days`}
              </option>`,
          )}
        </select>
      </label>
      <label class="field"
        >Site
        <select name="site_id" @change=${choose("site_id", String)}>
          <option value="" ?selected=${wanted.site_id === ""}>All sites</option>
          ${sites.map(
            (site) =>
              html`<option value=${site.site_id} ?selected=${site.site_id === wanted.site_id}>
                ${site.name}
              </option>`,
          )}
        </select>
      </label>
      <label class="field"
        >Alerts
        <select name="drill" @change=${choose("drill", (value) => value === "true")}>
          <option value="false" ?selected=${!wanted.drill}>Real ones</option>
          <option value="true" ?selected=${wanted.drill}>Drills</option>
        </select>
      </label>
    </form>
  `;
}

function figures({ answer, wanted, width }) {
  const alerts = answer.alerts ?? [];
  return html`
    ${answered({ alerts, wanted, width })}
    <section class="side">
      <h2>Every stage</h2>
      <p class="aside">
        Time since the press. p90 means: nine of ten took no longer than this.
        <span class="wide-only"
          >In the drawings the dot is p50, the line p90, and the bar ends at p99.</span
        >
      </p>
      ${stagesTable(answer.stages ?? [])}
    </section>
  `;
}

function answered({ alerts, wanted, width }) {
  if (alerts.length === 0) {
    return html`<p class="aside">
      No ${wanted.drill ? "drills" : "real alerts"} in this period, so there is nothing to measure.
    </p>`;
  }
  const times = alerts.map((alert) => alert.stages_ms?.acknowledged ?? null);
  const known = times.filter((time) => time !== null);
  const never = times.length - known.length;
  return html`
    <section class="side">
      <h2>Acknowledged by a person</h2>
      <p class="aside">
        ${counted(alerts.length, "alert", "alerts")}${
          never
            ? html`, <strong>${never} of them without any acknowledgement</strong>`
            : ", all acknowledged"
        }.
      </p>
      <ul class="within">
        ${REFERENCES_S.map((limit_s) => {
          const within = known.filter((time) => time <= limit_s * 1000).length;
          const share = Math.floor((100 * within) / alerts.length);
          return html`<li data-testid="within" data-seconds=${limit_s}>
            <strong>${share} %</strong>
            <span>within ${limit_s} s</span>
            <meter min="0" max="100" value=${share} aria-hidden="true"></meter>
          </li>`;
        })}
      </ul>
      ${answeredPlot({ alerts, references_s: REFERENCES_S, width })}
      <p class="aside">
        A dot is an alert: its day, and how long it took. A triangle was never acknowledged. Lines
        at 15 s and 20 s: emergency calls are to be answered within these, 90 % and 95 % of them
        (NENA). Lines at 30 s and 60 s: what monitoring stations are held to for hold-up alarms.
      </p>
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
