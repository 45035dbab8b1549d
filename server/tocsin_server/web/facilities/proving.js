// Proving one button: from its drill to a press that somebody has acknowledged, and which step of it is now.
//
// The steps follow from what the server says of the button, its drill and its press. What was pressed
// before it was moved proves nothing of where it is.

import { serverNow } from "../console/clock.js";

// The window of one button shrinks to this once the button was told of it (PROOF_MINUTES).
const TOLD_MS = 5 * 60_000 + 5000;

const BEGINS_MS = 5000;

export class Proving {
  site_id = null;
  device_id = null;
  #begun_ms = -BEGINS_MS;

  constructor({ acts, situation, changed }) {
    this.acts = acts;
    this.situation = situation;
    this.changed = changed;
  }

  open(device_id) {
    if (this.device_id !== device_id) this.#begun_ms = -BEGINS_MS;
    this.device_id = device_id;
  }

  get about() {
    return `proof of ${this.device_id}`;
  }

  // True once a press of it will be a drill; the screens hear of that a moment later.
  async beginDrill() {
    const begun = await this.acts.prove(this.device_id, this.about);
    if (!begun) return false;
    this.#begun_ms = performance.now();
    setTimeout(this.changed, BEGINS_MS);
    this.changed();
    return true;
  }

  get device() {
    return this.situation.devices.get(this.device_id);
  }

  get place() {
    const { room, label } = this.device ?? {};
    return [room, label].filter(Boolean).join(", ");
  }

  // Its test press: the newest that is still open or only just answered.
  get press() {
    const moved_ms = Date.parse(this.device?.moved_at ?? 0);
    return this.situation
      .inOrder()
      .find(
        (alert) =>
          alert.device_id === this.device_id && alert.drill && Date.parse(alert.pressed_at) > moved_ms,
      );
  }

  // The window in which its press is a test: its own, or one at its site.
  get drill() {
    const site_id = this.site_id ?? this.device?.site_id;
    const own = this.situation.drills.find((each) => each.device_id === this.device_id);
    const site = this.situation.drills.find((each) => each.site_id === site_id);
    return own ?? site ?? null;
  }

  get step() {
    const { press, device, drill } = this;
    if (press?.state === "open") return "pressed";
    if (press || device?.last_proven_at) return "armed";
    if (!device || device.state === "never_heard") return "answered";
    if (!drill) return performance.now() - this.#begun_ms < BEGINS_MS ? "connected" : "closed";
    return Date.parse(drill.closes_at) - serverNow() <= TOLD_MS ? "press" : "connected";
  }

  // Whoever answers it here has pressed it here: that is also where it is.
  async acknowledge() {
    const answer = await this.acts.acknowledge(this.press);
    if (answer) await this.acts.confirmPlace(this.device_id);
  }

  // The test is closed and the window with it: from now on a press of it is a real alert.
  async finish() {
    const { press, device_id } = this;
    const own = this.situation.drills.find((each) => each.device_id === device_id);
    const closed = !press || (await this.acts.closeTest(press));
    if (closed && own) await this.acts.closeDrill(own.drill_id);
    return Boolean(closed);
  }
}
