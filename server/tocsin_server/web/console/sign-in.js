// The way in: a passkey in one tap, or a password, and then a code where an app gives one. It says
// that this screen shows nothing until somebody signs in.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { language, languages, speak, t } from "./language.js";
import { hasPasskeys } from "./passkey.js";

const ENDED = t("Your session has ended. This screen gets no new alerts until somebody signs in.");
const WHAT = t("Duress alerts for election sites. This screen shows alerts once you are signed in.");

export function signIn({ visit, ended, what = WHAT }) {
  return visit.entering.step === "code" ? codeForm(visit) : firstForm({ visit, ended, what });
}

function firstForm({ visit, ended, what }) {
  const { busy, problem } = visit.entering;
  const { lockedBy } = visit;
  return html`
    <form class="sign-in" data-testid="sign-in-form" @submit=${visit.signIn}>
      <h1>${lockedBy ? t("Unlock") : ended ? t("Sign in again") : "Tocsin"}</h1>
      <p class="aside">${lockedBy ? t("Locked for {name}. Whoever else signs in goes on as themselves.", lockedBy) : ended ? ENDED : what}</p>
      ${
        hasPasskeys()
          ? html`<button type="button" class="primary calm" data-testid="use-passkey" ?disabled=${busy} @click=${visit.usePasskey}>
                ${t("Use a passkey")}
              </button>
              <p class="or">${t("or")}</p>`
          : nothing
      }
      <label class="field">
        ${t("E-mail")}
        <input name="email" type="email" autocomplete="username" required autofocus value=${lockedBy?.email ?? ""} />
      </label>
      <label class="field">
        ${t("Password")}
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      ${problem ? html`<p class="problem" role="alert">${problem}</p>` : nothing}
      <button class=${hasPasskeys() ? "" : "primary calm"} ?disabled=${busy}>${busy ? t("Signing in…") : lockedBy ? t("Unlock") : t("Sign in")}</button>
      ${lockedBy ? nothing : otherLanguages()}
    </form>
  `;
}

// Until it is known who reads: then the page is in their own.
function otherLanguages() {
  return languages
    .filter(([name]) => name !== language)
    .map(
      ([name, itself]) =>
        html`<button type="button" class="plain" lang=${name} data-testid="speak-${name}" @click=${() => speak(name)}>${itself}</button>`,
    );
}

function codeForm(visit) {
  const { busy, problem } = visit.entering;
  return html`
    <form class="sign-in" data-testid="code-form" @submit=${visit.sendCode}>
      <h1>${t("Your code")}</h1>
      <p class="aside">
        ${t(
          "Open the app on your phone that gives codes, and write the six digits that it shows for Tocsin." +
            " Without the phone, write one of your recovery codes.",
        )}
      </p>
      <label class="field">
        ${t("Code")}
        <input name="code" autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" maxlength="40" required autofocus />
      </label>
      ${problem ? html`<p class="problem" role="alert">${problem}</p>` : nothing}
      <button class="primary calm" ?disabled=${busy}>${busy ? t("Signing in…") : t("Sign in")}</button>
      <button type="button" class="plain" ?disabled=${busy} @click=${visit.startOver}>${t("Begin again")}</button>
    </form>
  `;
}
