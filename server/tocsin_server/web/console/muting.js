// The sound switched off for two minutes, of one person's screens, for everybody to see.
//
// Promises: it ends by itself, and at once for whatever newly calls for this person; it never hides that
// something calls. The server keeps it, so that all screens of a person are silent, or none is.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { post } from "./api.js";
import { serverNow } from "./clock.js";
import { t } from "./language.js";
import { timeInWords } from "./words.js";

export class Muting {
  #asking = false;
  #end_it = false; // something called while the server was asked
  #over_ms = 0; // own mutes until then have ended here, whatever the server still says
  #timer = null;

  // `myName()`: of whoever is signed in; `sound()`: hear again whether there is anything to hear.
  constructor({ situation, notices, changed, myName, sound }) {
    Object.assign(this, { situation, notices, changed, myName, sound });
  }

  get isOn() {
    return this.#current().some((each) => each.name === this.myName());
  }

  // After every frame that may have told who is muted.
  told() {
    clearTimeout(this.#timer);
    const ends = this.#current().map(({ until }) => Date.parse(until));
    if (ends.length === 0) return;
    const left_ms = Math.min(...ends) - serverNow();
    this.#timer = setTimeout(this.#look, Math.max(0, left_ms) + 50);
  }

  begin = async () => {
    this.#asking = true;
    try {
      const mine = await post("me/mute");
      this.situation.muted = [...this.#others(), mine];
    } catch (refusal) {
      this.notices.warn(`${refusal.message} ${t("This screen goes on sounding.")}`);
    }
    this.#asking = false;
    if (this.#end_it) this.end();
    this.#look();
  };

  // Here it ends whatever the server says; there it would at the latest after two minutes.
  end = () => {
    this.#end_it = this.#asking;
    const mine = this.situation.muted.filter(({ name }) => name === this.myName());
    if (mine.length === 0) return;
    this.#over_ms = Math.max(...mine.map(({ until }) => Date.parse(until)));
    if (!this.#asking) {
      this.situation.muted = this.#others();
      post("me/mute/end").catch(() => {});
    }
    this.#look();
  };

  button({ sounding }) {
    if (!sounding || this.isOn) return nothing;
    return html`<button
      data-testid="mute"
      aria-label=${t("Mute for 2 minutes")}
      title=${t("No sound on your screens for 2 minutes, or until a new alert")}
      ?disabled=${this.#asking}
      @click=${this.begin}
    >
      ${t("Mute")}
    </button>`;
  }

  lines() {
    const muted = this.#current();
    if (muted.length === 0) return nothing;
    const said = muted.map(({ name, until }) =>
      t("{name} has muted until {at}", { name, at: timeInWords(until) }),
    );
    return html`
      <section class="banner muted" data-testid="muted" aria-label=${t("Who is muted")}>
        <p><strong>${said.join("; ")}.</strong> ${t("A new alert sounds all the same.")}</p>
        ${
          this.isOn
            ? html`<button data-testid="unmute" @click=${this.end}>${t("Turn my sound on")}</button>`
            : nothing
        }
      </section>
    `;
  }

  #look = () => {
    this.told();
    this.sound();
    this.changed();
  };

  #current() {
    const now = serverNow();
    return this.situation.muted.filter(({ name, until }) => {
      const until_ms = Date.parse(until);
      return until_ms > now && !(name === this.myName() && until_ms <= this.#over_ms);
    });
  }

  #others() {
    return this.situation.muted.filter(({ name }) => name !== this.myName());
  }
}
