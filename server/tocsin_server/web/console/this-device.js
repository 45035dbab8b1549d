// Alerts on this device: what the browser has to be asked, and what the server has to be told.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { get, post } from "./api.js";
import { t } from "./language.js";

export class ThisDevice {
  #state = "unknown"; // can't, off, on, busy

  constructor({ notices, changed }) {
    Object.assign(this, { notices, changed });
  }

  // What this browser was told before, if it can be told at all.
  async look() {
    this.#turn("serviceWorker" in navigator && "PushManager" in window ? "off" : "can't");
    if (this.#state === "can't") return;
    const registration = await navigator.serviceWorker.getRegistration("/");
    if (await registration?.pushManager.getSubscription()) this.#turn("on");
  }

  template() {
    if (this.#state === "unknown" || this.#state === "can't") return nothing;
    const said = this.#state === "on" ? t("Alerts on this device: on") : t("Get alerts on this device");
    return html`<button
      data-testid="this-device"
      ?disabled=${this.#state === "busy"}
      @click=${this.#signUp}
    >
      ${said}
    </button>`;
  }

  // Where it is on already, the server is told once more: somebody else may have signed in.
  #signUp = async () => {
    const before = this.#state;
    this.#turn("busy");
    try {
      const { key } = await get("push/key");
      if ((await Notification.requestPermission()) !== "granted") {
        this.notices.warn(
          t(
            "This browser does not allow notifications of this page, so it can't show alerts while the page is" +
              " closed. Allow them in the browser's settings for this page, then try again.",
          ),
        );
        this.#turn(before);
        return;
      }
      await post("me/push", (await subscribe(key)).toJSON());
      this.#turn("on");
      this.notices.say(
        t("This device gets your alerts, also while this page is closed. Your phone is told as before."),
      );
    } catch (error) {
      this.#turn(before);
      this.notices.warn(
        error.status === undefined
          ? t(
              "This browser could not sign up with its maker's service for messages. Try again on another" +
                " network, or another browser. Your phone is told as before.",
            )
          : `${error.message} ${t("This device gets no alerts while this page is closed.")}`,
      );
    }
  };

  #turn(state) {
    this.#state = state;
    this.changed();
  }
}

async function subscribe(key) {
  await navigator.serviceWorker.register("/service-worker.js");
  const { pushManager } = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: key };
  const before = await pushManager.getSubscription();
  // Of another key it gets nothing from here any more.
  if (before && !isOf(before, key)) await before.unsubscribe();
  return pushManager.subscribe(options);
}

function isOf(subscription, key) {
  const bytes = new Uint8Array(subscription.options.applicationServerKey ?? []);
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "") === key;
}
