// What opens within an alert's card, for whatever is not done by one slip of a finger.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { fromServer } from "./from-server.js";
import { t } from "./language.js";
import { officerPanel } from "./officer-link.js";
import { nextTier } from "./who-has-it.js";
import { methodInWords, outcomeInWords, outcomes, roleInWords } from "./words.js";

const PANELS = {
  resolve: resolvePanel,
  note: notePanel,
  escalate: escalatePanel,
  "hand-over": handOverPanel,
  officer: officerPanel,
};

export function openPanel({ alert, doing, acts, name }) {
  if (alert.state === "resolved") return nothing; // while it was open
  return PANELS[doing.panel]?.({ alert, doing, acts, name }) ?? nothing;
}

// Two steps on purpose: an outcome is chosen, then confirmed by a button that repeats it.
function resolvePanel({ alert, doing, acts }) {
  const id = alert.alert_id;
  return html`
    <form class="panel" data-testid="resolve-panel" @submit=${(event) => acts.resolve(id, event)}>
      <fieldset>
        <legend>${t("1. What was it?")}</legend>
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
        ${t("Note for the record (optional)")}
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
              ? t("2. Choose an outcome first")
              : t("2. Resolve as: {outcome}", { outcome: outcomeInWords(doing.outcome) })
          }
        </button>
        <button type="button" @click=${() => acts.togglePanel(id, "resolve")}>${t("Keep it open")}</button>
      </div>
      ${
        alert.state === "open"
          ? html`<p class="aside">
              ${t("Nobody has acknowledged this alert. Resolving ends the calling and the sound.")}
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
        ${t("Note for the record")}
        <textarea name="text" rows="3" maxlength="2000" required data-first></textarea>
      </label>
      <div class="panel-actions">
        <button class="primary calm" ?disabled=${doing.busy !== null}>${t("Save the note")}</button>
        <button type="button" @click=${() => acts.togglePanel(id, "note")}>${t("Discard")}</button>
      </div>
    </form>
  `;
}

// Two steps on purpose: people who were woken can't be un-told.
function escalatePanel({ alert, doing, acts, name }) {
  const id = alert.alert_id;
  const { n, again } = nextTier(alert, doing.next);
  return html`
    <form class="panel" data-testid="escalate-panel" @submit=${(event) => acts.escalate(id, event)}>
      <p>
        <strong
          >${
            again
              ? t("Have tier {n} of {tiers} told again at once?", { n, tiers: alert.tiers })
              : t("Have tier {n} of {tiers} told at once?", { n, tiers: alert.tiers })
          }</strong
        >
        ${whoKeepsIt(alert, name)}
      </p>
      ${whoIsNext(alert, doing.next)}
      <div class="panel-actions">
        <button
          class="primary"
          data-testid="escalate-confirm"
          data-first
          ?disabled=${doing.busy !== null}
        >
          ${again ? t("Tell tier {n} again now", { n }) : t("Tell tier {n} now", { n })}
        </button>
        <button type="button" @click=${() => acts.togglePanel(id, "escalate")}>${t("Tell nobody")}</button>
      </div>
    </form>
  `;
}

function whoIsNext({ tier }, next) {
  if (next === undefined) return html`<p class="aside">${t("Asking the server who that is…")}</p>`;
  if (next?.after !== tier) return nothing;
  if (next.people.length === 0) return html`<p data-testid="next-tier">${t("Nobody is in that tier now.")}</p>`;
  return html`<ul data-testid="next-tier">
    ${next.people.map(
      ({ name, by, why_not }) =>
        html`<li>
          <strong>${name}</strong>:
          ${why_not === null ? by.map(methodInWords).join(", ") : t("can't be reached: {why}", { why: fromServer(why_not) })}
        </li>`,
    )}
  </ul>`;
}

function whoKeepsIt(alert, name) {
  if (alert.state === "open") return t("Nobody has it until somebody acknowledges.");
  const keeps =
    alert.acknowledged_by === name
      ? t("You keep it.")
      : t("{who} keeps it.", { who: alert.acknowledged_by });
  const next = t(
    "The tiers after that are told in their turn, until somebody takes it over or the help is enough.",
  );
  return `${keeps} ${next}`;
}

// Two steps as well: a person is chosen, then confirmed by a button that names them.
function handOverPanel({ alert, doing, acts, name }) {
  const id = alert.alert_id;
  const people = doing.people?.filter((person) => mayTake(person, alert));
  return html`
    <form
      class="panel"
      data-testid="hand-over-panel"
      @submit=${(event) => acts.handOver(id, event)}
    >
      <fieldset>
        <legend>${t("1. To whom?")}</legend>
        ${people ? nothing : html`<p class="aside">${t("Asking the server who is there…")}</p>`}
        ${
          people?.length === 0
            ? html`<p class="aside">
                ${t(
                  "Nobody else here can be reached. Whoever keeps the people on record can add somebody.",
                )}
              </p>`
            : nothing
        }
        <div class="choices people">
          ${people?.map(
            (person, at) => html`
              <label class="choice">
                <input
                  type="radio"
                  name="person"
                  data-first=${at === 0 ? "" : nothing}
                  ?checked=${doing.person === person}
                  @change=${() => acts.choosePerson(id, person)}
                />
                <span
                  >${person.name}
                  <span class="quiet">${roleInWords(person.role)}, ${reachInWords(person)}</span></span
                >
              </label>
            `,
          )}
        </div>
      </fieldset>
      <div class="panel-actions">
        <button
          class="primary calm"
          data-testid="hand-over-confirm"
          ?disabled=${doing.person === null || doing.busy !== null}
        >
          ${
            doing.person === null
              ? t("2. Choose a person first")
              : t("2. Hand over to {name}", { name: doing.person.name })
          }
        </button>
        <button type="button" @click=${() => acts.togglePanel(id, "hand-over")}>
          ${t("Don’t hand it over")}
        </button>
      </div>
      <p class="aside">
        ${
          alert.acknowledged_by === name
            ? t("You keep it until they take it.")
            : t("{who} keeps it until they take it.", { who: alert.acknowledged_by })
        }
      </p>
    </form>
  `;
}

// Who can be told of it, or sees it here, and may act on it. Drills reach nobody outside, and whoever
// keeps the buttons sees nothing but drills.
function mayTake(person, alert) {
  if (person.has_ended || person.name === alert.acknowledged_by) return false;
  if (person.role === "auditor" || (person.role === "facilities" && !alert.drill)) return false;
  if (person.outside_agency && alert.drill) return false;
  return person.can_sign_in || contactOf(person) !== undefined;
}

// The contact by which they would be told: the first that counts.
function contactOf(person) {
  return person.contacts.find((contact) => contact.verified_at && !contact.unreachable);
}

function reachInWords(person) {
  const contact = contactOf(person);
  return contact ? methodInWords(contact.method) : t("only on this console");
}
