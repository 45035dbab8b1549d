// The keys, as the line below the list and the panel that `?` opens tell of them.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";

export const KEYS = [
  { keys: ["A"], brief: "acknowledge", said: "Acknowledge: I have it. Takes the card that says so" },
  { keys: ["R"], brief: "responding", said: "Responding: somebody is on the way" },
  { keys: ["S"], brief: "on scene", said: "On scene: somebody is there" },
  { keys: ["E"], brief: "escalate", said: "Escalate: asks once, then tells the next tier" },
  { keys: ["H"], brief: "hand over", said: "Hand over: choose a colleague, then confirm" },
  { keys: ["N"], brief: "note", said: "Note: write a sentence for the record" },
  {
    keys: ["P"],
    brief: t("floor plan"),
    said: t("Floor plan of the card that N takes: shows it, and puts it away"),
  },
  { keys: ["T"], brief: "this drill is real", said: "This drill is real: everybody is told anew" },
  { keys: ["J", "K"], brief: "next and previous alert", said: "Next and previous alert" },
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
    return html`<section class="key-list" data-testid="key-list" role="status" aria-label="Keys">
      <h2>Keys</h2>
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
        R, S and H take the card you moved to, else the newest of yours. E and N also take the
        marked one.
      </p>
      <button @click=${this.toggle}>Close <kbd>?</kbd></button>
    </section>`;
  }
}
