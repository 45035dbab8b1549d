// One person: how they are reached, in which order, what counts, and until when they are here.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { t, tHtml } from "../console/language.js";
import { dayAndTimeInWords, roleInWords } from "../console/words.js";
import { problem } from "../facilities/site.js";
import { mayEnd, mayKeepContacts, mayMake, mayRule, mayTakeAway } from "./may.js";
import { standingOf } from "./person-list.js";
import { listAddress } from "./route.js";
import { counts, dayInWords, methodOf, reasonInWords, remedyOf } from "./words.js";
import { ROLE_NAMES, roleMeans, verifierInWords } from "./words.js";

const CLOCK = "([01]?[0-9]|2[0-4]):?[0-5][0-9]";

// Push is set up in the browser that is to show it.
const BY_HAND = ["sms", "voice", "email", "apprise"];

export function personPage({ person, session, acts, time_zone }) {
  const may = {
    keep: mayKeepContacts(session, person.person_id),
    vouch: mayRule(session),
    end: mayEnd(session, person),
    takeAway: person.can_sign_in && mayTakeAway(session, person),
  };
  const what = { person, may, acts, time_zone };
  return html`
    <main class="keeper narrow">
      <p class="back"><a href=${listAddress("people")}>${t("‹ People")}</a></p>
      <header class="head">
        <h1>${person.name}</h1>
        <p>
          ${whatTheyAre(person)}; ${person.language === "es" ? t("told in Spanish") : t("told in English")};
          ${person.email}
        </p>
        ${person.has_ended ? hasEnded(dayInWords(person.ends_on)) : nothing}
      </header>
      <section class="contacts">
        <h2>${t("How they are reached")}</h2>
        <p class="quiet">${t("The first that works is tried first; the next ones where it fails.")}</p>
        ${
          person.contacts.length === 0
            ? html`<p class="grave-line" data-testid="no-contact">
                ${tHtml("{nothing} there is no contact yet.", {
                  nothing: html`<strong>${t("Nothing reaches {name}:", { name: person.name })}</strong>`,
                })}
              </p>`
            : nothing
        }
        <ol>
          ${repeat(person.contacts, (each) => each.contact_id, (each, index) => contactItem(what, each, index))}
        </ol>
      </section>
      ${may.keep ? newContact(what) : nothing}
      ${may.end ? ending(what) : nothing}
      ${signsIn(what)} ${may.takeAway ? takingAway(what) : nothing}
    </main>
  `;
}

const whatTheyAre = ({ role, outside_agency }) =>
  outside_agency
    ? t("{role}, outside agency: drills never reach them", { role: roleInWords(role) })
    : roleInWords(role);

function hasEnded(day) {
  return html`<p class="grave-line">
    <strong>${t("This account ended on {day}.", { day })}</strong> ${t("Nobody is told by it.")}
  </p>`;
}

function contactItem(what, contact, index) {
  const { may, acts, person } = what;
  const about = contact.contact_id;
  const state = contact.unreachable ? "unreachable" : contact.verified_at ? "counts" : "unverified";
  return html`<li class="box contact ${state}" data-testid="contact" data-state=${state}>
    <p class="contact-name">
      <b>${index + 1}. ${methodOf(contact.method).said}</b> ${contact.address}
      <span class="standing ${counts(contact) ? "confirmed" : "missing"}">${standingOf(contact)}</span>
    </p>
    ${stateLines(what, contact)}
    ${
      contact.quiet_from
        ? html`<p>${leftAlone(clock(contact.quiet_from), clock(contact.quiet_to))}</p>`
        : nothing
    }
    ${may.keep && !counts(contact) ? confirming(what, contact) : nothing}
    ${problem(acts.problem(about))}
    ${
      may.keep
        ? html`<div class="contact-acts">
            ${
              index > 0
                ? html`<button data-testid="move-up" ?disabled=${acts.busy(about)} @click=${() => acts.moveUp(person, index)}>
                    ${t("Try it sooner")}
                  </button>`
                : nothing
            }
            <details>
              <summary>${t("Quiet hours")}</summary>
              ${quietForm(what, contact)}
            </details>
            <details>
              <summary>${t("Remove")}</summary>
              <p>${removalMeans(person, contact)}</p>
              <button class="danger" data-testid="remove-contact" ?disabled=${acts.busy(about)} @click=${() => acts.removeContact(person, contact)}>
                ${t("Remove it")}
              </button>
            </details>
          </div>`
        : nothing
    }
  </li>`;
}

