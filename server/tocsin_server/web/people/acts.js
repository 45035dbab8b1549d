// What somebody does on this page. After each change everything is read again: who answers may be another.

import { post, put, remove } from "../console/api.js";
import { Asking } from "../console/asking.js";
import { t } from "../console/language.js";
import { listAddress, oneAddress } from "./route.js";

const UNCHANGED = t("Nothing was changed.");

export class Acts extends Asking {
  constructor({ book, ...others }) {
    super(others);
    this.book = book;
  }

  // Gives the answer once the page knows what came of it, or null.
  async change(about, request, said) {
    const answer = await this.ask(about, request, { failed: UNCHANGED });
    if (answer === null) return null;
    await this.book.read();
    if (said) this.notices.say(said);
    return answer;
  }

  addPerson = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const body = {
      ...texts(form, ["name", "email", "role", "language"]),
      ...checks(form, ["outside_agency", "temporary", "vouch"]),
      phone: form.get("phone").trim() || null,
      ends_on: form.get("ends_on") || null,
    };
    const said = t("{name} is added.", { name: body.name });
    const person = await this.change("new person", () => post("people", body), said);
    if (person) location.hash = oneAddress("people", person.person_id);
  };

  async end(person, event) {
    event.preventDefault();
    const ends_on = new FormData(event.target).get("ends_on") || null;
    const about = `end of ${person.person_id}`;
    const said = t("The last day is saved.");
    await this.change(about, () => post(`people/${person.person_id}/end`, { ends_on }), said);
  }

  takeAway({ person_id, name }) {
    const said = t("{name} has no passkey and no codes any more: the password alone opens the account.", { name });
    return this.change(`sign-in of ${person_id}`, () => post(`people/${person_id}/sign-in/take-away`), said);
  }

  async addContact(person, event) {
    event.preventDefault();
    const { target } = event;
    const form = new FormData(target);
    const body = { ...texts(form, ["method", "address"]), ...checks(form, ["vouch"]) };
    const said = body.vouch ? t("It counts from now on.") : t("It is added, and a code is on its way there.");
    const about = `new contact of ${person.person_id}`;
    if (await this.change(about, () => post(`people/${person.person_id}/contacts`, body), said)) target.reset();
  }

  async confirm(person, contact, event) {
    event.preventDefault();
    const code = new FormData(event.target).get("code");
    const said = t("It is right: they are reached there from now on.");
    await this.#contact(person, contact, "confirm", { code }, said);
  }

  sendCode = (person, contact) => this.#contact(person, contact, "code", {}, t("A new code is on its way there."));

  vouch = (person, contact) =>
    this.#contact(person, contact, "vouch", {}, t("It counts from now on, by your word."));

  setQuiet(person, contact, event) {
    event.preventDefault();
    const quiet = texts(new FormData(event.target), ["from_time", "to_time"]);
    return this.#contact(person, contact, "quiet", { quiet }, t("The quiet hours are saved."));
  }

  endQuiet = (person, contact) =>
    this.#contact(person, contact, "quiet", { quiet: null }, t("No hours are quiet any more."));

  moveUp(person, index) {
    const ids = person.contacts.map((each) => each.contact_id);
    const [moved] = ids.splice(index, 1);
    ids.splice(index - 1, 0, moved);
    return this.change(moved, () => post(`people/${person.person_id}/contacts/order`, { contact_ids: ids }));
  }

  removeContact({ person_id }, { contact_id }) {
    const said = t("It is removed.");
    return this.change(contact_id, () => remove(`people/${person_id}/contacts/${contact_id}`), said);
  }

  #contact({ person_id }, { contact_id }, act, body, said) {
    return this.change(contact_id, () => post(`people/${person_id}/contacts/${contact_id}/${act}`, body), said);
  }

  choose(about, choice) {
    return this.change(about, () => post("policies/choose", choice), t("It is saved."));
  }

  async removePolicy({ policy_id, name }) {
    const said = t("{name} is removed.", { name });
    const done = await this.change(policy_id, () => remove(`policies/${policy_id}`), said);
    if (done) location.hash = listAddress("policies");
  }

  async addPlan(event) {
    event.preventDefault();
    const body = texts(new FormData(event.target), ["name"]);
    const said = t("Now put people's hours into it.");
    const plan = await this.change("new plan", () => post("shifts", body), said);
    if (plan) location.hash = oneAddress("shifts", plan.plan_id);
  }

  async removePlan({ plan_id, name }) {
    const said = t("{name} is removed.", { name });
    const done = await this.change(plan_id, () => remove(`shifts/${plan_id}`), said);
    if (done) location.hash = listAddress("shifts");
  }

  // Of a plan: its entries, overrides and swaps. `id`: which one, where it is there already.
  planAct(about, { plan_id }, what, { id = null, body = null, said }) {
    const path = `shifts/${plan_id}/${what}${id ? `/${id}` : ""}`;
    if (body === null) return this.change(about, () => remove(path), said);
    return this.change(about, () => (id ? put(path, body) : post(path, body)), said);
  }
}

export const texts = (form, names) => Object.fromEntries(names.map((name) => [name, form.get(name).trim()]));
const checks = (form, names) => Object.fromEntries(names.map((name) => [name, form.get(name) === "on"]));
