// One alert, as a dispatcher reads it: what, where, how long ago, who has it, what to do.
//
// Everything the server says goes through text bindings. A card is a pure function of the alert,
// of what this screen is doing with it, and of which keys would take it.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { placeLines } from "./place-lines.js";
import { isPractice } from "./situation.js";
import { told } from "./told.js";
import {
  counted,
  durationInWords,
  kindInWords,
  outcomeInWords,
  outcomes,
  placeInOneLine,
  stateInWords,
  timeInWords,
} from "./words.js";

const IDLE = Object.freeze({ busy: null, problem: null, panel: null, outcome: null });

export function idle() {
  return IDLE;
}

// An alert this page cannot draw as it should is shown all the same, and can be acknowledged.
export function alertCard(what) {
  try {
    return fullCard(what);
  } catch {
    return bareCard(what);
  }
}

function bareCard({ alert, acts, readOnly }) {
  return html`
    <article
      class="alert-card real"
      data-testid="alert-card"
      data-alert-id=${alert.alert_id}
      data-version=${alert.version}
      data-state=${alert.state}
      tabindex="0"
    >
      <header class="band">
        <h2>${kindInWords(alert.kind)}</h2>
        <p>${alert.drill ? "DRILL " : ""}${stateInWords(alert.state)}</p>
      </header>
      <div class="body">
        <p class="room">${alert.place?.room ?? alert.place?.site ?? alert.device_id}</p>
        ${
          readOnly || alert.state !== "open"
            ? nothing
            : html`<button
                class="primary"
                data-testid="acknowledge"
                @click=${() => acts.acknowledge(alert.alert_id)}
              >
                Acknowledge
              </button>`
        }
      </div>
      <p class="problem">
        The rest of this alert could not be shown here. Act on it, and open the console on another
        screen.
      </p>
    </article>
  `;
}

