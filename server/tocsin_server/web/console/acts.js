// What a dispatcher does to an alert, and what this screen says came of it.
//
// Each act is one request. A refusal or silence is shown on the alert itself and as a notice: it
// says that nothing has been done, and what to do instead.

import { get, post } from "./api.js";
import { idle } from "./alert-card.js";
import { FloorPlans } from "./floor-plan.js";
import { OfficerLinks } from "./officer-link.js";
import { nextTier } from "./who-has-it.js";
import { kindInWords, outcomeInWords, placeInOneLine, timeInWords } from "./words.js";

// From here on, what was done to alerts that are over is forgotten.
const DOING_MAX = 100;

export class Acts {
  #doing = new Map();

  constructor({ situation, notices, changed, signedOut, myName }) {
    this.situation = situation;
    this.notices = notices;
    this.changed = changed;
    this.signedOut = signedOut;
    this.myName = myName;
    this.officer = new OfficerLinks({
      of: (alert_id) => this.doing(alert_id),
      set: (alert_id, fields) => this.#set(alert_id, fields),
      fail: (refusal, failed) => this.#fail(refusal, failed),
    });
    this.plans = new FloorPlans({ changed, signedOut });
  }

  doing(alert_id) {
    return this.#doing.get(alert_id) ?? idle();
  }

  // Somebody else may look next.
  forget() {
    this.#doing.clear();
    this.plans.forget();
  }

