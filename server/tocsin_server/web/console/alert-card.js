// One alert, as a dispatcher reads it: what, where, how long ago, who has it, what to do.
//
// Everything the server says goes through text bindings. A card is a pure function of the alert,
// of what this screen is doing with it, of which keys would take it, of whom to call there, of who
// sits before it, of who else looks at it, and of its floor plan, if that was asked for.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { openPanel } from "./card-panels.js";
import { floorPlan } from "./floor-plan.js";
import { fromServer } from "./from-server.js";
import { t, tHtml } from "./language.js";
import { placeLines } from "./place-lines.js";
import { isPractice } from "./situation.js";
import { isLoud, mayArrive, mayHandOver, mayRespond, wantOf } from "./wants.js";
import { whoHasIt } from "./who-has-it.js";
import {
  kindInWords,
  placeInOneLine,
  standingInWords,
  timeInWords,
  wantInWords,
} from "./words.js";

// What this screen is doing with an alert: a request under way, what came of the last one, and a
// panel that is open, with what is chosen in it.
const IDLE = Object.freeze({
  busy: null,
  problem: null,
  panel: null,
  outcome: null,
  people: null,
  person: null,
  officer: null,
  next: undefined, // the tier that is told next; null: the server didn't say
});

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

function bareCard({ alert, acts, readOnly, name }) {
  const want = wantOf(alert, name);
  return html`
    <article
      class="alert-card real ${isLoud(want) ? "" : "in-hand"}"
      data-testid="alert-card"
      data-alert-id=${alert.alert_id}
      data-version=${alert.version}
      data-state=${alert.state}
      tabindex="0"
    >
      <header class="band">
        <h2>${kindInWords(alert.kind)}</h2>
        <p>${alert.drill ? t("DRILL") : ""} ${standingInWords(alert, want)}</p>
      </header>
      <div class="body">
        <p class="room">${alert.place?.room ?? alert.place?.site ?? alert.device_id}</p>
        ${
          readOnly || want === null
            ? nothing
            : html`<button
                class="primary"
                data-testid="acknowledge"
                @click=${() => acts.acknowledge(alert.alert_id)}
              >
                ${wantInWords(want).button}
              </button>`
        }
      </div>
      <p class="problem">
        ${t(
          "The rest of this alert could not be shown here. Act on it, and open the console on" +
            " another screen.",
        )}
      </p>
    </article>
  `;
}

