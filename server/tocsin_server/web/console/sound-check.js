// Would this dispatcher hear an alert? Asked once, as they sign in, and never beside one.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";
import { blocked, playSample } from "./sound.js";

export class SoundCheck {
  #state = "done"; // asked, unheard

  constructor(changed) {
    this.changed = changed;
  }

  begin() {
    if (playSample()) this.#turn("asked");
  }

  // `calm`: there is no alert.
  template({ calm }) {
    if (this.#state === "done" || !calm || blocked()) return nothing;
    return html`
      <section class="banner sound-check" data-testid="sound-check" aria-label=${t("Sound check")}>
        <p>
          ${
            this.#state === "asked"
              ? html`<strong>${t("A short sound was just played. Did you hear it?")}</strong>`
              : html`<strong>${t("Then you would not hear an alert.")}</strong>
                  ${t(
                    "Turn the volume up, and look which loudspeaker this computer uses. Until you hear it," +
                      " keep an eye on this screen.",
                  )}`
          }
        </p>
        <button data-testid="heard" @click=${() => this.#turn("done")}>
          ${this.#state === "asked" ? t("Yes") : t("I hear it now")}
        </button>
        <button data-testid="not-heard" @click=${this.#again}>
          ${this.#state === "asked" ? t("No") : t("Play it again")}
        </button>
      </section>
    `;
  }

  #again = () => {
    playSample();
    this.#turn("unheard");
  };

  #turn(state) {
    this.#state = state;
    this.changed();
  }
}
