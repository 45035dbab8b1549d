// A policy as somebody edits it: kept here until it is saved, and tried by the server at every change.
//
// Each try is a dry run: it says when nobody would answer in the next seven days, and keeps nothing.

import { post, Refusal } from "../console/api.js";
import { NEW } from "./route.js";

const TRY_AFTER_MS = 300; // a person who types seconds is not done at the first digit

const emptyTier = () => ({ patience_s: "30", people: [], shifts: [], methods: [] });

export class Drafting {
  policy = null; // as it is on the server; null: a new one
  name = "";
  tiers = [];
  tried = null; // what the server said of these very tiers
  problem = null; // why they are no policy
  isOpen = false;
  isTouched = false;
  #tries = 0;
  #timer = null;

  constructor({ changed }) {
    this.changed = changed;
  }

  get about() {
    return `draft of ${this.policy?.policy_id ?? "a new policy"}`;
  }

  isOf = (id) => this.isOpen && id === (this.policy?.policy_id ?? NEW);

  // Where it is open already, nothing that was changed is lost; what somebody else has changed
  // meanwhile is shown as long as nothing is changed here.
  open(policy) {
    const same = JSON.stringify(policy?.tiers) === JSON.stringify(this.policy?.tiers);
    if (this.isOf(policy?.policy_id ?? NEW) && (this.isTouched || same)) return;
    const tiers = policy?.tiers.map((tier) => ({
      patience_s: String(tier.patience_s),
      people: [...tier.people],
      shifts: [...tier.shifts],
      methods: [...tier.methods],
    }));
    const name = policy?.name ?? "";
    Object.assign(this, { policy, name, isOpen: true, isTouched: false, tried: null, problem: null });
    this.tiers = tiers?.length ? tiers : [emptyTier()];
    if (policy) this.#try();
  }

  close() {
    this.isOpen = false;
    clearTimeout(this.#timer);
    this.#tries += 1;
  }

  addTier = () => this.#change(() => this.tiers.push(emptyTier()));
  removeTier = (index) => this.#change(() => this.tiers.splice(index, 1));
  setSeconds = (index, given) => this.#change(() => (this.tiers[index].patience_s = given));

  setName(given) {
    this.name = given;
    this.isTouched = true;
    this.changed();
  }

  // `what`: people, shifts or methods.
  put = (index, what, value) =>
    this.#change(() => {
      const members = this.tiers[index][what];
      if (!members.includes(value)) members.push(value);
    });

  take = (index, what, value) =>
    this.#change(() => {
      this.tiers[index][what] = this.tiers[index][what].filter((each) => each !== value);
    });

  // A person or a shift that was changed meanwhile may be what was missing.
  tryAgain = () => {
    if (this.isOpen && this.isTouched) this.#try();
  };

  body({ dry_run }) {
    const tiers = this.tiers.map((tier) => ({ ...tier, patience_s: Number(tier.patience_s) }));
    return { name: this.name.trim() || "New policy", tiers, dry_run };
  }

  #change(act) {
    act();
    this.isTouched = true;
    this.tried = null;
    clearTimeout(this.#timer);
    this.#tries += 1; // what is under way is of other tiers
    this.#timer = setTimeout(() => this.#try(), TRY_AFTER_MS);
    this.changed();
  }

  async #try() {
    this.#tries += 1;
    const tries = this.#tries;
    let tried = null;
    let problem = null;
    try {
      tried = await post("policies", this.body({ dry_run: true }));
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      problem = refusal.message;
    }
    if (tries !== this.#tries) return;
    Object.assign(this, { tried, problem });
    this.changed();
  }
}
