// The line on top of a screen that is locked: what it does meanwhile, and how to go on.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";

export function lockedLine({ session, unlocking, onUnlock }) {
  if (!session?.locked) return nothing;
  return html`
    <section class="banner locked" data-testid="locked-line">
      <p role="status">
        <strong>${t("Locked for {name}.", session)}</strong>
        ${t("Alerts are shown, sound, and can be answered. All else asks who you are.")}
      </p>
      <button class="primary calm" data-testid="unlock" aria-expanded=${unlocking} @click=${onUnlock}>
        ${unlocking ? t("Not now") : t("Unlock")}
      </button>
    </section>
  `;
}
