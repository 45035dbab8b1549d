// Adding one button: from a code to a proven button, and which step of it is now.
//
// The steps follow from what the server says of the code, the button, its drill and its press; this
// page keeps nothing but the code, which is shown once: in this tab, so that a phone which forgets
// the page in somebody's pocket still has it.

import { post } from "../console/api.js";
import { serverNow } from "../console/clock.js";
import { readClaim } from "./acts.js";
import { aroundOf } from "./around.js";

const KEPT = "tocsin-claim";
const ASK_EVERY_MS = 2000;
// The window of a new button shrinks to this once the button was told of it (PROOF_MINUTES).
const TOLD_MS = 5 * 60_000 + 5000;
const ABOUT = "claim";

export class Claiming {
  site_id = null;
  wanted = null; // room, spot, floor, and what is around it
  on_plan = null; // the spot on a plan, as it is being tapped
  made = null; // the server's answer: code, command, picture
  device_id = null;

  constructor({ acts, situation, changed }) {
    this.acts = acts;
    this.situation = situation;
    this.changed = changed;
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    Object.assign(this, kept);
    setInterval(() => this.#look(), ASK_EVERY_MS);
  }

  get busy() {
    return this.acts.busy(ABOUT);
  }

  get problem() {
    return this.acts.problem(ABOUT);
  }

  get device() {
    return this.situation.devices.get(this.device_id);
  }

  // Its test press: the newest that is still open or only just answered.
  get press() {
    return this.situation
      .inOrder()
      .find((alert) => alert.device_id === this.device_id && alert.drill);
  }

  // The window in which its press is a test: its own, or one at its site.
  get drill() {
    const own = this.situation.drills.find((each) => each.device_id === this.device_id);
    const site = this.situation.drills.find((each) => each.site_id === this.site_id);
    return own ?? site ?? null;
  }

  get step() {
    if (this.made === null) return "form";
    if (this.device_id === null) {
      return serverNow() < Date.parse(this.made.expires_at) ? "code" : "expired";
    }
    const { press, device, drill } = this;
    if (press?.state === "open") return "pressed";
    if (press || device?.last_proven_at) return "armed";
    if (!device || device.state === "never_heard") return "answered";
    if (!drill) return "closed";
    return Date.parse(drill.closes_at) - serverNow() <= TOLD_MS ? "press" : "connected";
  }

  // Where at this site a button is being added that isn't done yet.
  unfinishedAt(site_id) {
    return this.site_id === site_id && this.made ? this.wanted : null;
  }

  begin(site_id) {
    if (site_id === this.site_id) return;
    this.#keep({ site_id, wanted: null, on_plan: null, made: null, device_id: null });
  }

  tap = (spot) => this.#keep({ on_plan: spot });

  async submit(event) {
    event.preventDefault();
    const form = new FormData(event.target);
    const said = (name) => form.get(name).trim() || null;
    const words = { room: said("room"), spot: said("spot"), floor: said("floor") };
    await this.make({ ...words, ...aroundOf(form, this.on_plan) });
  }

  // A new code for the same place; the old one, if nobody used it, is taken back.
  async make(wanted) {
    const before = this.made?.claim_id;
    const body = { site_id: this.site_id, ...wanted };
    const made = await this.acts.ask(ABOUT, () => post("claims", body), {
      failed: "There is no code yet.",
    });
    if (!made) return;
    if (before && this.device_id === null) post(`claims/${before}/revoke`).catch(() => {});
    this.#keep({ wanted, made, device_id: null });
  }

  async takeBack() {
    const { claim_id } = this.made;
    const done = await this.acts.ask(ABOUT, () => post(`claims/${claim_id}/revoke`), {
      failed: "The code may still be used.",
    });
    if (done) this.#keep({ made: null });
  }

  // Whoever answers it here has pressed it here: that is also where it is.
  async acknowledge() {
    const answer = await this.acts.acknowledge(this.press);
    if (answer) await this.acts.confirmPlace(this.device_id);
  }

  // The button stays as it is, to be proven another day.
  leave() {
    this.#begin_anew();
  }

  // The test is closed and the window with it: from now on a press of it is a real alert.
  async finish() {
    const { press, device_id } = this;
    const own = this.situation.drills.find((each) => each.device_id === device_id);
    const closed = !press || (await this.acts.closeTest(press));
    if (!closed) return false;
    if (own) await this.acts.closeDrill(own.drill_id);
    this.#begin_anew();
    return true;
  }

  // The next button is mostly on the same floor.
  #begin_anew() {
    const wanted = { room: null, spot: null, floor: this.wanted?.floor ?? null };
    const plan_id = this.on_plan?.plan_id;
    this.#keep({ wanted, on_plan: plan_id ? { plan_id } : null, made: null, device_id: null });
  }

  async #look() {
    if (this.made === null || this.device_id !== null || document.hidden) return;
    this.changed(); // the code may have expired
    const { claim_id } = this.made;
    const state = await readClaim(claim_id).catch(() => null);
    if (state?.device_id && this.made?.claim_id === claim_id) {
      this.#keep({ device_id: state.device_id });
    }
  }

  #keep(fields) {
    Object.assign(this, fields);
    const { site_id, wanted, on_plan, made, device_id } = this;
    sessionStorage.setItem(KEPT, JSON.stringify({ site_id, wanted, on_plan, made, device_id }));
    this.changed();
  }
}
