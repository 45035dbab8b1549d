// A list of sites as a file: looked through by the server first, then taken in, all of it or nothing.

import { get, keepFile, post, Refusal } from "../console/api.js";
import { t } from "../console/language.js";

const FILE_BYTES_MAX = 8 * 1024 * 1024;
const LOOK_TIMEOUT_MS = 120_000; // ten thousand lines on a busy server
const LIST = "list of sites";
const UNCHANGED = t("Nothing was changed.");

export class Importing {
  file_name = null;
  answer = null; // what the server found, or what it has done
  #text = "";

  constructor({ acts, changed, reread }) {
    this.acts = acts;
    this.changed = changed;
    this.reread = reread;
  }

  get busy() {
    return this.acts.busy(LIST);
  }

  get problem() {
    return this.acts.problem(LIST);
  }

  // Nothing is left of a list that somebody looked at before.
  open() {
    Object.assign(this, { file_name: null, answer: null });
    this.#text = "";
  }

  // A file that is saved anew after a mistake is chosen once more, under the same name.
  choose = async (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (!file) return;
    Object.assign(this, { file_name: file.name, answer: null });
    this.answer = await this.acts.ask(LIST, () => this.#look(file), { failed: UNCHANGED });
    this.changed();
  };

  take = async () => {
    const body = { text: this.#text, dry_run: false };
    const answer = await this.acts.ask(LIST, () => post("sites/import", body, LOOK_TIMEOUT_MS), {
      failed: t("Look at the sites before you take it in again: it may have been done."),
    });
    if (!answer) return;
    this.answer = answer;
    await this.reread();
    this.changed();
  };

  keep(format) {
    return this.acts.ask(LIST, async () => {
      const { text } = await get(`sites/export?format=${format}`);
      keepFile(new Blob([text], { type: "text/plain" }), `sites.${format}`);
    });
  }

  async #look(file) {
    if (file.size > FILE_BYTES_MAX) {
      const message = t("The file is larger than 8 MiB: split it, and take one part in after the other.");
      throw new Refusal({ status: 413, code: "too_large", message });
    }
    this.#text = await file.text().catch(() => {
      const message = t("The browser can't read this file any more: choose it again.");
      throw new Refusal({ status: 0, code: "not_read", message });
    });
    return post("sites/import", { text: this.#text, dry_run: true }, LOOK_TIMEOUT_MS);
  }
}
