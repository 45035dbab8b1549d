// A session whose hours are over, and which an open alert keeps: nobody is shut out of an alert.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";

export function keptLine(session) {
  if (!session?.kept) return nothing;
  return html`<div class="banner faults" data-testid="kept">
    <p class="warning">
      <strong>${t("Your session's hours are over.")}</strong>
      ${t(
        "You stay signed in while an alert is open, and are signed out when the last one is resolved." +
          " Then sign in again.",
      )}
    </p>
  </div>`;
}
