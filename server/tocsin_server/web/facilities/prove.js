// Proving one button, step by step: connected, pressed, acknowledged. Also the end of adding one.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t, tHtml } from "../console/language.js";
import { timeInWords } from "../console/words.js";
import { buttonAddress } from "./route.js";
import { problem } from "./site.js";
import { arrivedIn } from "./test-press.js";

const DOCTOR = "sudo -u tocsin-button /opt/tocsin/bin/tocsin-button doctor";
const STEPS = [t("Drill"), t("Press"), t("Armed")];
const AT = { answered: 0, connected: 0, closed: 1, press: 1, pressed: 1, armed: 2 };

export const FROM_PRESS_TO_ARMED = { answered, connected, closed, press, pressed, armed };

// Of a button that is there: moved, or left for later when it was added.
export function provePage({ proving, site, acts, onFinish }) {
  const { step, device_id } = proving;
  return html`
    <main class="keeper narrow add">
      <p class="back"><a href=${buttonAddress(device_id)}>‹ ${proving.place}</a></p>
      ${stepsLine(STEPS, AT[step])}
      <section data-testid="step" data-step=${step}>
        <p class="place">${proving.place}</p>
        ${away(proving)}
        ${FROM_PRESS_TO_ARMED[step]({ proving, site, acts, onFinish })}
      </section>
    </main>
  `;
}

function away({ device, step }) {
  if (device?.state !== "lost" || step === "armed") return nothing;
  return html`<p class="wrong" data-testid="away">
    ${t("It is not connected now: plug it in, and wait. A press would not arrive.")}
  </p>`;
}

export function stepsLine(steps, at) {
  return html`
    <ol class="steps" aria-label=${t("Steps")}>
      ${steps.map(
        (said, index) => html`
          <li class=${index < at ? "done" : ""} aria-current=${index === at ? "step" : nothing}>${said}</li>
        `,
      )}
    </ol>
  `;
}

function answered({ proving }) {
  return html`
    <h1>${t("The board answered")}</h1>
    <p class="lead" data-testid="claimed-as">
      ${tHtml("It is {device_id}.", { device_id: html`<b>${proving.device_id}</b>` })}
    </p>
    <p class="waiting">${t("Waiting for it to connect. This takes up to a minute.")}</p>
    ${notConnecting()}
  `;
}

function connected({ proving }) {
  return html`
    <h1>${t("It is connected")}</h1>
    <p class="lead"><b>${proving.device_id}</b></p>
    <p class="waiting">
      ${tHtml("Its drill is beginning. {not_yet}: a press now would be a real alert.", {
        not_yet: html`<b>${t("Do not press it yet")}</b>`,
      })}
    </p>
    ${notConnecting()}
  `;
}

function notConnecting() {
  return html`
    <details>
      <summary>${t("It does not go on?")}</summary>
      <p>${t("On the board, ask what is wrong. It says what to do:")}</p>
      <p class="command"><code>${DOCTOR}</code></p>
    </details>
  `;
}

function press({ proving }) {
  return html`
    <h1>${t("Now press it")}</h1>
    <ol class="todo">
      <li>
        ${tHtml("{wait}: lit for one second in every four.", {
          wait: html`<b>${t("Wait until the lamp shows the drill")}</b>`,
        })}
        <span class="beware">${t("A press before that is a real alert.")}</span>
      </li>
      <li>${t("Press as the worker would, and hold it down for two seconds.")}</li>
    </ol>
    <p class="left">
      ${tHtml("Its drill ends {when}.", {
        when: html`<time data-until=${proving.drill.closes_at}></time>`,
      })}
    </p>
    <p class="waiting" data-testid="waiting">${t("Waiting for the press.")}</p>
    <details>
      <summary>${t("You pressed, and nothing happens here?")}</summary>
      <p>
        ${t("Then it may have been taken for real.")}
        <b>${t("Call the dispatchers now and say that it was you, testing.")}</b>
        ${t("Then look at the lamp: a fast blink means that the press has not arrived yet.")}
      </p>
    </details>
  `;
}

function closed({ proving, acts }) {
  const about = proving.about;
  return html`
    <h1>${t("The time to press it is over")}</h1>
    <p>
      ${tHtml("{device_id} is there, and nobody has proven it.", {
        device_id: html`<b>${proving.device_id}</b>`,
      })}
      <b>${t("A press now is a real alert.")}</b>
      ${t(
        "Stand beside it, and begin its drill again: it lasts five minutes, and is of this button " +
          "alone.",
      )}
    </p>
    <button
      class="primary calm wide"
      data-testid="prove-again"
      ?disabled=${acts.busy(about)}
      @click=${() => proving.beginDrill()}
    >
      ${t("Begin its drill again")}
    </button>
    ${problem(acts.problem(about))}
  `;
}

function pressed({ proving, acts }) {
  const alert = proving.press;
  return html`
    <h1 data-testid="pressed">${t("Your press is here")}</h1>
    <p>
      ${t("It took {took}, and is stored. The lamp pulses slowly now.", { took: arrivedIn(alert) })}
    </p>
    <p>
      ${tHtml("Acknowledge it only if you stand beside it: you confirm that it is at {place}.", {
        place: html`<b>${proving.place}</b>`,
      })}
    </p>
    ${problem(acts.problem(alert.alert_id))}
    <button
      class="primary calm wide"
      data-testid="acknowledge"
      ?disabled=${acts.busy(alert.alert_id)}
      @click=${() => proving.acknowledge()}
    >
      ${t("I see it: acknowledge")}
    </button>
  `;
}

function armed({ proving, claiming, site, acts, onFinish }) {
  const { press: alert, device } = proving;
  const at = alert?.acknowledged_at ?? device?.last_proven_at;
  const by = alert?.acknowledged_by ?? device?.last_proven_by ?? "";
  const busy = acts.busy(alert?.alert_id);
  return html`
    <div class="armed-mark" aria-hidden="true">✓</div>
    <h1 data-testid="armed">${t("Armed.")}</h1>
    <p class="lead" data-testid="proven">
      ${t("Proven at {at} by {by}.", { at: hourAndMinute(at, site?.time_zone), by })}
    </p>
    <p>
      ${tHtml(
        "Look at the lamp: it is {steady}. When you go on, this test is closed, the lamp goes out, and " +
          "{real}.",
        {
          steady: html`<b>${t("steady")}</b>`,
          real: html`<b>${t("from then on a press is a real alert")}</b>`,
        },
      )}
    </p>
    ${problem(acts.problem(alert?.alert_id) ?? acts.problem(proving.device_id))}
    ${
      claiming
        ? html`<button
            class="primary calm wide"
            data-testid="next-button"
            ?disabled=${busy}
            @click=${() => onFinish({ next: true })}
          >
            ${t("Next button")}
          </button>`
        : nothing
    }
    <button class="${claiming ? "" : "primary calm"} wide" data-testid="done" ?disabled=${busy} @click=${() => onFinish({ next: false })}>
      ${t("Done here")}
    </button>
  `;
}

function hourAndMinute(at, time_zone) {
  return timeInWords(at, time_zone).replace(/^(\d+:\d+):\d+/, "$1");
}
