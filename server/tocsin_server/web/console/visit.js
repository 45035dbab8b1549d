// A visit: who is signed in at this page, and how its live line is.

import { get, post, remove } from "./api.js";
import { Live } from "./live.js";

const SESSION_RETRY_MS = 2000;
// The first snapshot is usually there sooner; until then a page says that it is connecting.
const FIRST_SNAPSHOT_MS = 1500;

export class Visit {
  session; // undefined: not known yet; null: nobody is signed in
  line = { up: false, heard_ms: 0 };
  connecting = false;
  entering = { busy: false, problem: null };

  // `hooks`: what the page does besides. `hear(frame)`, `signedIn()`, `signedOut()`, `forget()`:
  // somebody else may look next; `lineChanged()`; `elsewhere(person)`: the page that is theirs, if
  // this one isn't; `meanwhile`: what to do while the server does not answer a sign-in.
  constructor({ situation, notices, changed, hooks }) {
    Object.assign(this, { situation, notices, changed, hooks });
    this.live = new Live({
      onFrame: hooks.hear,
      onState: this.lineChanged,
      onRefused: this.lineRefused,
    });
  }

  async begin() {
    try {
      this.signedIn(await get("session"));
    } catch (refusal) {
      if (refusal.signedOut) this.signedOut();
      else setTimeout(() => this.begin(), SESSION_RETRY_MS);
    }
    this.changed();
  }

  signIn = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    this.entering = { busy: true, problem: null };
    this.changed();
    try {
      this.signedIn(await post("session", Object.fromEntries(form)));
    } catch (refusal) {
      const meanwhile = refusal.status === 0 ? (this.hooks.meanwhile ?? "") : "";
      this.entering = { busy: false, problem: `${refusal.message}${meanwhile}` };
    }
    this.changed();
  };

  signOut = async () => {
    try {
      await remove("session");
    } catch (refusal) {
      this.notices.warn(
        `${refusal.message} You may still be signed in on this device: close the browser.`,
      );
    }
    this.forget();
    this.line = { up: false, heard_ms: 0 };
    this.signedOut();
  };

  signedIn(person) {
    const elsewhere = this.hooks.elsewhere?.(person) ?? wall(person);
    if (elsewhere) {
      location.replace(elsewhere);
      return;
    }
    const { session } = this;
    if (session && session.jurisdiction !== person.jurisdiction) this.forget();
    this.session = person;
    this.entering = { busy: false, problem: null };
    if (this.line.heard_ms === 0) {
      this.connecting = true;
      setTimeout(() => {
        this.connecting = false;
        this.changed();
      }, FIRST_SNAPSHOT_MS);
    }
    this.live.start();
    this.hooks.signedIn();
  }

  forget() {
    this.situation.forget();
    this.hooks.forget();
  }

  // What was on the screen stays, under the banner, if anybody may still be waiting for help.
  signedOut = () => {
    this.session = null;
    this.live.stop();
    this.hooks.signedOut?.();
    this.changed();
  };

  lineChanged = (state) => {
    this.line = state;
    this.connecting = false;
    this.hooks.lineChanged?.();
    this.changed();
  };

  // A socket that never came up does not say why; a plain request does.
  lineRefused = () => {
    get("session").catch((refusal) => refusal.signedOut && this.signedOut());
  };
}

// A screen that only shows has one page, whichever is opened there.
function wall({ role }) {
  return role === "kiosk" && location.pathname !== "/kiosk" ? "/kiosk" : null;
}