  async acknowledge(alert_id) {
    const where = this.#where(alert_id);
    const before = this.situation.alerts.get(alert_id);
    const zone = before?.place?.time_zone;
    const answer = await this.#ask(alert_id, "acknowledge", {
      failed: "This alert is NOT acknowledged by you, and others are still being called.",
    });
    if (!answer) return;
    this.situation.acknowledgedBy(alert_id, answer);
    const winner = answer.acknowledged_by ?? "Somebody else";
    const since = timeInWords(answer.acknowledged_at, zone);
    if (answer.won) {
      this.notices.say(`You have it: ${where}. Everyone who was told learns that you do.`);
    } else if (answer.yours && (before?.asked_at || before?.again_at)) {
      this.notices.say(`You still have it: ${where}. Nobody else is told.`);
    } else if (answer.yours) {
      this.notices.say(`You have it already, since ${since}: ${where}.`);
    } else {
      this.notices.say(
        `${winner} already has it, since ${since}: ${where}. Speak to ${winner} before you act.`,
      );
    }
  }

  async respond(alert_id) {
    const where = this.#where(alert_id);
    const answer = await this.#ask(alert_id, "respond", {
      failed: "The button does not show yet that somebody is on the way.",
    });
    if (answer) this.notices.say(`Responding: ${where}. The button's lamp shows it.`);
  }

  async arrive(alert_id) {
    const where = this.#where(alert_id);
    const answer = await this.#ask(alert_id, "on-scene", {
      failed: "It is not on record yet that somebody is on scene.",
    });
    if (answer) this.notices.say(`On scene: ${where}.`);
  }

  async escalate(alert_id, event) {
    event.preventDefault();
    const where = this.#where(alert_id);
    const { n, again } = nextTier(this.situation.alerts.get(alert_id));
    const answer = await this.#ask(alert_id, "escalate", {
      failed: "Nobody else is told because of it.",
    });
    if (answer) this.notices.say(`Tier ${n} is told${again} now: ${where}.`);
  }

  async handOver(alert_id, event) {
    event.preventDefault();
    const { person } = this.doing(alert_id);
    if (person === null) return;
    const where = this.#where(alert_id);
    const answer = await this.#ask(alert_id, "hand-over", {
      body: { person_id: person.person_id },
      failed: "It is offered to nobody, and stays where it is.",
    });
    if (answer) this.notices.say(`Offered to ${person.name}, who has it once they take it: ${where}.`);
  }

  async makeReal(alert_id) {
    const where = this.#where(alert_id);
    const answer = await this.#ask(alert_id, "actual", {
      failed: "It is STILL marked as a drill. Treat it as real and call for help by phone.",
    });
    if (answer) this.notices.say(`Now a real emergency: ${where}.`);
  }

  async resolve(alert_id, event) {
    event.preventDefault();
    const { outcome } = this.doing(alert_id);
    if (outcome === null) return;
    const where = this.#where(alert_id);
    const note = new FormData(event.target).get("note").trim();
    const answer = await this.#ask(alert_id, "resolve", {
      body: { outcome, note },
      failed: "The alert is still open.",
    });
    if (!answer) return;
    const more =
      outcome === "false_alarm" ? " Whoever keeps the buttons writes down why, on their page." : "";
    this.notices.say(`Resolved as ${outcomeInWords(outcome).toLowerCase()}: ${where}.${more}`);
  }

  async addNote(alert_id, event) {
    event.preventDefault();
    const text = new FormData(event.target).get("text").trim();
    if (!text) return;
    const answer = await this.#ask(alert_id, "notes", {
      body: { text },
      failed: "The note is not on record; it is still in the box.",
    });
    if (answer) this.notices.say("The note is on record.");
  }

  async seen(doubtful_id) {
    try {
      await post(`doubtful/${doubtful_id}/seen`);
      this.situation.seen(doubtful_id, this.myName());
    } catch (refusal) {
      this.#fail(refusal, "It still counts as not seen, and will be sent to phones.");
    }
    this.changed();
  }

  async endDrill(drill_id) {
    try {
      await post(`drills/${drill_id}/end`);
      this.notices.say("The drill window is closed. Every press is real from now on.");
    } catch (refusal) {
      this.#fail(refusal, "The drill window is still open.");
    }
    this.changed();
  }

  togglePanel(alert_id, panel) {
    const open = this.doing(alert_id).panel === panel;
    const empty = { outcome: null, people: null, person: null, officer: null, problem: null };
    this.#set(alert_id, { ...empty, panel: open ? null : panel });
    if (panel === "hand-over" && !open) this.#findPeople(alert_id);
    if (panel === "officer" && !open) this.officer.read(alert_id);
  }

  chooseOutcome(alert_id, outcome) {
    this.#set(alert_id, { outcome });
  }

  choosePerson(alert_id, person) {
    this.#set(alert_id, { person });
  }

  async #findPeople(alert_id) {
    let found = null;
    try {
      const { people } = await get("people");
      found = { people };
    } catch (refusal) {
      found = { problem: this.#fail(refusal, "It is offered to nobody."), panel: null };
    }
    if (this.doing(alert_id).panel === "hand-over") this.#set(alert_id, found);
  }

  async #ask(alert_id, act, { body, failed }) {
    if (this.doing(alert_id).busy !== null) return null;
    this.#set(alert_id, { busy: act, problem: null });
    try {
      const answer = await post(`alerts/${alert_id}/${act}`, body);
      this.#doing.delete(alert_id);
      this.changed();
      return answer;
    } catch (refusal) {
      this.#set(alert_id, { busy: null, problem: this.#fail(refusal, failed) });
      return null;
    }
  }

  #fail(refusal, failed) {
    const now = refusal.status === 0 ? "Try again; if it fails again, use phone and radio." : "";
    const problem = [refusal.message, failed, now].filter(Boolean).join(" ");
    this.notices.warn(problem);
    if (refusal.signedOut) this.signedOut();
    return problem;
  }

  #set(alert_id, fields) {
    if (this.#doing.size >= DOING_MAX) {
      for (const id of this.#doing.keys()) {
        if (!this.situation.alerts.has(id)) this.#doing.delete(id);
      }
    }
    this.#doing.set(alert_id, { ...this.doing(alert_id), ...fields });
    this.changed();
  }

  #where(alert_id) {
    const alert = this.situation.alerts.get(alert_id);
    return alert ? `${kindInWords(alert.kind)}, ${placeInOneLine(alert.place)}` : "this alert";
  }
}
