// Alerts that are over, and a search among them. What is asked stands in the page's address, so that
// whoever gets the link finds the same.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { get, save } from "./api.js";
import { isPractice } from "./situation.js";
import {
  counted,
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
        <h1>Resolved alerts</h1>
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
        <label class="field wide">Words: code, room, site, note ${text("words", "search")}</label>
        <label class="field">Who had it ${text("who", "search")}</label>
        <label class="field">From ${text("from_day", "date")}</label>
        <label class="field">Until ${text("until_day", "date")}</label>
        <label class="field"
          >Site
          ${choice("site_id", [["", "All sites"], ...sites.map((site) => [site.site_id, site.name])])}
        </label>
        <label class="field"
          >Kind ${choice("kind", [["", "All kinds"], ...kinds.map((kind) => [kind, kindInWords(kind)])])}
        </label>
        <label class="field"
          >Alerts
          ${choice("drill", [
            ["", "All of them"],
            ["false", "Real ones"],
            ["true", "Drills"],
          ])}
        </label>
        <label class="field"
          >What it was
          ${choice("outcome", [["", "Anything"], ...outcomes.map((each) => [each, outcomeInWords(each)])])}
        </label>
        <div class="field acts">
          <button class="main">Search</button>
          <button type="button" @click=${this.#clear}>Clear</button>
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
    if (this.#busy && !found) return "Searching…";
    if (!found) return "";
    if (found.alerts.length > 0) {
      const count = found.count === null ? `More than ${COUNT_MAX.toLocaleString("en-US")}` : found.count;
      return `${count} ${found.count === 1 ? "alert" : "alerts"} found, the newest first.`;
    }
    if (wanted.toString() === "") return "No alert has been resolved yet.";
    return (
      "Nothing found. Words count whole, but elect* is whatever begins so. Fewer words, more days," +
      " or Clear may find it."
    );
  }

  #saving() {
    return html`<button data-testid="save" ?disabled=${this.#busy} @click=${this.#save}>
      Download as CSV
    </button>`;
  }

  #moreButton() {
    const shown = counted(this.#found.alerts.length, "alert is", "alerts are");
    return html`<p class="more">
      <button data-testid="more" ?disabled=${this.#busy} @click=${this.#more}>
        ${this.#busy ? "Searching…" : "More"}
      </button>
      <span class="quiet">${shown} shown.</span>
    </p>`;
  }

  #refusal() {
    return html`<p class="problem" role="alert">
      ${this.#problem.message} Open alerts are not affected.
      <button @click=${() => this.#load(null)}>Try again</button>
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

function row(alert) {
  const took_ms = Date.parse(alert.acknowledged_at) - Date.parse(alert.pressed_at);
  return html`
    <li data-testid="history-row" data-alert-id-of=${alert.alert_id}>
      <a href="#/alerts/${alert.alert_id}">
        <span class="when">${dayAndTimeInWords(alert.pressed_at, alert.place?.time_zone)}</span>
        <strong class="what"
          >${isPractice(alert) ? html`<span class="word">${alert.drill ? "DRILL" : "TEST"}</span>` : nothing}
          ${kindInWords(alert.kind)}: ${placeInOneLine(alert.place)}</strong
        >
        <span class="ended">${outcomeInWords(alert.outcome)}</span>
        <span class="quiet"
          >${
            alert.acknowledged_at
              ? `acknowledged after ${durationInWords(took_ms)}, ${alert.acknowledged_by ?? "somebody"} had it`
              : "never acknowledged"
          }</span
        >
      </a>
    </li>
  `;
}
