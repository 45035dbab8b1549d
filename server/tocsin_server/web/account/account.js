// The page of one's own account: how its owner signs in, and what happened to it.
//
// It has no live line, so that it is there for whoever may see nothing else yet.

import { html, nothing, render } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { language, languages, t } from "../console/language.js";
import { Notices } from "../console/notices.js";
import { hasPasskeys } from "../console/passkey.js";
import { keepingFocus, Renderer } from "../console/renderer.js";
import { signIn } from "../console/sign-in.js";
import { pageBar } from "../console/top-bar.js";
import { Visit } from "../console/visit.js";
import { counted, dayAndTimeInWords, roleInWords } from "../console/words.js";
import { problem } from "../facilities/site.js";
import { Acts } from "./acts.js";
import { eventInWords } from "./words.js";

const LINKS = [
  { address: "/facilities", said: t("Sites") },
  { address: "/people", said: t("People") },
];
const WHAT = t("For your passkeys, your codes, and what happened to your account.");
const FEW_RECOVERY_CODES = 2;

const root = document.getElementById("account");
const renderer = new Renderer(draw);
const { changed } = renderer;
const notices = new Notices(changed);
const situation = { forget() {} }; // nothing of it is shown here
const hooks = { signedIn: read, forget: () => acts.forget() };
const visit = new Visit({ situation, notices, changed, hooks });
const acts = new Acts({ notices, changed, signedOut: visit.signedOut });

root.replaceChildren(); // what index.html says until this point is reached
visit.begin();

function read() {
  acts.forget();
  acts.read(visit.session.person_id);
}

function draw() {
  keepingFocus(() => render(screen(), root));
}

function screen() {
  const { session } = visit;
  if (session === undefined) {
    return html`<main class="entrance">
      <p class="starting">${t("Asking the server who is signed in. If this stays, it does not answer.")}</p>
    </main>`;
  }
  if (session === null) {
    return html`<main class="entrance">${signIn({ visit, ended: false, what: WHAT })}</main>
      ${notices.template()}`;
  }
  return html`
    <div class="on-top">
      ${pageBar({ session, label: t("Pages"), links: LINKS, onSignOut: visit.signOut, onLock: visit.lock })}
    </div>
    <main class="keeper narrow">
      <header class="head">
        <h1>${t("Your account")}</h1>
        <p>${session.name}, ${roleInWords(session.role)}; ${session.email}</p>
      </header>
      ${acts.view ? parts() : loading()}
    </main>
    ${notices.template()}
  `;
}

function loading() {
  const said = acts.problem("view");
  if (!said) return html`<p class="lead">${t("Loading…")}</p>`;
  return html`${problem(said)}<button @click=${read}>${t("Try again")}</button>`;
}

const isSecure = () => acts.view.passkeys.length > 0 || acts.view.codes_since !== null;

function parts() {
  return html`${standing()} ${acts.recoveryCodes ? recoveryCodes() : nothing} ${passkeys()} ${codes()} ${spoken()} ${elsewhere()} ${record()}`;
}

function standing() {
  if (isSecure()) {
    if (visit.session.second_factor !== "required") return nothing;
    return html`<p class="advice" data-testid="go-on">
      <strong>${t("Your account is set up.")}</strong> <a href="/">${t("Go on to the console")}</a>
    </p>`;
  }
  if (acts.view.second_factor === "required") {
    return html`<p class="grave-line" data-testid="required">
      <strong>${t("Add a passkey, or set up codes, before you go on.")}</strong>
      ${t("A password alone is not enough here: nothing else is open until you have.")}
    </p>`;
  }
  return html`<p class="advice" data-testid="offered">
    <strong>${t("Your password alone opens this account.")}</strong>
    ${t("Whoever learns it sees every alert, and acts in your name. Add a passkey, or set up codes.")}
  </p>`;
}

// With the button of what to do about it, where the screen may have been left open.
function refusal(about) {
  const said = acts.problem(about);
  if (!said) return nothing;
  return html`${problem(said)}
  ${acts.isOld ? html`<button data-testid="sign-in-again" @click=${visit.signOut}>${t("Sign in again")}</button>` : nothing}`;
}