function fullCard({ alert, doing = IDLE, keys, acts, readOnly }) {
  const practice = isPractice(alert);
  return html`
    <article
      class="alert-card kind-${knownKind(alert)} ${practice ? "practice" : "real"}
        ${keys.a ? "takes-a" : ""} ${alert.unanswered ? "unanswered" : ""}"
      data-testid="alert-card"
      data-alert-id=${alert.alert_id}
      data-version=${alert.version}
      data-state=${alert.state}
      data-drill=${alert.drill}
      tabindex="0"
      aria-label="${kindInWords(alert.kind)}${alert.drill ? ", drill" : ""}, ${placeInOneLine(
        alert.place,
      )}, ${stateInWords(alert.state)}"
    >
      ${
        keys.a
          ? html`<p class="key-target" data-testid="key-target">
              <kbd>A</kbd> acknowledges this one
            </p>`
          : nothing
      }
      ${practice ? drillStripe(alert) : nothing}
      <header class="band">
        <h2>${kindInWords(alert.kind)}</h2>
        ${flags(alert)}
        <p class="age-since">
          <time data-testid="age" data-since=${alert.pressed_at}></time>
          <span>since the press</span>
        </p>
      </header>
      <div class="body">
        ${placeLines(alert.place, { href: `#/alerts/${alert.alert_id}` })}
        ${readOnly || alert.state === "resolved" ? nothing : buttons({ alert, doing, keys, acts })}
      </div>
      ${doing.problem ? html`<p class="problem" role="alert">${doing.problem}</p>` : nothing}
      ${doing.panel === "resolve" ? resolvePanel({ alert, doing, acts }) : nothing}
      ${doing.panel === "note" ? notePanel({ alert, doing, acts }) : nothing} ${warnings(alert)}
      ${whoHasIt(alert)} ${facts(alert)}
    </article>
  `;
}

function knownKind(alert) {
  return ["duress", "assist", "tamper", "cancel", "test"].includes(alert.kind)
    ? alert.kind
    : "other";
}

function drillStripe(alert) {
  const said = alert.drill ? "DRILL" : "TEST";
  return html`<p class="drill-stripe" data-testid="drill-mark">
    <strong>${said}</strong> <span>not a real emergency</span>
    <strong aria-hidden="true">${said}</strong>
  </p>`;
}

function flags(alert) {
  return html`<p class="flags">
    ${
      alert.unanswered
        ? html`<strong class="flag" data-testid="unanswered">UNANSWERED</strong>`
        : nothing
    }
    ${
      alert.state === "open"
        ? nothing
        : html`<strong class="flag">${stateInWords(alert.state)}</strong>`
    }
    ${
      alert.presses > 1
        ? html`<strong class="flag" data-testid="presses"
            >pressed again × ${alert.presses - 1}</strong
          >`
        : nothing
    }
  </p>`;
}

function buttons({ alert, doing, keys, acts }) {
  const busy = doing.busy !== null;
  const id = alert.alert_id;
  return html`
    <div class="actions">
      ${
        alert.state === "open"
          ? html`<button
              class="primary"
              data-testid="acknowledge"
              ?disabled=${busy}
              @click=${() => acts.acknowledge(id)}
            >
              ${doing.busy === "acknowledge" ? "Acknowledging…" : "Acknowledge"} ${key(keys.a, "A")}
            </button>`
          : nothing
      }
      ${
        alert.state === "acknowledged"
          ? html`<button
              class="primary calm"
              data-testid="respond"
              ?disabled=${busy}
              @click=${() => acts.respond(id)}
            >
              Responding ${key(keys.r, "R")}
            </button>`
          : nothing
      }
      ${
        alert.drill
          ? html`<button
              class="real"
              data-testid="actual"
              ?disabled=${busy}
              @click=${() => acts.makeReal(id)}
            >
              This is real ${key(keys.t, "T")}
            </button>`
          : nothing
      }
      <button
        data-testid="resolve"
        aria-expanded=${doing.panel === "resolve"}
        ?disabled=${busy}
        @click=${() => acts.togglePanel(id, "resolve")}
      >
        Resolve…
      </button>
      <button
        data-testid="note"
        aria-expanded=${doing.panel === "note"}
        ?disabled=${busy}
        @click=${() => acts.togglePanel(id, "note")}
      >
        Note…
      </button>
    </div>
  `;
}

function key(taken, name) {
  return taken ? html`<kbd>${name}</kbd>` : nothing;
}

// Two steps on purpose: an outcome is chosen, then confirmed by a button that repeats it.
function resolvePanel({ alert, doing, acts }) {
  const id = alert.alert_id;
  return html`
    <form class="panel" data-testid="resolve-panel" @submit=${(event) => acts.resolve(id, event)}>
      <fieldset>
        <legend>1. What was it?</legend>
        <div class="choices">
          ${outcomes.map(
            (outcome) => html`
              <label class="choice">
                <input
                  type="radio"
                  name="outcome"
                  value=${outcome}
                  data-testid="outcome-${outcome}"
                  ?checked=${doing.outcome === outcome}
                  @change=${() => acts.chooseOutcome(id, outcome)}
                />
                ${outcomeInWords(outcome)}
              </label>
            `,
          )}
        </div>
      </fieldset>
      <label class="field">
        Note for the record (optional)
        <textarea name="note" rows="2" maxlength="2000"></textarea>
      </label>
      <div class="panel-actions">
        <button
          class="primary calm"
          data-testid="resolve-confirm"
          ?disabled=${doing.outcome === null || doing.busy !== null}
        >
          ${
            doing.outcome === null
              ? "2. Choose an outcome first"
              : `2. Resolve as: ${outcomeInWords(doing.outcome)}`
          }
        </button>
        <button type="button" @click=${() => acts.togglePanel(id, "resolve")}>Keep it open</button>
      </div>
      ${
        alert.state === "open"
          ? html`<p class="aside">
              Nobody has acknowledged this alert. Resolving ends the calling and the sound.
            </p>`
          : nothing
      }
    </form>
  `;
}

function notePanel({ alert, doing, acts }) {
  const id = alert.alert_id;
  return html`
    <form class="panel" data-testid="note-panel" @submit=${(event) => acts.addNote(id, event)}>
      <label class="field">
        Note for the record
        <textarea name="text" rows="3" maxlength="2000" required></textarea>
      </label>
      <div class="panel-actions">
        <button class="primary calm" ?disabled=${doing.busy !== null}>Save the note</button>
        <button type="button" @click=${() => acts.togglePanel(id, "note")}>Discard</button>
      </div>
    </form>
  `;
}

function warnings(alert) {
  const lines = [];
  if (alert.unanswered) {
    lines.push(
      html`<li class="loud">
        <strong>Unanswered.</strong> Every tier has been told and nobody has acknowledged. Act on it
        yourself: acknowledge, and call
        ${alert.place?.responding_agency ?? "the agency that responds there"}.
      </li>`,
    );
  }
  if (alert.cancelled) {
    lines.push(
      html`<li class="loud" data-testid="cancelled">
        <strong>Cancelled at the button; may be under coercion: follow up.</strong> The alert stays
        open until a person resolves it.
      </li>`,
    );
  }
  for (const remark of alert.remarks ?? []) lines.push(html`<li>${remark}</li>`);
  return lines.length
    ? html`<ul class="warnings">
        ${lines}
      </ul>`
    : nothing;
}

function whoHasIt(alert) {
  return html`
    <div class="who-has-it" data-testid="who-has-it">
      ${alert.state === "open" ? nobodyYet(alert) : somebody(alert)}
    </div>
    ${told(alert)}
  `;
}

function nobodyYet(alert) {
  return html`<p><strong>Nobody has it yet.</strong> ${climb(alert)}</p>`;
}

function climb(alert) {
  const { tier, tiers, next_decision_at: next } = alert;
  const reached =
    tier > 0 ? `Tier ${tier} of ${tiers} has been told.` : "Nobody has been told yet.";
  if (!next && alert.drill && !tier)
    return "It proves the button: whoever pressed it answers. After 10 minutes people are paged, as in a drill.";
  if (!next) return reached;
  const coming =
    tier > 0 && tier >= tiers ? `Tier ${tiers} is told again` : `Tier ${(tier || 0) + 1} is told`;
  return html`${reached} ${coming} <span class="countdown" data-until=${next}></span>.`;
}

function somebody(alert) {
  const zone = alert.place?.time_zone;
  const took_ms = Date.parse(alert.acknowledged_at) - Date.parse(alert.pressed_at);
  return html`
    <p>
      <strong>${alert.acknowledged_by ?? "Somebody"} has it</strong>${
        alert.acknowledged_at
          ? html`, since ${timeInWords(alert.acknowledged_at, zone)}, ${durationInWords(took_ms)}
            after the press`
          : nothing
      }.
      ${
        alert.responding_at
          ? html`Responding since ${timeInWords(alert.responding_at, zone)}.`
          : nothing
      }
      ${
        alert.resolved_at
          ? html`Resolved ${alert.resolved_by ? `by ${alert.resolved_by}` : ""} as
              <strong>${outcomeInWords(alert.outcome)}</strong> at
              ${timeInWords(alert.resolved_at, zone)}.`
          : nothing
      }
    </p>
  `;
}

function facts(alert) {
  const zone = alert.place?.time_zone;
  return html`
    <footer class="facts">
      <span>Pressed ${timeInWords(alert.pressed_at, zone)}</span>
      ${alert.code ? html`<span>Code <strong class="code">${alert.code}</strong></span>` : nothing}
      <span>Button ${alert.device_id}</span>
      ${
        alert.presses > 1
          ? html`<span>${counted(alert.presses, "press", "presses")} in all</span>`
          : nothing
      }
      ${
        alert.previous_alert_id
          ? html`<a href="#/alerts/${alert.previous_alert_id}"
              >The alert before, from this button</a
            >`
          : nothing
      }
      <a href="#/alerts/${alert.alert_id}">Everything on record</a>
    </footer>
  `;
}
