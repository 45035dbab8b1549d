// A link to one alert for an officer on the way: made, copied or texted, and taken back.
//
// Its address is in this page from when it is made until the panel is closed, and nowhere else.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { get, post } from "./api.js";
import { languages, t, tHtml } from "./language.js";
import { timeInWords } from "./words.js";

const EMPTY = { links: null, made: null, copied: false };

export class OfficerLinks {
  #read_at = new Map(); // the version of an alert with which its links were read

  // `of(alert_id)`: what the screen is doing with an alert; `set` changes that; `fail` says why not.
  constructor({ of, set, fail }) {
    Object.assign(this, { of, set, fail });
  }

  async read(alert_id) {
    try {
      this.#put(alert_id, await get(pathOf(alert_id)));
    } catch (refusal) {
      this.#refuse(alert_id, refusal, t("What links there are is not known."));
    }
  }

  // A link that was opened, or made by somebody else, is on the alert's record.
  follow({ alert_id, version }) {
    const before = this.#read_at.get(alert_id);
    this.#read_at.set(alert_id, version);
    if (before !== undefined && before !== version) this.read(alert_id);
  }

  async make(alert_id, event) {
    event.preventDefault();
    const form = new FormData(event.target);
    const texts = event.submitter?.value === "text";
    const body = { for_whom: form.get("for_whom").trim(), language: form.get("language") };
    if (texts) body.phone = form.get("phone").trim();
    this.set(alert_id, { busy: "officer", problem: null });
    try {
      const made = await post(pathOf(alert_id), body);
      this.set(alert_id, { busy: null });
      this.#put(alert_id, { made, copied: false });
      await this.read(alert_id);
    } catch (refusal) {
      this.#refuse(alert_id, refusal, t("No link was made."));
    }
  }

  async revoke(alert_id, { link_id }) {
    this.set(alert_id, { busy: "officer", problem: null });
    try {
      const answer = await post(`${pathOf(alert_id)}/${link_id}/revoke`);
      this.set(alert_id, { busy: null });
      this.#put(alert_id, answer);
    } catch (refusal) {
      this.#refuse(alert_id, refusal, t("The link still shows the alert."));
    }
  }

  // Where the browser keeps the clipboard from a page, what is to be copied is marked.
  async copy(alert_id, event) {
    const field = event.target.closest(".made").querySelector("input");
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      if (!document.execCommand("copy")) return;
    }
    this.#put(alert_id, { copied: true });
  }

  #put(alert_id, fields) {
    if (this.of(alert_id).panel !== "officer") return;
    this.set(alert_id, { officer: { ...EMPTY, ...this.of(alert_id).officer, ...fields } });
  }

  #refuse(alert_id, refusal, failed) {
    this.set(alert_id, { busy: null, problem: this.fail(refusal, failed) });
  }
}

const pathOf = (alert_id) => `alerts/${alert_id}/officer-links`;

export function officerPanel({ alert, doing, acts }) {
  const id = alert.alert_id;
  const { links, made, copied } = doing.officer ?? EMPTY;
  acts.officer.follow(alert);
  return html`
    <form
      class="panel officer-panel"
      data-testid="officer-panel"
      @submit=${(event) => acts.officer.make(id, event)}
    >
      <p>
        ${tHtml(
          "{page}: where, the plan, the entrances, the people to call, and who has it. It shows this alert" +
            " only, takes nothing, and ends with it.",
          { page: html`<strong>${t("A page for whoever goes there")}</strong>` },
        )}
      </p>
      <label class="field">
        ${t("Whom it is for (for the record)")}
        <input name="for_whom" maxlength="200" autocomplete="off" placeholder=${t("Unit 12")} data-first />
      </label>
      <div class="choices">
        <label class="field">
          ${t("Number to text it to")}
          <input name="phone" type="tel" maxlength="40" autocomplete="off" placeholder="+15125550142" />
        </label>
        <label class="field">
          ${t("Text in")}
          <select name="language">
            ${languages.map(([language, name]) => html`<option value=${language}>${name}</option>`)}
          </select>
        </label>
      </div>
      <div class="panel-actions">
        <button class="primary calm" value="text" data-testid="officer-text" ?disabled=${doing.busy !== null}>
          ${t("Text the link")}
        </button>
        <button value="copy" data-testid="officer-make" ?disabled=${doing.busy !== null}>
          ${t("Make a link to copy")}
        </button>
        <button type="button" @click=${() => acts.togglePanel(id, "officer")}>${t("Close")}</button>
      </div>
      ${made ? madeLink({ id, made, copied, acts }) : nothing} ${list({ alert, links, doing, acts })}
    </form>
  `;
}

function madeLink({ id, made, copied, acts }) {
  const { for_whom, texted_to } = made.link;
  return html`
    <div class="made" role="status">
      <p>
        ${
          texted_to
            ? tHtml("{texted}, for {name}. Who was told says whether it arrived.", {
                texted: html`<strong>${t("It is texted to …{digits}", { digits: texted_to })}</strong>`,
                name: for_whom,
              })
            : tHtml("{link}, shown this once:", {
                link: html`<strong>${t("The link for {name}", { name: for_whom })}</strong>`,
              })
        }
      </p>
      <div class="choices">
        <input readonly aria-label=${t("The link")} data-testid="officer-address" .value=${made.address} />
        <button type="button" data-testid="officer-copy" @click=${(event) => acts.officer.copy(id, event)}>
          ${copied ? t("Copied") : t("Copy")}
        </button>
      </div>
    </div>
  `;
}

function list({ alert, links, doing, acts }) {
  if (!links?.length) return nothing;
  const zone = alert.place?.time_zone;
  return html`<ul class="officer-links">
    ${repeat(
      links,
      (link) => link.link_id,
      (link) => html`<li data-testid="officer-link">
        <span>
          <strong>${link.for_whom}</strong>${link.texted_to ? `, …${link.texted_to}` : ""}:
          ${standing(link, zone)}
          <span class="quiet">
            ${t("made by {name}, {at}", { name: link.made_by, at: timeInWords(link.made_at, zone) })}
          </span>
        </span>
        ${
          link.revoked_at
            ? nothing
            : html`<button
                type="button"
                ?disabled=${doing.busy !== null}
                @click=${() => acts.officer.revoke(alert.alert_id, link)}
              >
                ${t("Take it back")}
              </button>`
        }
      </li>`,
    )}
  </ul>`;
}

function standing({ opened_at, revoked_at, revoked_by }, zone) {
  if (revoked_at) return t("taken back by {name}", { name: revoked_by });
  return opened_at ? t("opened at {at}", { at: timeInWords(opened_at, zone) }) : t("not opened yet");
}