function passkeys() {
  const { passkeys: all, passkeys_possible } = acts.view;
  return html`<section class="box">
    <h2>${t("Passkeys")}</h2>
    <p>${t("Sign in with your finger, your face or a PIN: in one tap, and nobody can learn it from you.")}</p>
    <ul class="passkeys">
      ${repeat(all, (each) => each.passkey_id, passkey)}
    </ul>
    ${passkeys_possible && hasPasskeys() ? newPasskey(all) : noPasskeys()}
  </section>`;
}

function passkey(each) {
  const about = each.passkey_id;
  const at = { added: dayAndTimeInWords(each.added_at), used: dayAndTimeInWords(each.last_used_at) };
  return html`<li data-testid="passkey">
    <p>
      <strong>${each.name}</strong><br />
      <span class="quiet">
        ${each.last_used_at ? t("added {added}, last used {used}", at) : t("added {added}, not used yet", at)}
      </span>
    </p>
    <details>
      <summary>${t("Remove")}</summary>
      <p>${t("It opens nothing any more. Then remove it on the device as well.")}</p>
      <button class="danger" data-testid="remove-passkey" ?disabled=${acts.busy(about)} @click=${() => acts.removePasskey(each)}>
        ${t("Remove it")}
      </button>
    </details>
    ${refusal(about)}
  </li>`;
}

function newPasskey(all) {
  const about = "new passkey";
  return html`<form class="one-line" data-testid="passkey-form" @submit=${acts.addPasskey}>
      <label class="field">
        ${t("What you call it")}
        <input name="name" maxlength="60" autocomplete="off" placeholder=${all.length ? t("Spare key") : t("My phone")} required />
      </label>
      <button class="primary calm" ?disabled=${acts.busy(about)}>
        ${acts.busy(about) ? t("Waiting for the device…") : t("Add a passkey")}
      </button>
    </form>
    ${refusal(about)}`;
}

function noPasskeys() {
  return html`<p class="quiet" data-testid="no-passkeys">
    ${
      acts.view.passkeys_possible
        ? t(
            "This browser has no passkeys at this address: open the address that whoever runs Tocsin gave you, " +
              "with https.",
          )
        : t(
            "This server has no passkeys yet: it needs an address with a name. Ask whoever runs Tocsin, " +
              "or set up codes.",
          )
    }
  </p>`;
}

function codes() {
  const { codes_since } = acts.view;
  const busy = acts.busy("codes");
  return html`<section class="box" data-testid="codes">
    <h2>${t("Codes from an app")}</h2>
    ${codes_since ? codesHeld(acts.view) : codesOffered()}
    ${acts.newApp ? newApp() : nothing}
    ${
      !acts.newApp && !codes_since
        ? html`<button data-testid="offer-codes" ?disabled=${busy} @click=${acts.offerCodes}>${t("Set up codes")}</button>`
        : nothing
    }
    ${!acts.newApp && codes_since ? codesActs(busy) : nothing}
    ${refusal("codes")} ${refusal("recovery")}
  </section>`;
}

function codesHeld({ codes_since, recovery_codes: left }) {
  const at = dayAndTimeInWords(codes_since);
  const few = t("Make new recovery codes now: without one, a lost phone keeps you out.");
  return html`<p>
      ${t("After your password, a code of your app is asked for.")}
      ${
        left === 1
          ? t("Set up on {at}; 1 recovery code left.", { at })
          : t("Set up on {at}; {left} recovery codes left.", { at, left })
      }
    </p>
    ${left <= FEW_RECOVERY_CODES ? html`<p class="advice">${few}</p>` : nothing}`;
}

function codesOffered() {
  const open = t("Until you set up codes, your password alone opens your account as well.");
  return html`<p>
      ${t(
        "For a device without passkeys: an app on your phone shows a code, " +
          "which is asked for after your password.",
      )}
    </p>
    ${stillOpen() ? html`<p class="advice" data-testid="still-open">${open}</p>` : nothing}`;
}

// Where a second factor is required, a password alone opens no account that has a passkey.
const stillOpen = () => acts.view.second_factor === "offered" && acts.view.passkeys.length > 0;

