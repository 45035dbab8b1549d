// Adding a button, step by step: each says what just happened, what to do now, and what to beware of.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t, tHtml } from "../console/language.js";
import { aroundFields, roomFields } from "./around.js";
import { FROM_PRESS_TO_ARMED, stepsLine } from "./prove.js";
import { siteAddress } from "./route.js";
import { problem } from "./site.js";

const STEPS = [t("Place"), t("Code"), t("Connect"), t("Press"), t("Armed")];
const AT = {
  form: 0,
  code: 1,
  expired: 1,
  answered: 2,
  connected: 2,
  closed: 3,
  press: 3,
  pressed: 3,
  armed: 4,
};
// From the answer of the board to its first press it can be left as it is.
const LEAVABLE = ["answered", "connected", "press", "closed"];

export function addPage({ claiming, site, acts, onFinish, onLeave }) {
  const { step } = claiming;
  const show = { form, code, expired, ...FROM_PRESS_TO_ARMED }[step];
  return html`
    <main class="keeper narrow add">
      <p class="back"><a href=${siteAddress(site.site_id)}>‹ ${site.name}</a></p>
      ${stepsLine(STEPS, AT[step])}
      <section data-testid="step" data-step=${step}>
        ${step === "form" ? nothing : html`<p class="place">${claiming.place}</p>`}
        ${show({ proving: claiming, claiming, site, acts, onFinish })}
        ${LEAVABLE.includes(step) ? later({ claiming, onLeave }) : nothing}
      </section>
    </main>
  `;
}

// For those who listen to the page: what changed while they were looking elsewhere.
export function stepInWords(claiming) {
  const said = {
    code: t("The code is ready."),
    expired: t("The code has expired."),
    answered: t("The board answered: {device_id}.", claiming),
    connected: t("The button is connected. Its drill begins."),
    press: t("Now press it, once the lamp shows the drill."),
    pressed: t("The press has arrived. Acknowledge it."),
    armed: t("Armed."),
    closed: t("The time to press it as a test is over."),
  };
  return said[claiming.step] ?? "";
}

function form({ claiming, site }) {
  const { room, spot, floor, ...around } = claiming.wanted ?? {};
  return html`
    <h1>${t("Add a button")}</h1>
    <form class="place-form" @submit=${(event) => claiming.submit(event)}>
      <p>
        ${t(
          "Where will it be? Write it as it is on the door: police are sent to these words. The rest, " +
            "from the floor on, may be left out.",
        )}
      </p>
      ${roomFields({ room, spot, floor })}
      ${aroundFields({ place: around, site, spot: claiming.on_plan, onSpot: claiming.tap })}
      ${problem(claiming.problem)}
      <button class="primary calm wide" data-testid="get-code" ?disabled=${claiming.busy}>
        ${claiming.busy ? t("Getting a code…") : t("Get a code")}
      </button>
    </form>
  `;
}

function code({ claiming }) {
  const { made } = claiming;
  return html`
    <h1>${t("Give this code to the board")}</h1>
    <p class="code-line" data-testid="claim-code" aria-label=${t("Claim code")}>${made.code}</p>
    <p class="left">
      ${tHtml("For one board, once. It expires {when}.", {
        when: html`<time data-until=${made.expires_at}></time>`,
      })}
    </p>
    <section class="box">
      <h2>${t("On the board's own page")}</h2>
      <p>
        ${tHtml(
          "Plug the board into the network that this phone is in, and wait a minute. Then open its " +
            "page: {already}. Its lamp blinks, so that you see which board it is.",
          { already: html`<b>${t("the code stands there already")}</b>` },
        )}
      </p>
      <a
        class="act calm"
        data-testid="board-page"
        href=${made.board_page}
        target="_blank"
        rel="noreferrer"
        >${t("Open tocsin-button.local")}</a
      >
      <details>
        <summary>${t("It is not found?")}</summary>
        <p>
          ${t(
            "The phone may be in another network than the board. Else look for the board's address " +
              "in the router's list of devices, and type that address into the browser.",
          )}
        </p>
      </details>
    </section>
    <p class="waiting" data-testid="waiting">${t("Waiting for a board. This page goes on by itself.")}</p>
    <details data-testid="other-ways">
      <summary>${t("Another way: by keyboard, as a file, to scan")}</summary>
      <div class="ways">
        <section class="box">
          <h2>${t("Typed on the board")}</h2>
          <p class="command"><code data-testid="command">${made.command}</code></p>
          ${copyButton(made.command)}
        </section>
        <section class="box">
          <h2>${t("As a file on its card")}</h2>
          <p class="command"><code class="lines">${made.claim_file.trim()}</code></p>
          <p>
            ${tHtml(
              "Save these two lines as {file} on the memory card (its part named {part}), put the card " +
                "into the board, and plug it in.",
              { file: html`<b>tocsin-claim.txt</b>`, part: html`<b>bootfs</b>` },
            )}
          </p>
          ${copyButton(made.claim_file)}
        </section>
        <section class="box">
          <h2>${t("The same lines, to scan")}</h2>
          <img class="qr" src=${made.qr} alt=${t("QR code with the two lines of the file")} />
          <p>${t("For the computer that writes the card, if it has a camera and not this page.")}</p>
        </section>
      </div>
    </details>
    ${problem(claiming.problem)}
    <button class="plain" ?disabled=${claiming.busy} @click=${() => claiming.takeBack()}>
      ${t("Take this code back")}
    </button>
  `;
}

// Only where the browser allows it, which is over HTTPS.
function copyButton(text) {
  if (!navigator.clipboard) return nothing;
  const copy = (event) => {
    const button = event.currentTarget;
    const said = (words) => button.setAttribute("data-said", words);
    navigator.clipboard.writeText(text).then(
      () => said(t("Copied")),
      () => said(t("Could not copy")),
    );
  };
  return html`<button class="copy" @click=${copy}>${t("Copy")}</button>`;
}

function expired({ claiming }) {
  return html`
    <h1>${t("The code has expired")}</h1>
    <p>
      ${tHtml("No board used {code} in time, and now none can. Nothing was set up.", {
        code: html`<b>${claiming.made.code}</b>`,
      })}
    </p>
    ${problem(claiming.problem)}
    <button
      class="primary calm wide"
      data-testid="new-code"
      ?disabled=${claiming.busy}
      @click=${() => claiming.make(claiming.wanted)}
    >
      ${t("Make a new code")}
    </button>
  `;
}

function later({ claiming, onLeave }) {
  return html`
    <p class="quiet">
      ${t(
        "No time now? {device_id} stays in the list, and nobody may rely on it before it is " +
          "proven. That can be done in a drill, any day.",
        claiming,
      )}
    </p>
    <button class="plain" data-testid="leave" @click=${onLeave}>${t("Leave it for later")}</button>
  `;
}
