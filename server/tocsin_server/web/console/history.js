// Alerts that are over, and a search among them. What is asked stands in the page's address, so that
// whoever gets the link finds the same.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { get, save } from "./api.js";
import { locale, t } from "./language.js";
import { isPractice } from "./situation.js";
import {
  dayAndTimeInWords,
  durationInWords,
  kindInWords,
  kinds,
  outcomeInWords,
  outcomes,
  placeInOneLine,
} from "./words.js";

const PATH = "alerts/past";
const COUNT_MAX = 1000; // as the server counts

export class History {
  #query = null; // as it stands in the address
  #asked = 0;
  #form = 0; // another number: the form is made anew, from the address
  #submitted = null;
  #found = null;
  #problem = null;
  #busy = false;

  constructor({ changed, signedOut }) {
    this.changed = changed;
    this.signedOut = signedOut;
  }

  show(query) {
    const asked = query.toString();
    if (asked !== this.#submitted) this.#form += 1;
    if (asked !== this.#query) this.#found = null;
    this.#submitted = asked;
    this.#query = asked;
    this.#load(null);
  }

  forget() {
    this.#query = null;
    this.#found = null;
    this.#problem = null;
  }

  template({ sites }) {
    const wanted = new URLSearchParams(this.#query ?? "");
    return html`
      <main class="page">
        <h1>${t("Resolved alerts")}</h1>
        ${repeat([this.#form], String, () => this.#filters({ wanted, sites }))}
        <div class="found" aria-busy=${this.#busy}>
          <p class="aside" role="status" data-testid="found">${this.#standing(wanted)}</p>
          ${this.#found?.alerts.length ? this.#saving() : nothing}
        </div>
        ${this.#problem ? this.#refusal() : nothing}
        <ul class="history">
          ${(this.#found?.alerts ?? []).map(row)}
        </ul>
        ${this.#found?.more ? this.#moreButton() : nothing}
      </main>
    `;
  }

  #filters({ wanted, sites }) {
    const choice = (name, options) => html`
      <select name=${name} @change=${(event) => event.target.form.requestSubmit()}>
        ${options.map(
          ([value, said]) =>
            html`<option value=${value} ?selected=${value === (wanted.get(name) ?? "")}>${said}</option>`,
        )}
      </select>
    `;
    const text = (name, type) =>
      html`<input name=${name} type=${type} maxlength="200" .value=${wanted.get(name) ?? ""} />`;
    return html`
      <form class="filters" role="search" data-testid="search" @submit=${this.#submit}>
        <label class="field wide">${t("Words: code, room, site, note")} ${text("words", "search")}</label>
        <label class="field">${t("Who had it")} ${text("who", "search")}</label>
        <label class="field">${t("From")} ${text("from_day", "date")}</label>
        <label class="field">${t("Until")} ${text("until_day", "date")}</label>
        <label class="field"
          >${t("Site")}
          ${choice("site_id", [["", t("All sites")], ...sites.map((site) => [site.site_id, site.name])])}
        </label>
        <label class="field"
          >${t("Kind")}
          ${choice("kind", [["", t("All kinds")], ...kinds.map((kind) => [kind, kindInWords(kind)])])}
        </label>
        <label class="field"
          >${t("Alerts")}
          ${choice("drill", [
            ["", t("All of them")],
            ["false", t("Real ones")],
            ["true", t("Drills")],
          ])}
        </label>
        <label class="field"
          >${t("What it was")}
          ${choice("outcome", [
            ["", t("Anything")],
            ...outcomes.map((each) => [each, outcomeInWords(each)]),
          ])}
        </label>
        <div class="field acts">
          <button class="main">${t("Search")}</button>
          <button type="button" @click=${this.#clear}>${t("Clear")}</button>
        </div>
      </form>
    `;
  }

  #submit = (event) => {
    event.preventDefault();
    const given = [...new FormData(event.target)].filter(([, value]) => value.trim() !== "");
    const asked = new URLSearchParams(given).toString();
    this.#submitted = asked;
    if (asked === this.#query) this.#load(null);
    else location.hash = `#/history${asked ? `?${asked}` : ""}`;
  };

  #clear = () => {
    this.#submitted = null;
    if (this.#query) location.hash = "#/history";
    else this.show(new URLSearchParams());
    this.changed();
  };

  #standing(wanted) {
    const found = this.#found;
    if (this.#busy && !found) return t("Searching…");
    if (!found) return "";
    if (found.alerts.length > 0) return foundInWords(found);
    if (wanted.toString() === "") return t("No alert has been resolved yet.");
    return t(
      "Nothing found. Words count whole, but elect* is whatever begins so. Fewer words, more days," +
        " or Clear may find it.",
    );
  }

  #saving() {
    return html`<button data-testid="save" ?disabled=${this.#busy} @click=${this.#save}>
      ${t("Download as CSV")}
    </button>`;
  }

  #moreButton() {
    const n = this.#found.alerts.length;
    const shown = n === 1 ? t("{n} alert is shown.", { n }) : t("{n} alerts are shown.", { n });
    return html`<p class="more">
      <button data-testid="more" ?disabled=${this.#busy} @click=${this.#more}>
        ${this.#busy ? t("Searching…") : t("More")}
      </button>
      <span class="quiet">${shown}</span>
    </p>`;
  }