function removalMeans(person, contact) {
  const left = person.contacts.filter((each) => each !== contact && counts(each));
  return left.length
    ? t("They are then reached by {method} first.", { method: methodOf(left[0].method).how })
    : t("Nothing would reach them any more.");
}

const clock = (time) => time.slice(0, 5);
const leftAlone = (from, to) => t("Left alone from {from} to {to}, but for danger.", { from, to });

function stateLines({ time_zone }, contact) {
  if (contact.unreachable) {
    return html`<p class="grave-line">
      <strong>${t("Nothing arrives here: {why}.", { why: reasonInWords(contact.unreachable) })}</strong>
      ${remedyOf(contact.unreachable)}
    </p>`;
  }
  if (contact.verified_at) {
    const when = dayAndTimeInWords(contact.verified_at, time_zone);
    const who = verifierInWords(contact.verified_by);
    return html`<p class="quiet">${t("Verified on {when} by {who}.", { when, who })}</p>`;
  }
  return html`<p>
    <strong>${t("It counts for nothing yet.")}</strong>
    ${
      contact.code_until
        ? t("A code was sent there: they reply with it, or tell it to you.")
        : t("No code is waited for: send a new one.")
    }
  </p>`;
}

function confirming({ person, may, acts }, contact) {
  const busy = acts.busy(contact.contact_id);
  return html`<div class="confirming">
    ${
      contact.code_until
        ? html`<form class="code-form" @submit=${(event) => acts.confirm(person, contact, event)}>
            <label class="field">
              ${t("Code")}
              <input name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="9" required />
            </label>
            <button class="primary calm" ?disabled=${busy}>${t("Confirm")}</button>
          </form>`
        : nothing
    }
    <button data-testid="send-code" ?disabled=${busy} @click=${() => acts.sendCode(person, contact)}>${t("Send a new code")}</button>
    ${
      may.vouch
        ? html`<button data-testid="vouch" ?disabled=${busy} @click=${() => acts.vouch(person, contact)}>
            ${t("I have reached them here")}
          </button>`
        : nothing
    }
  </div>`;
}

function quietForm({ person, acts }, contact) {
  return html`<form class="place-form" @submit=${(event) => acts.setQuiet(person, contact, event)}>
    <p class="quiet">${t("Of duress and its drills they hear at any hour; of the rest not in these.")}</p>
    <div class="pair">
      ${timeField("from_time", t("From"), contact.quiet_from ? clock(contact.quiet_from) : "22:00")}
      ${timeField("to_time", t("To"), contact.quiet_to ? clock(contact.quiet_to) : "06:00")}
    </div>
    <div class="links">
      <button data-testid="save-quiet" ?disabled=${acts.busy(contact.contact_id)}>${t("Leave them alone then")}</button>
      ${
        contact.quiet_from
          ? html`<button type="button" @click=${() => acts.endQuiet(person, contact)}>${t("No quiet hours")}</button>`
          : nothing
      }
    </div>
  </form>`;
}

export function timeField(name, said, value = "") {
  return html`<label class="field">
    ${said}
    <input
      name=${name}
      value=${value}
      pattern=${CLOCK}
      title=${t("Write it as 22:00")}
      maxlength="5"
      autocomplete="off"
      placeholder="22:00"
      required
    />
  </label>`;
}

function newContact({ person, may, acts }) {
  const about = `new contact of ${person.person_id}`;
  return html`
    <form class="group" data-testid="new-contact" @submit=${(event) => acts.addContact(person, event)}>
      <h2>${t("Add a way to reach them")}</h2>
      <fieldset class="choices">
        <legend>${t("By")}</legend>
        ${BY_HAND.map(
          (method, index) => html`<label class="choice">
            <input type="radio" name="method" value=${method} ?checked=${index === 0} />
            ${methodOf(method).said}
          </label>`,
        )}
      </fieldset>
      <label class="field">
        ${t("Number or address")}
        <input name="address" maxlength="2000" autocomplete="off" placeholder="+1 512 555 0111" required />
      </label>
      <p class="quiet">
        ${t(
          "A number with its country; for another service its URL as Apprise writes it. Push is switched on " +
            "in the console of the device that is to show it.",
        )}
      </p>
      ${may.vouch ? vouching(t("I have reached them there myself: it counts at once, without a code")) : nothing}
      ${problem(acts.problem(about))}
      <button class="primary calm wide" ?disabled=${acts.busy(about)}>${t("Add it")}</button>
    </form>
  `;
}

