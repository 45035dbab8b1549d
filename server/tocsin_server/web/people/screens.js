// Screens on a wall, which only show: made here, seen here, and put out from here.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { get, post } from "../console/api.js";
import { serverNow } from "../console/clock.js";
import { t, tHtml } from "../console/language.js";
import { dayAndTimeInWords } from "../console/words.js";
import { problem } from "../facilities/site.js";

const SEEN_MS = 60_000; // a screen that is on is seen every 20 seconds
const NEW_SCREEN = "new screen";

export class Screens {
  kiosks = null; // null: not read yet
  made = null; // the newest, with its link, until the page is left
  problem = null;

  constructor({ acts, changed, signedOut }) {
    Object.assign(this, { acts, changed, signedOut });
  }

  forget() {
    Object.assign(this, { kiosks: null, made: null, problem: null });
  }

  async read() {
    try {
      this.kiosks = (await get("kiosks")).kiosks;
      this.problem = null;
    } catch (refusal) {
      this.problem = refusal.message;
      if (refusal.signedOut) this.signedOut();
    }
    this.changed();
  }

  async make(event) {
    event.preventDefault();
    const { target } = event;
    const name = new FormData(target).get("name").trim();
    const failed = t("No screen was made.");
    const made = await this.acts.ask(NEW_SCREEN, () => post("kiosks", { name }), { failed });
    if (made === null) return;
    this.made = made;
    target.reset();
    await this.read();
  }

  async revoke({ kiosk_id }) {
    const failed = t("It still shows alerts.");
    const done = await this.acts.ask(kiosk_id, () => post(`kiosks/${kiosk_id}/revoke`), { failed });
    if (done === null) return;
    if (this.made?.kiosk.kiosk_id === kiosk_id) this.made = null;
    await this.read();
  }
}

export function screensPage({ screens, acts, time_zone }) {
  const { kiosks } = screens;
  return html`
    <main class="keeper">
      <header class="head">
        <h1>${t("Screens")}</h1>
        <p class="quiet">
          ${t(
            "A screen on a wall shows what a dispatcher sees, and can do nothing. " +
              "It is never signed out by itself.",
          )}
        </p>
      </header>
      ${problem(screens.problem)}
      ${kiosks === null ? html`<p class="lead">${t("Loading…")}</p>` : list({ screens, acts, time_zone })}
      <form class="group" data-testid="new-screen" @submit=${(event) => screens.make(event)}>
        <h2>${t("A new screen")}</h2>
        <label class="field"
          >${t("Where it hangs")}<input
            name="name"
            maxlength="200"
            autocomplete="off"
            placeholder=${t("Wall, dispatch room")}
            required
        /></label>
        ${problem(acts.problem(NEW_SCREEN))}
        <button class="primary calm wide" ?disabled=${acts.busy(NEW_SCREEN)}>${t("Make its link")}</button>
      </form>
    </main>
  `;
}

function list({ screens, acts, time_zone }) {
  const { kiosks, made } = screens;
  if (kiosks.length === 0) return html`<p class="lead">${t("No screen yet.")}</p>`;
  return kiosks.map(
    (kiosk) => html`<section class="box" data-testid="screen" data-name=${kiosk.name}>
      <div class="tier-head">
        <h2>${kiosk.name}</h2>
        ${
          kiosk.revoked_at
            ? nothing
            : html`<button data-testid="revoke-screen" ?disabled=${acts.busy(kiosk.kiosk_id)} @click=${() => screens.revoke(kiosk)}>
                ${t("Put it out for good")}
              </button>`
        }
      </div>
      <p>${standing(kiosk, time_zone)}</p>
      <p class="quiet">
        ${t("Made by {name}, {at}", { name: kiosk.made_by, at: dayAndTimeInWords(kiosk.made_at, time_zone) })}
      </p>
      ${problem(acts.problem(kiosk.kiosk_id))}
      ${made?.kiosk.kiosk_id === kiosk.kiosk_id ? link(made.link) : nothing}
    </section>`,
  );
}

function link(address) {
  return html`<div class="confirmed" data-testid="screen-link" role="status">
    <p>
      ${tHtml("{open}, in a browser where nobody is signed in. It is shown this once. Whoever has it sees every alert.", {
        open: html`<b>${t("Open this link on that screen")}</b>`,
      })}
    </p>
    <p><code>${address}</code></p>
  </div>`;
}

function standing({ revoked_at, revoked_by, seen_at }, time_zone) {
  const at = dayAndTimeInWords(revoked_at ?? seen_at, time_zone);
  if (revoked_at) return t("Put out by {name}, {at}.", { name: revoked_by, at });
  if (!seen_at) return t("Never opened yet.");
  const is_on = serverNow() - Date.parse(seen_at) < SEEN_MS;
  return is_on ? t("On: it was seen within the last minute.") : html`<b>${t("Not seen since {at}.", { at })}</b>`;
}
