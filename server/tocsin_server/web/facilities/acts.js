// What somebody does on this page, and what came of it.

import { get, post } from "../console/api.js";
import { Asking } from "../console/asking.js";
import { t } from "../console/language.js";
import { aboutWork } from "./work.js";

export class Acts extends Asking {
  revoked = new Map(); // by button: what the server answered
  ledgers = new Map(); // by button: its false alarms
  works = new Map(); // by site: while it is worked on

  async startDrill(site_id, event) {
    event.preventDefault();
    const minutes = Number(new FormData(event.target).get("minutes"));
    const done = await this.ask(site_id, () => post("drills", { site_id, minutes }), {
      failed: t("No drill was started: a press is a real alert."),
    });
    if (done) this.notices.say(t("The drill has begun. Wait for each button's lamp to show it."));
  }

  async endDrill(drill_id) {
    const done = await this.closeDrill(drill_id);
    if (done) this.notices.say(t("The drill is over. Every press is real from now on."));
  }

  closeDrill(drill_id) {
    return this.ask(drill_id, () => post(`drills/${drill_id}/end`), {
      failed: t("The drill is still open."),
    });
  }

  async startWork(site_id, event) {
    event.preventDefault();
    const form = new FormData(event.target);
    const body = { reason: form.get("reason").trim(), minutes: Number(form.get("minutes")) };
    const work = await this.ask(aboutWork(site_id), () => post(`sites/${site_id}/maintenance`, body), {
      failed: t("What is wrong with its buttons is texted as before."),
    });
    if (!work) return;
    this.works.set(site_id, work);
    this.notices.say(t("It is quiet there now. An alert is as loud as ever."));
    this.changed();
  }

  async endWork(site_id) {
    const ended = await this.ask(aboutWork(site_id), () => post(`sites/${site_id}/maintenance/end`), {
      failed: t("Look at the page again in a moment: it may have ended by itself."),
    });
    if (!ended) return;
    this.works.delete(site_id);
    this.notices.say(t("It is over. What is still wrong there is told now."));
    this.changed();
  }

  acknowledge(alert) {
    return this.ask(alert.alert_id, () => post(`alerts/${alert.alert_id}/acknowledge`), {
      failed: t("The press is not acknowledged, so its button is not proven."),
    });
  }

  closeTest(alert) {
    const body = { outcome: "test", note: "" };
    return this.ask(alert.alert_id, () => post(`alerts/${alert.alert_id}/resolve`, body), {
      failed: t("The test is still open on the dispatchers' screens."),
    });
  }

  confirmPlace(device_id) {
    return this.ask(device_id, () => post(`devices/${device_id}/confirm`), {
      failed: t("Its alerts still say that nobody has confirmed the place."),
    });
  }

  prove(device_id, about) {
    return this.ask(about, () => post(`devices/${device_id}/prove`), {
      failed: t("No drill was begun: a press is a real alert."),
    });
  }

  async acceptSettings(device_id) {
    const about = `settings ${device_id}`;
    const done = await this.ask(about, () => post(`devices/${device_id}/settings/accept`), {
      failed: t("Its settings are not accepted."),
    });
    if (done) this.notices.say(t("Its settings are accepted. Prove it again in the next drill."));
  }

  async explain(alert_id, device_id, event) {
    event.preventDefault();
    const body = Object.fromEntries(new FormData(event.target));
    const ledger = await this.ask(alert_id, () => post(`false-alarms/${alert_id}/explain`, body), {
      failed: t("Nothing was written down; what you wrote is still here."),
    });
    if (!ledger) return;
    this.ledgers.set(device_id, ledger);
    this.notices.say(t("It is written down."));
    this.changed();
  }

  // `where` is what this page still says of it, once it is gone from the list.
  async revoke(device_id, because, where) {
    const answer = await this.ask(device_id, () => post(`devices/${device_id}/revoke`, { because }), {
      failed: t("Look at the list before you trust that it is out: it may still be in service."),
    });
    if (answer) this.revoked.set(device_id, { ...answer, where });
    this.changed();
  }
}

export const readLedgers = (device_id) =>
  get(device_id ? `false-alarms?device_id=${encodeURIComponent(device_id)}` : "false-alarms");

export const readClaim = (claim_id) => get(`claims/${claim_id}`);
