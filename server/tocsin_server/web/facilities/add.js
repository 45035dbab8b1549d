// Adding a button, step by step: each says what just happened, what to do now, and what to beware of.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { timeInWords } from "../console/words.js";
import { aroundFields } from "./around.js";
import { siteAddress } from "./route.js";
import { problem } from "./site.js";
import { arrivedIn } from "./test-press.js";

const STEPS = ["Place", "Code", "Connect", "Press", "Armed"];
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
const DOCTOR = "sudo -u tocsin-button /opt/tocsin/bin/tocsin-button doctor";

export function addPage({ claiming, site, acts, onFinish, onLeave }) {
  const { step } = claiming;
  const show = { form, code, expired, answered, connected, closed, press, pressed, armed }[step];
  return html`
    <main class="keeper narrow add">
      <p class="back"><a href=${siteAddress(site.site_id)}>‹ ${site.name}</a></p>
      <ol class="steps" aria-label="Steps">
        ${STEPS.map(
          (said, index) => html`
            <li
              class=${index < AT[step] ? "done" : ""}
              aria-current=${index === AT[step] ? "step" : nothing}
            >
              ${said}
            </li>
          `,
        )}
      </ol>
      <section data-testid="step" data-step=${step}>
        ${step === "form" ? nothing : html`<p class="place">${placeOf(claiming)}</p>`}
        ${show({ claiming, site, acts, onFinish })}
        ${LEAVABLE.includes(step) ? later({ claiming, onLeave }) : nothing}
      </section>
    </main>
  `;
}

// For those who listen to the page: what changed while they were looking elsewhere.
export function stepInWords(claiming) {
  const said = {
    code: "The code is ready.",
    expired: "The code has expired.",
    answered: `The board answered: ${claiming.device_id}.`,
    connected: "The button is connected. Its drill begins.",
    press: "Now press it, once the lamp shows the drill.",
    pressed: "The press has arrived. Acknowledge it.",
    armed: "Armed.",
    closed: "The time to press it as a test is over.",
  };
  return said[claiming.step] ?? "";
}

function placeOf({ wanted }) {
  const { room, spot, floor } = wanted ?? {};
  return [room, spot, floor && `floor ${floor}`].filter(Boolean).join(", ");
}

function form({ claiming, site }) {
  const { room, spot, floor, ...around } = claiming.wanted ?? {};
  return html`
    <h1>Add a button</h1>
    <form class="place-form" @submit=${(event) => claiming.submit(event)}>
      <p>Where will it be? Write it as it is on the door: police are sent to these words.</p>
      <label class="field">
        Room
        <input name="room" required maxlength="200" autocomplete="off" .value=${room ?? ""} placeholder="Front counter" />
      </label>
      <label class="field">
        Spot in the room
        <input name="spot" required maxlength="200" autocomplete="off" .value=${spot ?? ""} placeholder="Counter 2, left" />
      </label>
      <label class="field">
        Floor
        <input name="floor" maxlength="200" autocomplete="off" .value=${floor ?? ""} placeholder="1" />
      </label>
      ${aroundFields({ place: around, site, spot: claiming.on_plan, onSpot: claiming.tap })}
      ${problem(claiming.problem)}
      <button class="primary calm wide" data-testid="get-code" ?disabled=${claiming.busy}>
        ${claiming.busy ? "Getting a code…" : "Get a code"}
      </button>
    </form>
  `;
}

