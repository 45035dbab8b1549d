// One answer from the server per page address, with its loading and its failure.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { get } from "./api.js";
import { t } from "./language.js";

export class Fetched {
  #path = null;
  #asked = 0;
  answer = null;
  problem = null;

  constructor({ changed, signedOut }) {
    this.changed = changed;
    this.signedOut = signedOut;
  }

  // Asks once per path; `again` asks anew and keeps the old answer on screen meanwhile.
  want(path, { again = false } = {}) {
    if (path === this.#path && !again) return;
    if (path !== this.#path) this.answer = null;
    this.#path = path;
    this.problem = null;
    this.#asked += 1;
    this.#load(path, this.#asked);
  }

  forget() {
    this.#path = null;
    this.answer = null;
    this.problem = null;
  }

  async #load(path, asked) {
    let answer = null;
    let problem = null;
    try {
      answer = await get(path);
    } catch (refusal) {
      problem = refusal;
    }
    if (asked !== this.#asked) return;
    if (answer) this.answer = answer;
    this.problem = problem;
    if (problem?.signedOut) this.signedOut();
    this.changed();
  }

  state() {
    if (this.problem) {
      return html`<p class="problem" role="alert">
        ${this.problem.message} ${t("This page cannot be shown now; alerts are not affected.")}
        <button @click=${() => this.want(this.#path, { again: true })}>${t("Try again")}</button>
      </p>`;
    }
    return this.answer ? nothing : html`<p class="aside">${t("Loading…")}</p>`;
  }
}
