// What somebody does about how they sign in. Each act is theirs alone, a moment after they signed in.

import { get, post, Refusal, remove } from "../console/api.js";
import { Asking } from "../console/asking.js";
import { speak, t } from "../console/language.js";
import { addPasskey } from "../console/passkey.js";

export class Acts extends Asking {
  view = null; // how they sign in, as the server said last
  newApp = null; // what an app is to be told
  recoveryCodes = null; // shown once
  isOld = false; // they signed in too long ago to change anything
  #person;
  #path;

  async read(person_id) {
    this.#person = `people/${person_id}`;
    this.#path = `${this.#person}/sign-in`;
    const view = await this.ask("view", () => get(this.#path));
    if (view) this.view = view;
    this.changed();
  }

  forget() {
    Object.assign(this, { view: null, newApp: null, recoveryCodes: null, isOld: false });
    this.forgetProblems();
  }

  addPasskey = async (event) => {
    event.preventDefault();
    const { target } = event;
    const name = new FormData(target).get("name").trim();
    const said = t("{name} is added: it opens your account in one tap.", { name });
    const added = await this.#change("new passkey", () => addPasskey(`${this.#path}/passkeys`, name), said);
    if (added) target.reset();
  };

  removePasskey({ passkey_id, name }) {
    const said = t("{name} is removed.", { name });
    return this.#change(passkey_id, () => remove(`${this.#path}/passkeys/${passkey_id}`), said);
  }

  async speak(language) {
    const person = await this.#ask("language", () => post(`${this.#person}/language`, { language }));
    if (person) speak(person.language);
    this.changed();
  }

  offerCodes = async () => {
    this.newApp = await this.#ask("codes", () => post(`${this.#path}/codes`));
    this.changed();
  };

  confirmCodes = async (event) => {
    event.preventDefault();
    const code = new FormData(event.target).get("code");
    const given = await this.#ask("codes", () => post(`${this.#path}/codes/confirm`, { code }));
    if (given) await this.#give(given);
  };

  renewRecoveryCodes = async () => {
    const given = await this.#ask("recovery", () => post(`${this.#path}/recovery-codes`));
    if (given) await this.#give(given);
  };

  leaveNewApp = () => {
    this.newApp = null;
    this.forgetProblems();
    this.changed();
  };

  haveRecoveryCodes = () => {
    this.recoveryCodes = null;
    this.changed();
  };

  removeCodes = () =>
    this.#change("codes", () => remove(`${this.#path}/codes`), t("No code is asked for any more."));

  signOutElsewhere = () => {
    const said = t("Every other screen is signed out.");
    return this.#change("elsewhere", () => post(`${this.#path}/sign-out-elsewhere`), said);
  };

  async #give({ codes }) {
    this.newApp = null;
    this.recoveryCodes = codes;
    this.view = (await this.#ask("view", () => get(this.#path))) ?? this.view;
    this.changed();
  }

  async #change(about, request, said) {
    const view = await this.#ask(about, request);
    if (view === null) return false;
    this.view = view;
    this.notices.say(said);
    this.changed();
    return true;
  }

  #ask(about, request) {
    return this.ask(about, () => request().catch((refusal) => this.#refused(refusal)));
  }

  #refused(refusal) {
    this.isOld = refusal instanceof Refusal && refusal.code === "sign_in_again";
    throw refusal;
  }
}
