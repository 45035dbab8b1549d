// Where one button is, as its page shows it, and what somebody changes of that there.

import { get, post } from "../console/api.js";
import { aroundOf } from "./around.js";

export class Placing {
  device_id = null;
  place = null; // undefined: nobody has given it one
  editing = false;
  spot = null;

  constructor({ acts, changed, reread }) {
    this.acts = acts;
    this.changed = changed;
    this.reread = reread;
  }

  get about() {
    return `place of ${this.device_id}`;
  }

  async open(device_id) {
    Object.assign(this, { device_id, place: null, editing: false, spot: null });
    const place = await get(`devices/${device_id}/place`).catch(() => undefined);
    if (this.device_id === device_id) this.place = place;
    this.changed();
  }

  edit(wanted) {
    this.editing = wanted;
    this.spot = this.place?.on_plan ? pointOf(this.place.on_plan) : null;
    this.changed();
  }

  tap = (spot) => {
    this.spot = spot;
    this.changed();
  };

  async submit(event) {
    event.preventDefault();
    const body = aroundOf(new FormData(event.target), this.spot);
    const { device_id } = this;
    const place = await this.acts.ask(this.about, () => post(`devices/${device_id}/place`, body), {
      failed: "The place is as it was.",
    });
    if (!place || this.device_id !== device_id) return;
    Object.assign(this, { place, editing: false });
    this.reread();
    this.changed();
  }
}

function pointOf({ plan_id, x, y }) {
  return { plan_id, x, y };
}
