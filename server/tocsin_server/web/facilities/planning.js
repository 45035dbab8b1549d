// The plans of one site, as somebody works on them: a file that is being sent, and taps for the scale and
// for the position. Two taps each; what they come to is the server's to say.

import { post, Refusal } from "../console/api.js";
import { t } from "../console/language.js";

const FILE_BYTES_MAX = 20 * 1024 * 1024;
const SEND_TIMEOUT_MS = 180_000; // 20 MB over a phone's line, and drawing it
const NEW = "new plan";

export class Planning {
  site_id = null;
  mode = null; // "scale", "position", "entrances" or "end", of the plan `plan_id`
  plan_id = null;
  taps = [];
  doors = new Map(); // where each entrance is, by its name, while somebody marks them
  door = null; // the one that a tap marks
  pages = false; // whether the chosen file has pages

  constructor({ acts, changed, reread }) {
    this.acts = acts;
    this.changed = changed;
    this.reread = reread;
  }

  busy = (about = NEW) => this.acts.busy(about);
  problem = (about = NEW) => this.acts.problem(about);

  open(site_id) {
    Object.assign(this, { site_id, pages: false });
    this.begin(null, null);
  }

  begin(mode, plan_id) {
    Object.assign(this, { mode, plan_id, taps: [] });
    this.changed();
  }

  // What the site has no more is left out, and so gone once they are saved.
  beginEntrances(plan, site) {
    const marked = plan.entrances.filter(({ name }) => site.entrances.includes(name));
    this.doors = new Map(marked.map(({ name, x, y }) => [name, { x, y }]));
    this.door = site.entrances.find((name) => !this.doors.has(name)) ?? site.entrances[0];
    this.begin("entrances", plan.plan_id);
  }

  chooseDoor(name) {
    this.door = name;
    this.changed();
  }

  tapDoor = (point) => {
    this.doors.set(this.door, point);
    this.changed();
  };

  unmarkDoor = () => {
    this.doors.delete(this.door);
    this.changed();
  };

  saveDoors() {
    const entrances = [...this.doors].map(([name, at]) => ({ name, ...at }));
    return this.#save("entrances", { entrances });
  }

  // The third tap begins anew: somebody saw that the first was wrong.
  tap = (point) => {
    this.taps = this.taps.length === 2 ? [point] : [...this.taps, point];
    this.changed();
  };

  chosen(event) {
    const [file] = event.target.files;
    this.pages = file !== undefined && /pdf/i.test(`${file.type} ${file.name}`);
    this.changed();
  }

  async send(event) {
    event.preventDefault();
    const form = event.target;
    const said = new FormData(form);
    const file = said.get("file");
    const done = await this.acts.ask(NEW, () => this.#send(said, file));
    if (!done) return;
    form.reset();
    this.pages = false;
    await this.reread();
  }

  async #send(said, file) {
    if (file.size > FILE_BYTES_MAX) {
      const message = t("The file is larger than 20 MiB: save the plan smaller. Nothing was changed.");
      throw new Refusal({ status: 413, code: "too_large", message });
    }
    const body = { title: said.get("title"), file: await inBase64(file) };
    if (said.get("page")) body.page = Number(said.get("page"));
    return post(`sites/${this.site_id}/plans`, body, SEND_TIMEOUT_MS);
  }

  scale(event) {
    event.preventDefault();
    const said = new FormData(event.target);
    const [one, other] = this.taps;
    const distance = Number(said.get("distance").replace(",", "."));
    return this.#save("scale", { one, other, distance, unit: said.get("unit") });
  }

  position() {
    const [here, north] = this.taps;
    return this.#save("position", { here, north });
  }

  end() {
    return this.#save("end", {});
  }

  async #save(what, body) {
    const { plan_id } = this;
    const done = await this.acts.ask(plan_id, () => post(`plans/${plan_id}/${what}`, body));
    if (!done) return;
    await this.reread();
    this.begin(null, null);
  }
}

// As a data URI, from which what stands before the comma is left out.
function inBase64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}