const vouching = (said) => html`<label class="check"><input type="checkbox" name="vouch" /> ${said}</label>`;

function ending({ person, acts }) {
  const about = `end of ${person.person_id}`;
  return html`
    <form class="group" data-testid="ending" @submit=${(event) => acts.end(person, event)}>
      <h2>${t("How long they are here")}</h2>
      <label class="field">
        ${t("Last day, to its midnight")}
        <input name="ends_on" type="date" value=${person.ends_on ?? ""} />
      </label>
      <p class="quiet">
        ${t(
          "Empty: it has no end. A day that is over ends the account at once: they are signed out, " +
            "and nobody tells them.",
        )}
      </p>
      ${problem(acts.problem(about))}
      <button ?disabled=${acts.busy(about)}>${t("Save the last day")}</button>
    </form>
  `;
}

function signsIn({ person, may }) {
  if (person.can_sign_in || person.has_ended || !may.vouch) return nothing;
  return html`<p class="quiet">
    ${t("They can't sign in yet, and answer by phone alone. Whoever runs the server gives them a password:")}
    <code>tocsin person password ${person.email}</code>
  </p>`;
}

function takingAway({ person, acts }) {
  const about = `sign-in of ${person.person_id}`;
  return html`<details class="box">
    <summary>${t("They have lost their passkey or their phone")}</summary>
    <p>
      ${t(
        "Their passkeys, codes and recovery codes are taken away, and they are signed out everywhere. Then " +
          "the password alone opens the account. Make sure that it is {name} who asks.",
        { name: person.name },
      )}
    </p>
    <button class="danger" data-testid="take-away" ?disabled=${acts.busy(about)} @click=${() => acts.takeAway(person)}>
      ${t("Take them away")}
    </button>
    ${problem(acts.problem(about))}
  </details>`;
}

export function newPersonPage({ session, acts }) {
  const about = "new person";
  return html`
    <main class="keeper narrow">
      <p class="back"><a href=${listAddress("people")}>${t("‹ People")}</a></p>
      <h1>${t("Add somebody")}</h1>
      <form class="group" data-testid="person-form" @submit=${acts.addPerson}>
        <label class="field">${t("Name")}<input name="name" maxlength="200" autocomplete="off" required /></label>
        <label class="field">${t("E-mail")}<input name="email" type="email" maxlength="254" autocomplete="off" required /></label>
        <label class="field">
          ${t("Role")}
          <select name="role">
            ${ROLE_NAMES.filter((role) => mayMake(session, role)).map(
              (role) => html`<option value=${role}>${roleInWords(role)}: ${roleMeans(role)}</option>`,
            )}
          </select>
        </label>
        <label class="field">
          ${t("Mobile number")}
          <input name="phone" maxlength="40" autocomplete="off" placeholder="+1 512 555 0111" />
        </label>
        <p class="quiet">${t("A code is texted there, and the number counts once they reply with it.")}</p>
        ${vouching(t("I have reached them there myself: it counts at once"))}
        <fieldset class="choices">
          <legend>${t("Told in")}</legend>
          <label class="choice"><input type="radio" name="language" value="en" checked /> ${t("English")}</label>
          <label class="choice"><input type="radio" name="language" value="es" /> ${t("Spanish")}</label>
        </fieldset>
        <label class="check">
          <input type="checkbox" name="outside_agency" />
          ${t("Of an outside agency, such as police: drills never reach them")}
        </label>
        <label class="check">
          <input type="checkbox" name="temporary" />
          ${t("Temporary staff: the account ends with the day below")}
        </label>
        <label class="field">${t("Last day")}<input name="ends_on" type="date" /></label>
        ${problem(acts.problem(about))}
        <button class="primary calm wide" ?disabled=${acts.busy(about)}>
          ${acts.busy(about) ? t("Adding…") : t("Add them")}
        </button>
      </form>
    </main>
  `;
}