// `plan`: none where the page shows it beside the card, or shows none.
function fullCard({ alert, doing = IDLE, keys, acts, readOnly, name, contacts, lookers, plan = null }) {
  const practice = isPractice(alert);
  const want = wantOf(alert, name);
  return html`
    <article
      class="alert-card kind-${knownKind(alert)} ${practice ? "practice" : "real"}
        ${isLoud(want) ? "" : "in-hand"} ${keys.a ? "takes-a" : ""}
        ${alert.unanswered ? "unanswered" : ""}"
      data-testid="alert-card"
      data-alert-id=${alert.alert_id}
      data-version=${alert.version}
      data-state=${alert.state}
      data-drill=${alert.drill}
      tabindex="0"
      aria-label=${nameOf(alert, want)}
    >
      ${
        keys.a
          ? html`<p class="key-target" data-testid="key-target">
              <kbd>A</kbd> ${wantInWords(want).key}
            </p>`
          : nothing
      }
      ${practice ? drillStripe(alert) : nothing}
      <header class="band">
        <h2>${kindInWords(alert.kind)}</h2>
        ${flags(alert, want)}
        <p class="age-since">
          <time data-testid="age" data-since=${alert.pressed_at}></time>
          <span>${t("since the press")}</span>
        </p>
      </header>
      <div class="body">
        ${placeLines(alert.place, { href: readOnly ? null : `#/alerts/${alert.alert_id}`, contacts })}
        ${
          readOnly || alert.state === "resolved"
            ? nothing
            : buttons({ alert, doing, keys, acts, want, name, plan })
        }
      </div>
      ${doing.problem ? html`<p class="problem" role="alert">${doing.problem}</p>` : nothing}
      ${readOnly && doing.panel === "officer" ? nothing : openPanel({ alert, doing, acts, name })}
      ${plan?.isOpen && !readOnly ? floorPlan({ alert, plan, plans: acts.plans }) : nothing}
      ${warnings(alert)}
      ${whoHasIt(alert, name, { lookers, linked: !readOnly })} ${facts(alert, { linked: !readOnly })}
    </article>
  `;
}

function nameOf(alert, want) {
  const drill = alert.drill ? [t("drill")] : [];
  const parts = [kindInWords(alert.kind), ...drill, placeInOneLine(alert.place)];
  return [...parts, standingInWords(alert, want)].join(", ");
}

function knownKind(alert) {
  return ["duress", "assist", "tamper", "cancel", "test"].includes(alert.kind)
    ? alert.kind
    : "other";
}

function drillStripe(alert) {
  const said = alert.drill ? t("DRILL") : t("TEST");
  return html`<p class="drill-stripe" data-testid="drill-mark">
    <strong>${said}</strong> <span>${t("not a real emergency")}</span>
    <strong aria-hidden="true">${said}</strong>
  </p>`;
}

function flags(alert, want) {
  return html`<p class="flags">
    ${
      alert.unanswered
        ? html`<strong class="flag" data-testid="unanswered">${t("UNANSWERED")}</strong>`
        : nothing
    }
    ${
      alert.state === "open"
        ? nothing
        : html`<strong class="flag">${standingInWords(alert, want)}</strong>`
    }
    ${
      alert.presses > 1
        ? html`<strong class="flag" data-testid="presses"
            >${t("pressed again × {times}", { times: alert.presses - 1 })}</strong
          >`
        : nothing
    }
  </p>`;
}

function buttons({ alert, doing, keys, acts, want, name, plan }) {
  const id = alert.alert_id;
  const busy = doing.busy !== null;
  const does = (act, { testid, said, look = "", letter }) => html`<button
    class=${look}
    data-testid=${testid}
    ?disabled=${busy}
    @click=${() => acts[act](id)}
  >
    ${said} ${key(keys, letter)}
  </button>`;
  const opens = (panel, { said, letter }) => html`<button
    data-testid=${panel}
    aria-expanded=${doing.panel === panel}
    ?disabled=${busy}
    @click=${() => acts.togglePanel(id, panel)}
  >
    ${said} ${key(keys, letter)}
  </button>`;
  const responds = mayRespond(alert, name);
  return html`
    <div class="actions">
      ${
        want
          ? does("acknowledge", {
              testid: "acknowledge",
              said: wantInWords(want)[doing.busy === "acknowledge" ? "busy" : "button"],
              look: want === "offered" ? "primary calm" : "primary",
              letter: "a",
            })
          : nothing
      }
      ${
        responds
          ? does("respond", {
              testid: "respond",
              said: t("Responding"),
              look: want ? "" : "primary calm",
              letter: "r",
            })
          : nothing
      }
      ${
        !want && alert.again_at
          ? does("acknowledge", {
              testid: "enough",
              said: t("Enough help: tell nobody else"),
              look: "wide",
            })
          : nothing
      }
      ${
        mayArrive(alert, name)
          ? does("arrive", {
              testid: "on-scene",
              said: t("On scene"),
              look: responds || want ? "" : "primary calm",
              letter: "s",
            })
          : nothing
      }
      ${
        alert.drill
          ? does("makeReal", { testid: "actual", said: t("This is real"), look: "real", letter: "t" })
          : nothing
      }
      ${opens("escalate", { said: t("Escalate…"), letter: "e" })}
      ${opens("officer", { said: t("Officer’s link…") })}
      ${mayHandOver(alert) ? opens("hand-over", { said: t("Hand over…"), letter: "h" }) : nothing}
      ${opens("resolve", { said: t("Resolve…") })} ${opens("note", { said: t("Note…"), letter: "n" })}
      ${
        plan
          ? html`<button
              class="wide"
              data-testid="plan"
              aria-expanded=${plan.isOpen}
              @click=${() => acts.plans.toggle(id)}
            >
              ${t("Floor plan")} ${key(keys, "p")}
            </button>`
          : nothing
      }
    </div>
  `;
}

function key(keys, letter) {
  return keys[letter] ? html`<kbd>${letter.toUpperCase()}</kbd>` : nothing;
}

function warnings(alert) {
  const lines = [];
  if (alert.unanswered) {
    lines.push(
      html`<li class="loud">
        <strong>${t("Unanswered.")}</strong> ${unanswered(alert)}
      </li>`,
    );
  }
  if (alert.cancelled) {
    lines.push(
      html`<li class="loud" data-testid="cancelled">
        <strong>${t("Cancelled at the button; may be under coercion: follow up.")}</strong>
        ${t("The alert stays open until a person resolves it.")}
      </li>`,
    );
  }
  for (const remark of alert.remarks ?? []) lines.push(html`<li>${fromServer(remark)}</li>`);
  return lines.length
    ? html`<ul class="warnings">
        ${lines}
      </ul>`
    : nothing;
}

function unanswered(alert) {
  const agency = alert.place?.responding_agency ?? t("the agency that responds there");
  return alert.again_at
    ? t(
        "Every tier has been told and nobody has taken it over. Act on it yourself: take it over," +
          " and call {agency}.",
        { agency },
      )
    : t(
        "Every tier has been told and nobody has acknowledged. Act on it yourself: acknowledge, and" +
          " call {agency}.",
        { agency },
      );
}

// `linked`: to pages that this screen has.
function facts(alert, { linked }) {
  const zone = alert.place?.time_zone;
  return html`
    <footer class="facts">
      <span>${t("Pressed {at}", { at: timeInWords(alert.pressed_at, zone) })}</span>
      ${alert.code ? html`<span>${tHtml("Code {code}", { code: codeOf(alert) })}</span>` : nothing}
      <span>${t("Button {id}", { id: alert.device_id })}</span>
      ${
        alert.presses > 1
          ? html`<span>${t("{count} presses in all", { count: alert.presses })}</span>`
          : nothing
      }
      ${
        linked && alert.previous_alert_id
          ? html`<a href="#/alerts/${alert.previous_alert_id}"
              >${t("The alert before, from this button")}</a
            >`
          : nothing
      }
      ${linked ? html`<a href="#/alerts/${alert.alert_id}">${t("Everything on record")}</a>` : nothing}
    </footer>
  `;
}

const codeOf = ({ code }) => html`<strong class="code">${code}</strong>`;
