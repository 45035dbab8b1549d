// Where one button is, as its page shows it, what somebody changes of that there, and its move elsewhere.

import { get, post } from "../console/api.js";
import { t } from "../console/language.js";
import { aroundOf } from "./around.js";

export class Placing {
  device_id = null;
  place = null; // undefined: nobody has given it one
  editing = null; // "around": what is around it; "move": it was carried elsewhere
  spot = null;
  to = ""; // the place it was carried to, of those that are known; empty: one in words

  constructor({ acts, notices, changed, reread }) {
    this.acts = acts;
    this.notices = notices;
    this.changed = changed;
    this.reread = reread;
  }

  get about() {
    return `place of ${this.device_id}`;
  }

  async open(device_id) {
    Object.assign(this, { device_id, place: null, editing: null, spot: null });
    const place = await get(`devices/${device_id}/place`).catch(() => undefined);
    if (this.device_id === device_id) this.place = place;
    this.changed();
  }

  edit(wanted) {
    this.editing = wanted;
    this.spot = wanted === "around" && this.place?.on_plan ? pointOf(this.place.on_plan) : null;
    this.to = "";
    this.changed();
  }

  choose = (event) => {
    this.to = event.target.value;
    this.changed();
  };

  tap = (spot) => {
    this.spot = spot;
    this.changed();
  };

  async submit(event) {
    event.preventDefault();
    const body = aroundOf(new FormData(event.target), this.spot);
    const { device_id } = this;
    const place = await this.acts.ask(this.about, () => post(`devices/${device_id}/place`, body), {
      failed: t("The place is as it was."),
    });
    if (!place || this.device_id !== device_id) return;
    Object.assign(this, { place, editing: null });
    this.reread();
    this.changed();
  }

  async move(event) {
    event.preventDefault();
    const { device_id, place } = this;
    const body = { from_place_id: place.place_id, ...this.#target(new FormData(event.target)) };
    const moved = await this.acts.ask(this.about, () => post(`devices/${device_id}/move`, body), {
      failed: t("It is where it was."),
    });
    if (!moved || this.device_id !== device_id) return;
    this.notices.say(t("It is at {moved_to} now, and not proven there yet.", moved));
    this.reread();
    await this.open(device_id);
    scrollTo({ top: 0 });
  }

  #target(form) {
    if (this.to) return { place_id: this.to };
    const said = (name) => form.get(name).trim() || null;
    const words = { room: said("room"), spot: said("spot"), floor: said("floor") };
    return { ...words, ...aroundOf(form, this.spot) };
  }
}

function pointOf({ plan_id, x, y }) {
  return { plan_id, x, y };
}
