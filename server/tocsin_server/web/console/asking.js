// What somebody asks of the server, and what came of it: busy, done, or why not, by what it is about.
//
// Each act is one request. A refusal says that nothing has been done, and what to do instead.

import { Refusal } from "./api.js";

export class Asking {
  #doing = new Map();

  constructor({ notices, changed, signedOut }) {
    this.notices = notices;
    this.changed = changed;
    this.signedOut = signedOut;
  }

  busy = (about) => this.#doing.get(about)?.busy === true;
  problem = (about) => this.#doing.get(about)?.problem ?? null;

  // Gives the answer, or null where there was none; then `problem(about)` says why.
  async ask(about, request, { failed } = {}) {
    if (this.busy(about)) return null;
    this.#doing.set(about, { busy: true });
    this.changed();
    try {
      const answer = await request();
      this.#doing.delete(about);
      return answer;
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      this.#doing.set(about, { problem: [refusal.message, failed].filter(Boolean).join(" ") });
      if (refusal.signedOut) this.signedOut();
      return null;
    } finally {
      this.changed();
    }
  }

  // Of what was refused nothing is left to say once another page is looked at.
  forgetProblems() {
    for (const [about, { busy }] of this.#doing) if (!busy) this.#doing.delete(about);
  }
}