  #refusal() {
    return html`<p class="problem" role="alert">
      ${this.#problem.message} ${t("Open alerts are not affected.")}
      <button @click=${() => this.#load(null)}>${t("Try again")}</button>
    </p>`;
  }

  #more = () => this.#load(this.#found.alerts.at(-1).alert_id);

  #save = () => this.#trying(() => save(`${PATH}/file?${this.#query}`, "past-alerts.csv"));

  #load(after) {
    const query = new URLSearchParams(this.#query);
    if (after) query.set("after", after);
    return this.#trying(async (isCurrent) => {
      const page = await get(`${PATH}?${query}`);
      if (!isCurrent()) return;
      const before = this.#found;
      this.#found = after
        ? { ...page, count: before.count, alerts: [...before.alerts, ...page.alerts] }
        : page;
    });
  }

  // The last that is asked counts.
  async #trying(act) {
    this.#asked += 1;
    const asked = this.#asked;
    const isCurrent = () => asked === this.#asked;
    this.#busy = true;
    this.#problem = null;
    this.changed();
    try {
      await act(isCurrent);
    } catch (refusal) {
      if (isCurrent()) this.#problem = refusal;
      if (refusal.signedOut) this.signedOut();
    }
    if (isCurrent()) this.#busy = false;
    this.changed();
  }
}

function foundInWords({ count }) {
  if (count === null) {
    const most = COUNT_MAX.toLocaleString(locale);
    return t("More than {most} alerts found, the newest first.", { most });
  }
  return count === 1
    ? t("{count} alert found, the newest first.", { count })
    : t("{count} alerts found, the newest first.", { count });
}

function takenInWords({ acknowledged_at, acknowledged_by, pressed_at }) {
  if (!acknowledged_at) return t("never acknowledged");
  return t("acknowledged after {time}, {who} had it", {
    time: durationInWords(Date.parse(acknowledged_at) - Date.parse(pressed_at)),
    who: acknowledged_by ?? t("somebody"),
  });
}

const practiceOf = ({ drill }) => (drill ? t("DRILL") : t("TEST"));

function row(alert) {
  return html`
    <li data-testid="history-row" data-alert-id-of=${alert.alert_id}>
      <a href="#/alerts/${alert.alert_id}">
        <span class="when">${dayAndTimeInWords(alert.pressed_at, alert.place?.time_zone)}</span>
        <strong class="what"
          >${isPractice(alert) ? html`<span class="word">${practiceOf(alert)}</span>` : nothing}
          ${kindInWords(alert.kind)}: ${placeInOneLine(alert.place)}</strong
        >
        <span class="ended">${outcomeInWords(alert.outcome)}</span>
        <span class="quiet">${takenInWords(alert)}</span>
      </a>
    </li>
  `;
}
