// A visit: who is signed in at this page, and how its live line is.

import { get, post, remove } from "./api.js";
import { forgetNumbers, keepNumbers } from "./kept-numbers.js";
import { begunAnew, speak, t } from "./language.js";
import { Live } from "./live.js";
import { signInWithPasskey } from "./passkey.js";
import { watchUntouched } from "./untouched.js";

const SESSION_RETRY_MS = 2000;
const SESSION_AGAIN_MS = 60_000;
// The first snapshot is usually there sooner; until then a page says that it is connecting.
const FIRST_SNAPSHOT_MS = 1500;
const FIRST_STEP = { busy: false, problem: null, step: "first" };
const ACCOUNT = "/account"; // where a second factor is added

const focusCode = () => document.querySelector(".sign-in [name=code]")?.focus();

export class Visit {
  session; // undefined: not known yet; null: nobody is signed in
  line = { up: false, heard_ms: 0 };
  connecting = false;
  entering = FIRST_STEP;
  #shut = null; // whose session is locked, where this page shows nothing meanwhile
  #last = null; // who was signed in here before, also if their session ended by itself

  // `hooks`: what the page does besides. `hear(frame)`, where it has a live line; `signedIn()`,
  // `entered()`: just now, by hand; `signedOut()`, `forget()`: somebody else may look next;
  // `lineChanged()`; `locked()`, where a locked page still shows something; `inUse()`: it isn't to be
  // locked by itself; `elsewhere(person)`: the page that is theirs, if this one isn't; `meanwhile`:
  // what to do while the server does not answer a sign-in.
  constructor({ situation, notices, changed, hooks }) {
    Object.assign(this, { situation, notices, changed, hooks });
    if (!hooks.hear) return;
    this.live = new Live({
      onFrame: hooks.hear,
      onState: this.lineChanged,
      onRefused: this.lineRefused,
    });
  }

  async begin() {
    setInterval(this.lookAgain, SESSION_AGAIN_MS);
    addEventListener("locked", this.lookAgain);
    // What fails is tried again as long as nobody touches it.
    watchUntouched({ afterMs: () => this.#lockAfterMs(), then: () => this.#lock().catch(() => {}) });
    await this.#find();
  }

  async #find() {
    try {
      this.signedIn(await get("session"));
      if (begunAnew) this.hooks.entered?.();
    } catch (refusal) {
      if (refusal.signedOut) this.signedOut();
      else setTimeout(() => this.#find(), SESSION_RETRY_MS);
    }
    this.changed();
  }

  // Whether an alert keeps it by now, whether it is locked, and whether a second factor is set up.
  // What fails here, the line fails at, too, and says.
  lookAgain = async () => {
    const known = this.session ?? this.#shut;
    if (!known) return;
    const session = await get("session").catch(() => null);
    if (!session || session.person_id !== (this.session ?? this.#shut)?.person_id) return;
    if (session.locked !== known.locked) this.signedIn(session);
    else if (session.kept === known.kept && session.second_factor === known.second_factor) return;
    else if (this.session) this.session = session;
    this.changed();
  };

  // Who locked this page; null: nobody did.
  get lockedBy() {
    return this.session?.locked ? this.session : this.#shut;
  }

  lock = () =>
    this.#lock().catch((refusal) =>
      this.notices.warn(`${refusal.message} ${t("This screen is not locked.")}`),
    );

  async #lock() {
    this.signedIn(await post("session/lock"));
    this.changed();
  }

  #lockAfterMs() {
    const { locked = true, lock_after_s = null } = this.session ?? {};
    return locked || lock_after_s === null || this.hooks.inUse?.() ? null : lock_after_s * 1000;
  }

  signIn = async (event) => {
    event.preventDefault();
    const form = Object.fromEntries(new FormData(event.target));
    await this.#enter(() => post("session", form));
  };

  sendCode = async (event) => {
    event.preventDefault();
    const form = Object.fromEntries(new FormData(event.target));
    await this.#enter(() => post("session/code", form));
  };

  usePasskey = () => this.#enter(signInWithPasskey);

  startOver = () => {
    this.entering = FIRST_STEP;
    this.changed();
  };

  async #enter(ask) {
    this.entering = { ...this.entering, busy: true, problem: null };
    this.changed();
    const was_locked = this.lockedBy !== null;
    try {
      this.signedIn(await ask());
      if (!was_locked) this.hooks.entered?.();
    } catch (refusal) {
      this.entering = this.#refused(refusal);
    }
    this.changed();
    if (this.entering.step === "code") requestAnimationFrame(focusCode); // it is drawn by then
  }

  #refused(refusal) {
    if (refusal.code === "second_step") return { ...FIRST_STEP, step: "code" };
    const meanwhile = refusal.status === 0 ? (this.hooks.meanwhile ?? "") : "";
    const step = refusal.code === "start_over" ? FIRST_STEP.step : this.entering.step;
    return { busy: false, problem: `${refusal.message}${meanwhile}`, step };
  }

  signOut = async () => {
    try {
      await remove("session");
    } catch (refusal) {
      this.notices.warn(
        `${refusal.message} ${t("You may still be signed in on this device: close the browser.")}`,
      );
    }
    this.forget();
    this.line = { up: false, heard_ms: 0 };
    this.signedOut();
  };

  signedIn(person) {
    if (person.role !== "kiosk" && speak(person.language)) return;
    const isToAdd = person.second_factor === "required" && location.pathname !== ACCOUNT;
    const elsewhere = isToAdd ? ACCOUNT : (this.hooks.elsewhere?.(person) ?? wall(person));
    if (elsewhere) {
      location.replace(elsewhere);
      return;
    }
    if (this.#last && this.#last !== person.person_id) this.forget();
    this.#last = person.person_id;
    this.entering = FIRST_STEP;
    this.#shut = person.locked && !this.hooks.locked ? person : null;
    if (this.#shut) {
      this.session = null;
      this.live?.stop();
      return;
    }
    this.session = person;
    if (person.locked) this.hooks.locked();
    if (this.line.heard_ms === 0) {
      this.connecting = true;
      setTimeout(() => {
        this.connecting = false;
        this.changed();
      }, FIRST_SNAPSHOT_MS);
    }
    this.live?.start();
    if (person.role === "kiosk") forgetNumbers();
    else keepNumbers();
    this.hooks.signedIn();
  }

  forget() {
    this.situation.forget();
    this.hooks.forget();
  }

  // What was on the screen stays, under the banner, if anybody may still be waiting for help.
  signedOut = () => {
    this.session = this.#shut = null;
    this.live?.stop();
    forgetNumbers();
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
