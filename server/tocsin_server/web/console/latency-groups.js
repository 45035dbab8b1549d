// Alerts by what they have in common: how many, and how soon somebody acknowledged them.

import { html } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";
import { durationInWords } from "./words.js";

// Never more than it was: 100 % is all of them.
export function shareOf(part, all) {
  return all ? Math.floor((100 * part) / all) : 0;
}

export function groupsTable({ groups, head }) {
  const lines_s = groups[0]?.within.map((line) => line.seconds) ?? [];
  return html`
    <table class="groups">
      <thead>
        <tr>
          <th scope="col">${head}</th>
          <th scope="col">${t("Alerts")}</th>
          <th scope="col">p50</th>
          <th scope="col">p90</th>
          ${lines_s.map((seconds) => html`<th scope="col">${seconds} s</th>`)}
          <th scope="col">${t("Never")}</th>
        </tr>
      </thead>
      <tbody>
        ${groups.map(groupRow)}
      </tbody>
    </table>
  `;
}

function groupRow(group) {
  const never = group.count - group.acknowledged;
  return html`
    <tr data-testid="latency-group" data-key=${group.key}>
      <th scope="row">${group.name}</th>
      <td data-head=${t("Alerts")}>${group.count}</td>
      <td data-head="p50">${durationInWords(group.p50_ms)}</td>
      <td data-head="p90">${durationInWords(group.p90_ms)}</td>
      ${group.within.map(
        (line) =>
          html`<td data-head="${line.seconds} s">${shareOf(line.count, group.count)} %</td>`,
      )}
      <td data-head=${t("Never")}>${never ? html`<strong>${never}</strong>` : "0"}</td>
    </tr>
  `;
}