function codesActs(busy) {
  return html`<div class="account-acts">
    <details>
      <summary>${t("New recovery codes")}</summary>
      <p>${t("Those that you have hold no more.")}</p>
      <button data-testid="renew-codes" ?disabled=${acts.busy("recovery")} @click=${acts.renewRecoveryCodes}>${t("Make new ones")}</button>
    </details>
    <details>
      <summary>${t("Another phone")}</summary>
      <p>${t("Codes of the app that you have hold until the new one has shown its first.")}</p>
      <button data-testid="offer-codes" ?disabled=${busy} @click=${acts.offerCodes}>${t("Set it up")}</button>
    </details>
    <details>
      <summary>${t("Remove")}</summary>
      <p>${t("Then no code is asked for, and your recovery codes hold no more.")}</p>
      <button class="danger" data-testid="remove-codes" ?disabled=${busy} @click=${acts.removeCodes}>${t("Remove it")}</button>
    </details>
  </div>`;
}

function newApp() {
  const { qr, secret } = acts.newApp;
  return html`<div class="new-app">
    <ol>
      <li>${t("1. Open an app that gives codes, such as Aegis, FreeOTP or Google Authenticator.")}</li>
      <li>${t("2. Have it read this picture, or type the secret into it.")}</li>
      <li>${t("3. Write the code that it shows.")}</li>
    </ol>
    <img src=${qr} alt=${t("The secret, for the app's camera")} />
    <p>${t("Secret:")} <span class="secret" data-testid="secret">${secret.match(/.{1,4}/g).join(" ")}</span></p>
    <form class="one-line" data-testid="app-code-form" @submit=${acts.confirmCodes}>
      <label class="field">
        ${t("Code")}
        <input name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="9" required />
      </label>
      <button class="primary calm" ?disabled=${acts.busy("codes")}>${t("Confirm")}</button>
      <button type="button" class="plain" @click=${acts.leaveNewApp}>${t("Not now")}</button>
    </form>
  </div>`;
}

function recoveryCodes() {
  return html`<section class="box" data-testid="recovery-codes">
    <h2>${t("Your recovery codes")}</h2>
    <p>
      <strong>${t("Print them, or write them down now: they are shown this once.")}</strong>
      ${t("Each opens your account once, with your password, when you don't have your phone. Don't keep them on it.")}
    </p>
    <ol class="recovery">
      ${acts.recoveryCodes.map((each) => html`<li>${each}</li>`)}
    </ol>
    <button class="primary calm" data-testid="have-codes" @click=${acts.haveRecoveryCodes}>${t("I have them")}</button>
  </section>`;
}

// Each language says itself.
function spoken() {
  return html`<section class="box">
    <h2>${t("Language")}</h2>
    <p>${t("Of these pages, and of every message and call to you.")}</p>
    ${languages.map(
      ([name, itself]) =>
        html`<label class="choice" lang=${name}>
          <input type="radio" name="language" ?disabled=${acts.busy("language")} .checked=${name === language} @change=${() => acts.speak(name)} />
          ${itself}
        </label>`,
    )}
    ${refusal("language")}
  </section>`;
}

function elsewhere() {
  const others = acts.view.sessions - 1;
  const screens = counted(others, t("other screen"), t("other screens"));
  return html`<section class="box">
    <h2>${t("Where you are signed in")}</h2>
    <p>${others > 0 ? t("Here, and on {screens}.", { screens }) : t("Here, and nowhere else.")}</p>
    ${
      others > 0
        ? html`<button data-testid="sign-out-elsewhere" ?disabled=${acts.busy("elsewhere")} @click=${acts.signOutElsewhere}>
            ${t("Sign out everywhere else")}
          </button>`
        : nothing
    }
    ${refusal("elsewhere")}
  </section>`;
}

function record() {
  return html`<section class="box">
    <h2>${t("What happened to this account")}</h2>
    <p class="quiet">${t("If something here was not you, tell whoever runs Tocsin at once.")}</p>
    <ul class="events">
      ${acts.view.events.map(
        (each) => html`<li data-testid="account-event" data-name=${each.name}>
          <span class="quiet">${dayAndTimeInWords(each.at)}</span> <span>${eventInWords(each)}</span>
        </li>`,
      )}
    </ul>
  </section>`;
}
