// The way in. It says that this screen shows nothing until somebody signs in.

import { html, nothing } from "../vendor/lit/lit-html.js";

const WHAT = "Duress alerts for election sites. This screen shows alerts once you are signed in.";

export function signIn({ problem, busy, onSubmit, ended, what = WHAT }) {
  return html`
    <form class="sign-in" data-testid="sign-in-form" @submit=${onSubmit}>
      <h1>${ended ? "Sign in again" : "Tocsin"}</h1>
      <p class="aside">
        ${
          ended
            ? "Your session has ended. This screen gets no new alerts until somebody signs in."
            : what
        }
      </p>
      <label class="field">
        E-mail
        <input name="email" type="email" autocomplete="username" required autofocus />
      </label>
      <label class="field">
        Password
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      ${problem ? html`<p class="problem" role="alert">${problem}</p>` : nothing}
      <button class="primary calm" ?disabled=${busy}>${busy ? "Signing in…" : "Sign in"}</button>
    </form>
  `;
}
