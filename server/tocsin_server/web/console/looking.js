// Tells the server which alert the person before this page has turned to, for colleagues to see:
// the one that has the keyboard, or that they clicked into, or whose own page is open.

import { t } from "./language.js";

// Whoever steps through a list looks at none of those in between.
const SETTLES_MS = 300;

export class Looking {
  #at = null;
  #told = null;
  #settling = null;

  constructor({ send }) {
    this.send = send;
  }

  // After each rendering; null: at none.
  at(alert_id) {
    if (alert_id === this.#at) return;
    this.#at = alert_id;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#tell(), SETTLES_MS);
  }

  // To whoever has just picked up the line, it is all news.
  tellAgain() {
    this.#told = null;
    this.#tell();
  }

  #tell() {
    const alert_id = this.#at;
    if (alert_id !== this.#told && this.send({ type: "looking", alert_id })) this.#told = alert_id;
  }
}

// What a card says of the others who have its alert before them, by alert.
export function lookersByAlert(lookers, name) {
  const names = new Map();
  for (const looker of lookers) {
    if (looker.name === name) continue;
    names.set(looker.alert_id, [...(names.get(looker.alert_id) ?? []), looker.name]);
  }
  return new Map([...names].map(([alert_id, each]) => [alert_id, inWords(each)]));
}

function inWords(names) {
  const last = names.at(-1);
  if (names.length === 1) return t("{last} is looking at this.", { last });
  return t("{names} and {last} are looking at this.", { names: names.slice(0, -1).join(", "), last });
}
