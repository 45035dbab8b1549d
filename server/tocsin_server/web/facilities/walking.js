// The walk test of one site, as the server knows it, and what a person with a phone does about it.
//
// Nothing is kept here: whoever reloads the page, or comes as a second walker, sees the same list.

import { get, post } from "../console/api.js";
import { t } from "../console/language.js";

const TOGETHER_MS = 100; // a press and its acknowledgement come with several frames
const READ_EVERY_MS = 5000;
const NEWS = ["snapshot", "alert", "alert_gone", "drills"];

export class Walking {
  site_id = null; // whose page is open
  test = undefined; // undefined: not known yet; null: there was none
  #read = 0;
  #timer = null;

  constructor({ acts, changed }) {
    this.acts = acts;
    this.changed = changed;
    setInterval(() => this.#look(), READ_EVERY_MS);
  }

  get busy() {
    return this.acts.busy(this.site_id);
  }

  get problem() {
    return this.acts.problem(this.site_id);
  }

  open(site_id) {
    if (site_id !== this.site_id) this.test = undefined;
    this.site_id = site_id;
    this.#look();
  }

  heard(frame) {
    if (this.site_id === null || this.#timer !== null || !NEWS.includes(frame.type)) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#look();
    }, TOGETHER_MS);
  }

  inState(...states) {
    return this.test?.buttons.filter((button) => states.includes(button.state)) ?? [];
  }

  async start(event) {
    event.preventDefault();
    const minutes = Number(new FormData(event.target).get("minutes"));
    const failed = t("No walk test was started: a press is a real alert.");
    const answer = await this.#ask("", { minutes }, failed);
    if (answer) this.#take(answer.walk_test);
  }

  async acknowledge(buttons) {
    for (const button of buttons) await this.acts.acknowledge(button);
    if (this.test.is_open) await this.#look();
    else await this.end(); // what is acknowledged late is closed late
  }

  async end() {
    const answer = await this.#ask("/end", {}, t("The walk test may still be open."));
    if (answer) this.#take(answer);
  }

  #ask(more, body, failed) {
    const { site_id } = this;
    return this.acts.ask(site_id, () => post(`sites/${site_id}/walk-test${more}`, body), { failed });
  }

  #take(test) {
    this.#read += 1; // an answer that is still on its way is older
    this.test = test;
    this.changed();
  }

  async #look() {
    if (this.site_id === null || document.hidden) return;
    this.#read += 1;
    const reading = this.#read;
    // Where there is no answer, the live line says so.
    const answer = await get(`sites/${this.site_id}/walk-test`).catch(() => null);
    if (answer && reading === this.#read) this.#take(answer.walk_test);
  }
}
