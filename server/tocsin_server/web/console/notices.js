// Answers to what the dispatcher just did. Good news leaves by itself, at the latest for the next;
// a problem stays until it is read, or until what it is about is tried again.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { t } from "./language.js";

const GOOD_NEWS_MS = 10_000;
const NOTICES_MAX = 4;

export class Notices {
  #shown = [];
  #next = 1;

  constructor(changed) {
    this.changed = changed;
  }

  say(text) {
    const notice = this.#add({ text, problem: false });
    setTimeout(() => this.dismiss(notice), GOOD_NEWS_MS);
  }

  warn(text, about = null) {
    this.#add({ text, problem: true, about });
  }

  over(about) {
    this.#shown = this.#shown.filter((each) => !each.problem || each.about !== about);
  }

  dismiss(notice) {
    this.#shown = this.#shown.filter((each) => each !== notice);
    this.changed();
  }

  #add(fields) {
    const notice = { key: this.#next, ...fields };
    this.#next += 1;
    const others = this.#shown.filter((each) => each.problem && each.text !== notice.text);
    this.#shown = [...others, notice].slice(-NOTICES_MAX);
    this.changed();
    return notice;
  }

  template() {
    if (this.#shown.length === 0) return nothing;
    return html`<div class="notices">
      ${repeat(
        this.#shown,
        (notice) => notice.key,
        (notice) =>
          html`<div
            class="notice ${notice.problem ? "bad" : "good"}"
            data-testid="notice"
            role=${notice.problem ? "alert" : "status"}
          >
            <p>${notice.text}</p>
            <button @click=${() => this.dismiss(notice)}>${t("Close")}</button>
          </div>`,
      )}
    </div>`;
  }
}
