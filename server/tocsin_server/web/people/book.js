// What this page knows of who answers: people, shifts, policies, and who is told now.
//
// No frame of the live line says any of it, so it is read again: after each change made here, and
// every while, because a shift ends and a number fails without anybody's doing.

import { get } from "../console/api.js";

export class Book {
  people = null; // null: not read yet
  shifts = null;
  policies = null;
  answering = null;
  problem = null;
  day = null; // with which the week of the shifts begins; null: today
  #asked = 0;

  constructor({ changed, signedOut }) {
    this.changed = changed;
    this.signedOut = signedOut;
  }

  get isRead() {
    return this.answering !== null;
  }

  forget() {
    Object.assign(this, { people: null, shifts: null, policies: null, answering: null });
    Object.assign(this, { problem: null, day: null });
    this.#asked += 1; // an answer under way is of somebody else
  }

  // What could not be read stays as it was, and the page says so.
  async read() {
    this.#asked += 1;
    const asked = this.#asked;
    const week = this.day ? `shifts?day=${this.day}` : "shifts";
    try {
      const paths = ["answering", "people", week, "policies"];
      const [answering, people, shifts, policies] = await Promise.all(paths.map(get));
      if (asked !== this.#asked) return;
      Object.assign(this, { answering, shifts, problem: null });
      this.people = people.people;
      this.policies = policies.policies;
    } catch (refusal) {
      if (asked !== this.#asked) return;
      this.problem = refusal.message;
      if (refusal.signedOut) this.signedOut();
    }
    this.changed();
  }

  showWeek(day) {
    this.day = day;
    return this.read();
  }

  person = (id) => this.people.find((each) => each.person_id === id);
  plan = (id) => this.shifts.plans.find((each) => each.plan_id === id);
  policy = (id) => this.policies.find((each) => each.policy_id === id);

  // Whom a plan or a policy may name.
  get present() {
    return this.people.filter((person) => !person.has_ended);
  }
}