function code({ claiming }) {
  const { made } = claiming;
  return html`
    <h1>Give this code to the board</h1>
    <p class="code-line" data-testid="claim-code" aria-label="Claim code">${made.code}</p>
    <p class="left">
      For one board, once. It expires <span data-until=${made.expires_at}></span>.
    </p>
    <div class="ways">
      <section class="box">
        <h2>On the board's own page</h2>
        <p>
          Plug the board into the network that this phone is in, and wait a minute. Then open its
          page: the code stands there already. Its lamp blinks, so that you see which board it is.
        </p>
        <a
          class="act calm"
          data-testid="board-page"
          href=${made.board_page}
          target="_blank"
          rel="noreferrer"
          >Open tocsin-button.local</a
        >
        <details>
          <summary>It is not found?</summary>
          <p>
            The phone may be in another network than the board. Else look for the board's address
            in the router's list of devices, and type that address into the browser.
          </p>
        </details>
      </section>
      <section class="box">
        <h2>Or type it on the board</h2>
        <p class="command"><code data-testid="command">${made.command}</code></p>
        ${copyButton(made.command)}
      </section>
      <section class="box">
        <h2>Or as a file on its card</h2>
        <p class="command"><code class="lines">${made.claim_file.trim()}</code></p>
        <p>
          Save these two lines as <b>tocsin-claim.txt</b> on the memory card (its part named
          <b>bootfs</b>), put the card into the board, and plug it in.
        </p>
        ${copyButton(made.claim_file)}
      </section>
      <section class="box">
        <h2>The same lines, to scan</h2>
        <img class="qr" src=${made.qr} alt="QR code with the two lines of the file" />
        <p>For the computer that writes the card, if it has a camera and not this page.</p>
      </section>
    </div>
    <p class="waiting" data-testid="waiting">Waiting for a board. This page goes on by itself.</p>
    ${problem(claiming.problem)}
    <button class="plain" ?disabled=${claiming.busy} @click=${() => claiming.takeBack()}>
      Take this code back
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
      () => said("Copied"),
      () => said("Could not copy"),
    );
  };
  return html`<button class="copy" @click=${copy}>Copy</button>`;
}

function expired({ claiming }) {
  return html`
    <h1>The code has expired</h1>
    <p>
      No board used <b>${claiming.made.code}</b> in time, and now none can. Nothing was set up.
    </p>
    ${problem(claiming.problem)}
    <button
      class="primary calm wide"
      data-testid="new-code"
      ?disabled=${claiming.busy}
      @click=${() => claiming.make(claiming.wanted)}
    >
      Make a new code
    </button>
  `;
}

function answered({ claiming }) {
  return html`
    <h1>The board answered</h1>
    <p class="lead" data-testid="claimed-as">It is <b>${claiming.device_id}</b>.</p>
    <p class="waiting">Waiting for it to connect. This takes up to a minute.</p>
    ${notConnecting()}
  `;
}

function connected({ claiming }) {
  return html`
    <h1>It is connected</h1>
    <p class="lead"><b>${claiming.device_id}</b></p>
    <p class="waiting">
      Its drill is beginning. <b>Do not press it yet</b>: a press now would be a real alert.
    </p>
    ${notConnecting()}
  `;
}

function notConnecting() {
  return html`
    <details>
      <summary>It does not go on?</summary>
      <p>On the board, ask what is wrong. It says what to do:</p>
      <p class="command"><code>${DOCTOR}</code></p>
    </details>
  `;
}

function press({ claiming }) {
  return html`
    <h1>Now press it</h1>
    <ol class="todo">
      <li>
        <b>Wait until the lamp shows the drill</b>: lit for one second in every four.
        <span class="beware">A press before that is a real alert.</span>
      </li>
      <li>Press as the worker would, and hold it down for two seconds.</li>
    </ol>
    <p class="left">Its drill ends <span data-until=${claiming.drill.closes_at}></span>.</p>
    <p class="waiting" data-testid="waiting">Waiting for the press.</p>
    <details>
      <summary>You pressed, and nothing happens here?</summary>
      <p>
        Then it may have been taken for real.
        <b>Call the dispatchers now and say that it was you, testing.</b> Then look at the lamp: a
        fast blink means that the press has not arrived yet.
      </p>
    </details>
  `;
}

function closed({ claiming, site, acts }) {
  const about = site.site_id;
  const start = (event) => acts.startDrill(about, event);
  return html`
    <h1>The time to press it is over</h1>
    <p>
      <b>${claiming.device_id}</b> is connected, and nobody has proven it.
      <b>A press now is a real alert.</b> To prove it, call the dispatchers, then start a drill here.
    </p>
    <form @submit=${start}>
      <input type="hidden" name="minutes" value="15" />
      <button class="primary calm wide" data-testid="drill-again" ?disabled=${acts.busy(about)}>
        Start a drill here, for 15 minutes
      </button>
    </form>
    ${problem(acts.problem(about))}
  `;
}

function pressed({ claiming, acts }) {
  const alert = claiming.press;
  return html`
    <h1 data-testid="pressed">Pressed, ${arrivedIn(alert)}</h1>
    <p>The press went to the server, and is stored. Its lamp pulses slowly now.</p>
    <p>
      Acknowledge it only if you stand beside it: you confirm that it is at <b>${placeOf(claiming)}</b>.
    </p>
    ${problem(acts.problem(alert.alert_id))}
    <button
      class="primary calm wide"
      data-testid="acknowledge"
      ?disabled=${acts.busy(alert.alert_id)}
      @click=${() => claiming.acknowledge()}
    >
      I see it: acknowledge
    </button>
  `;
}

function armed({ claiming, site, acts, onFinish }) {
  const { press: alert, device } = claiming;
  const at = alert?.acknowledged_at ?? device?.last_proven_at;
  const by = alert?.acknowledged_by ?? device?.last_proven_by;
  const busy = acts.busy(alert?.alert_id);
  return html`
    <div class="armed-mark" aria-hidden="true">✓</div>
    <h1 data-testid="armed">Armed.</h1>
    <p class="lead" data-testid="proven">
      Proven at ${hourAndMinute(at, site.time_zone)} by ${by}.
    </p>
    <p>
      Look at the lamp: it is <b>steady</b>. When you go on, this test is closed, the lamp goes out,
      and <b>from then on a press is a real alert</b>.
    </p>
    ${problem(acts.problem(alert?.alert_id) ?? acts.problem(claiming.device_id))}
    <button
      class="primary calm wide"
      data-testid="next-button"
      ?disabled=${busy}
      @click=${() => onFinish({ next: true })}
    >
      Next button
    </button>
    <button class="wide" data-testid="done" ?disabled=${busy} @click=${() => onFinish({ next: false })}>
      Done here
    </button>
  `;
}

function hourAndMinute(at, time_zone) {
  return timeInWords(at, time_zone).replace(/^(\d+:\d+):\d+/, "$1");
}

function later({ claiming, onLeave }) {
  return html`
    <p class="quiet">
      No time now? ${claiming.device_id} stays in the list, and nobody may rely on it before it is
      proven. That can be done in a drill, any day.
    </p>
    <button class="plain" data-testid="leave" @click=${onLeave}>Leave it for later</button>
  `;
}
