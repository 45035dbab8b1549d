// What a dispatcher does to an alert, and what this screen says came of it.
//
// Each act is one request. A refusal or silence is shown on the alert itself and as a notice: it
// says that nothing has been done, and what to do instead.

import { get, post } from "./api.js";
import { idle } from "./alert-card.js";
import { FloorPlans } from "./floor-plan.js";
import { t } from "./language.js";
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
      failed: t("This alert is NOT acknowledged by you, and others are still being called."),
    });
    if (!answer) return;
    this.situation.acknowledgedBy(alert_id, answer);
    const winner = answer.acknowledged_by ?? t("Somebody else");
    const since = timeInWords(answer.acknowledged_at, zone);
    if (answer.won) {
      this.notices.say(t("You have it: {where}. Everyone who was told learns that you do.", { where }));
    } else if (answer.yours && (before?.asked_at || before?.again_at)) {
      this.notices.say(t("You still have it: {where}. Nobody else is told.", { where }));
    } else if (answer.yours) {
      this.notices.say(t("You have it already, since {since}: {where}.", { since, where }));
    } else {
      this.notices.say(
        t("{winner} already has it, since {since}: {where}. Speak to {winner} before you act.", {
          winner,
          since,
          where,
        }),
      );
    }
  }

  async respond(alert_id) {
    const where = this.#where(alert_id);
    const answer = await this.#ask(alert_id, "respond", {
      failed: t("The button does not show yet that somebody is on the way."),
    });
    if (answer) this.notices.say(t("Responding: {where}. The button's lamp shows it.", { where }));
  }

  async arrive(alert_id) {
    const where = this.#where(alert_id);
    const answer = await this.#ask(alert_id, "on-scene", {
      failed: t("It is not on record yet that somebody is on scene."),
    });
    if (answer) this.notices.say(t("On scene: {where}.", { where }));
  }

  async escalate(alert_id, event) {
    event.preventDefault();
    const where = this.#where(alert_id);
    const { n, again } = nextTier(this.situation.alerts.get(alert_id), this.doing(alert_id).next);
    const answer = await this.#ask(alert_id, "escalate", {
      failed: t("Nobody else is told because of it."),
    });
    if (!answer) return;
    this.notices.say(
      again
        ? t("Tier {n} is told again now: {where}.", { n, where })
        : t("Tier {n} is told now: {where}.", { n, where }),
    );
  }

  async handOver(alert_id, event) {
    event.preventDefault();
    const { person } = this.doing(alert_id);
    if (person === null) return;
    const where = this.#where(alert_id);
    const answer = await this.#ask(alert_id, "hand-over", {
      body: { person_id: person.person_id },
      failed: t("It is offered to nobody, and stays where it is."),
    });
    if (!answer) return;
    const { name } = person;
    this.notices.say(t("Offered to {name}, who has it once they take it: {where}.", { name, where }));
  }

  async makeReal(alert_id) {
    const where = this.#where(alert_id);
    const answer = await this.#ask(alert_id, "actual", {
      failed: t("It is STILL marked as a drill. Treat it as real and call for help by phone."),
    });
    if (answer) this.notices.say(t("Now a real emergency: {where}.", { where }));
  }

  async resolve(alert_id, event) {
    event.preventDefault();
    const { outcome } = this.doing(alert_id);
    if (outcome === null) return;
    const where = this.#where(alert_id);
    const note = new FormData(event.target).get("note").trim();
    const answer = await this.#ask(alert_id, "resolve", {
      body: { outcome, note },
      failed: t("The alert is still open."),
    });
    if (!answer) return;
    const was = outcomeInWords(outcome).toLowerCase();
    const said = [t("Resolved as {outcome}: {where}.", { outcome: was, where })];
    if (outcome === "false_alarm") {
      said.push(t("Whoever keeps the buttons writes down why, on their page."));
    }
    this.notices.say(said.join(" "));
  }

  async addNote(alert_id, event) {
    event.preventDefault();
    const text = new FormData(event.target).get("text").trim();
    if (!text) return;
    const answer = await this.#ask(alert_id, "notes", {
      body: { text },
      failed: t("The note is not on record; it is still in the box."),
    });
    if (answer) this.notices.say(t("The note is on record."));
  }

  async seen(doubtful_id) {
    try {
      await post(`doubtful/${doubtful_id}/seen`);
      this.situation.seen(doubtful_id, this.myName());
    } catch (refusal) {
      this.#fail(refusal, t("It still counts as not seen, and will be sent to phones."));
    }
    this.changed();
  }

  async endDrill(drill_id) {
    try {
      await post(`drills/${drill_id}/end`);
      this.notices.say(t("The drill window is closed. Every press is real from now on."));
    } catch (refusal) {
      this.#fail(refusal, t("The drill window is still open."));
    }
    this.changed();
  }

  togglePanel(alert_id, panel) {
    const open = this.doing(alert_id).panel === panel;
    const empty = { outcome: null, people: null, person: null, officer: null, next: undefined, problem: null };
    this.#set(alert_id, { ...empty, panel: open ? null : panel });
    if (panel === "hand-over" && !open) this.#findPeople(alert_id);
    if (panel === "officer" && !open) this.officer.read(alert_id);
    if (panel === "escalate" && !open) this.#findNextTier(alert_id);
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
      found = { problem: this.#fail(refusal, t("It is offered to nobody.")), panel: null };
    }
    if (this.doing(alert_id).panel === "hand-over") this.#set(alert_id, found);
  }

  // Who that is is good to know, and nothing to wait for: where it fails, the number alone is shown.
  async #findNextTier(alert_id) {
    const after = this.situation.alerts.get(alert_id)?.tier;
    const said = await get(`alerts/${alert_id}/next-tier`).catch(() => null);
    if (this.doing(alert_id).panel === "escalate") this.#set(alert_id, { next: said && { ...said, after } });
  }

  async #ask(alert_id, act, { body, failed }) {
    const { busy, panel } = this.doing(alert_id);
    if (busy !== null) return null;
    this.notices.over(alert_id);
    this.#set(alert_id, { busy: act, problem: null });
    try {
      const answer = await post(`alerts/${alert_id}/${act}`, body);
      if (this.doing(alert_id).panel === panel) this.#doing.delete(alert_id);
      else this.#set(alert_id, { busy: null }); // what a key opened meanwhile stays
      this.changed();
      return answer;
    } catch (refusal) {
      this.#set(alert_id, { busy: null, problem: this.#fail(refusal, failed, alert_id) });
      return null;
    }
  }

  // `alert_id`: of what it is about; beside other alerts a notice has to say which.
  #fail(refusal, failed, alert_id = null) {
    const is_silent = refusal.status === 0;
    const now = is_silent ? t("Try again; if it fails again, use phone and radio.") : "";
    const problem = [refusal.message, failed, now].filter(Boolean).join(" ");
    this.notices.warn(alert_id ? `${this.#where(alert_id)}: ${problem}` : problem, alert_id);
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
    return alert ? `${kindInWords(alert.kind)}, ${placeInOneLine(alert.place)}` : t("this alert");
  }
}
