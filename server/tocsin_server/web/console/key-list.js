// The keys, as the line below the list and the panel that `?` opens tell of them.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";

export const KEYS = [
  {
    keys: ["A"],
    brief: t("acknowledge"),
    said: t("Acknowledge: I have it. Takes the card that says so"),
  },
  { keys: ["R"], brief: t("responding"), said: t("Responding: somebody is on the way") },
  { keys: ["S"], brief: t("on scene"), said: t("On scene: somebody is there") },
  { keys: ["E"], brief: t("escalate"), said: t("Escalate: asks once, then tells the next tier") },
  { keys: ["H"], brief: t("hand over"), said: t("Hand over: choose a colleague, then confirm") },
  { keys: ["N"], brief: t("note"), said: t("Note: write a sentence for the record") },
  {
    keys: ["P"],
    brief: t("floor plan"),
    said: t("Floor plan: shows it on the card, and puts it away"),
  },
  {
    keys: ["T"],
    brief: t("this drill is real"),
    said: t("This drill is real: everybody is told anew"),
  },
  { keys: ["J", "K"], brief: t("next and previous alert"), said: t("Next and previous alert") },
];

export class KeyList {
  #open = false;

  constructor(changed) {
    this.changed = changed;
  }

  toggle = () => {
    this.#open = !this.#open;
    this.changed();
  };

  close() {
    if (this.#open) this.toggle();
  }

  // Over a corner of the page, so that alerts stay in sight; every key still does what it does.
  template() {
    if (!this.#open) return nothing;
    return html`<section class="key-list" data-testid="key-list" role="status" aria-label=${t("Keys")}>
      <h2>${t("Keys")}</h2>
      <dl>
        ${KEYS.map(
          ({ keys, said }) =>
            html`<div>
              <dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt>
              <dd>${said}</dd>
            </div>`,
        )}
      </dl>
      <p class="aside">
        ${t(
          "R, S and H take the card you moved to, else the newest of yours. E, N and P do so, too, else" +
            " they take the one with the black line.",
        )}
      </p>
      <button @click=${this.toggle}>${t("Close")} <kbd>?</kbd></button>
    </section>`;
  }
}
