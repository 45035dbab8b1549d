// Adding one button: from a code to a proven button, and which step of it is now.
//
// The steps follow from what the server says of the code, the button, its drill and its press; this
// page keeps nothing but the code, which is shown once: in this tab, so that a phone which forgets
// the page in somebody's pocket still has it.

import { post } from "../console/api.js";
import { serverNow } from "../console/clock.js";
import { t } from "../console/language.js";
import { readClaim } from "./acts.js";
import { aroundOf, placeInWords } from "./around.js";
import { Proving } from "./proving.js";

const KEPT = "tocsin-claim";
const ASK_EVERY_MS = 2000;
const ABOUT = "claim";

export class Claiming extends Proving {
  wanted = null; // room, spot, floor, and what is around it
  on_plan = null; // the spot on a plan, as it is being tapped
  made = null; // the server's answer: code, command, picture

  constructor(parts) {
    super(parts);
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

  get place() {
    return placeInWords(this.wanted ?? {});
  }

  get step() {
    if (this.made === null) return "form";
    if (this.device_id === null) {
      return serverNow() < Date.parse(this.made.expires_at) ? "code" : "expired";
    }
    return super.step;
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
      failed: t("There is no code yet."),
    });
    if (!made) return;
    if (before && this.device_id === null) post(`claims/${before}/revoke`).catch(() => {});
    this.#keep({ wanted, made, device_id: null });
  }

  async takeBack() {
    const { claim_id } = this.made;
    const done = await this.acts.ask(ABOUT, () => post(`claims/${claim_id}/revoke`), {
      failed: t("The code may still be used."),
    });
    if (done) this.#keep({ made: null });
  }

  // The button stays as it is, to be proven another day.
  leave() {
    this.#begin_anew();
  }

  async finish() {
    const done = await super.finish();
    if (done) this.#begin_anew();
    return done;
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
