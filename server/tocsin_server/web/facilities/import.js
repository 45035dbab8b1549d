// The page on which a list of sites is taken in: get the table, choose it again, see what it would do.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { fromServer } from "../console/from-server.js";
import { locale, t } from "../console/language.js";
import { problem } from "./site.js";

const SHOWN_MAX = 200; // who has more mistakes mends these first

export function importPage({ importing }) {
  const { answer, busy, file_name } = importing;
  return html`
    <main class="keeper">
      <p class="back"><a href="#/">‹ ${t("Sites")}</a></p>
      <header class="head">
        <h1>${t("A list of sites")}</h1>
        <p class="lead">
          ${t(
            "Many sites at once, from a table with a line for each place of a button. It adds and changes," +
              " and deletes nothing: an empty cell leaves what is there.",
          )}
        </p>
      </header>
      <section class="box">
        <h2>${t("1. Get the table")}</h2>
        <p>
          ${t(
            "It has the sites as they are, and the names of the columns. Change it in Excel or LibreOffice," +
              " or on a map, and save it in the same format.",
          )}
        </p>
        <p class="ways-out">
          <button data-testid="export-csv" ?disabled=${busy} @click=${() => importing.keep("csv")}>
            ${t("Save as CSV")}
          </button>
          <button data-testid="export-geojson" ?disabled=${busy} @click=${() => importing.keep("geojson")}>
            ${t("Save as GeoJSON")}
          </button>
        </p>
      </section>
      <section class="box">
        <h2>${t("2. Choose it again")}</h2>
        <label class="field">
          ${t("CSV or GeoJSON. It is only looked through: nothing is changed yet.")}
          <input
            type="file"
            name="list"
            accept=".csv,.txt,.json,.geojson,text/csv,application/geo+json"
            ?disabled=${busy}
            @change=${importing.choose}
          />
        </label>
        ${busy && file_name && !answer ? html`<p class="quiet" role="status">${t("The server looks through it…")}</p>` : nothing}
        ${problem(importing.problem)}
      </section>
      ${answer ? found(importing) : nothing}
    </main>
  `;
}

function found({ answer, busy, file_name, take }) {
  const { done, counts, errors, warnings } = answer;
  return html`
    <section class="box" data-testid="list-found" role="status">
      <h2>${done ? t("It is taken in") : errors.length ? t("Nothing was changed") : t("3. Take it in")}</h2>
      <p class="quiet">${file_name}</p>
      ${errors.length ? mistakes(errors) : tally(counts, done)}
      ${warnings.length && !done ? doubts(warnings) : nothing}
      ${
        done || errors.length
          ? nothing
          : html`<button class="primary calm" data-testid="take-list" ?disabled=${busy || !changes(counts)} @click=${take}>
              ${changes(counts) ? t("Take it in now") : t("There is nothing to change")}
            </button>`
      }
    </section>
  `;
}

const changes = (counts) =>
  counts.sites_added + counts.sites_changed + counts.places_added + counts.places_changed > 0;

function tally(counts, done) {
  const of = (what) => ({
    added: counts[`${what}_added`],
    changed: counts[`${what}_changed`],
    unchanged: counts[`${what}_unchanged`],
  });
  return html`<ul data-testid="list-counts">
    <li>
      ${
        done
          ? t("Sites: {added} added, {changed} changed, {unchanged} as they were.", of("sites"))
          : t("Sites: {added} will be added, {changed} changed, {unchanged} stay as they are.", of("sites"))
      }
    </li>
    <li>
      ${
        done
          ? t("Places: {added} added, {changed} changed, {unchanged} as they were.", of("places"))
          : t("Places: {added} will be added, {changed} changed, {unchanged} stay as they are.", of("places"))
      }
    </li>
  </ul>`;
}

function mistakes(errors) {
  const said = { n: errors.length.toLocaleString(locale) };
  return html`
    <p>
      <strong>
        ${errors.length === 1 ? t("There is 1 mistake in it.") : t("There are {n} mistakes in it.", said)}
      </strong>
      ${t("Mend the file, save it, and choose it again.")}
    </p>
    ${table(errors, "list-mistakes", t("What is wrong, and what to do"))}
  `;
}

function doubts(warnings) {
  return html`
    <p><strong>${t("Look at these first.")}</strong> ${t("They don't keep the list from being taken in.")}</p>
    ${table(warnings, "list-doubts", t("What may be wrong"))}
  `;
}

function table(problems, testid, heading) {
  const rest = problems.length - SHOWN_MAX;
  return html`
    <div class="list-table" tabindex="0" role="region" aria-label=${heading}>
      <table data-testid=${testid}>
        <thead>
          <tr>
            <th scope="col">${t("Where")}</th>
            <th scope="col">${t("Column")}</th>
            <th scope="col">${heading}</th>
          </tr>
        </thead>
        <tbody>
          ${problems.slice(0, SHOWN_MAX).map(
            ({ at, column, message }) =>
              html`<tr>
                <th scope="row">${fromServer(at)}</th>
                <td>${column ? html`<code>${column}</code>` : nothing}</td>
                <td>${fromServer(message)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${
      rest > 0
        ? html`<p class="quiet">${t("And {n} more, further down the file.", { n: rest.toLocaleString(locale) })}</p>`
        : nothing
    }
  `;
}
