// Everybody of the jurisdiction, those whom nothing reaches first.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { mayRule } from "./may.js";
import { NEW, oneAddress } from "./route.js";
import { counts, dayInWords, methodOf, whyUnreachable } from "./words.js";

export function personListPage({ book, session, named }) {
  const people = [...book.people].sort(byTrouble(named));
  return html`
    <main class="keeper">
      <h1>People</h1>
      ${
        mayRule(session)
          ? html`<p><a class="act calm" href=${oneAddress("people", NEW)} data-testid="new-person">Add somebody</a></p>`
          : html`<p class="quiet">
              A supervisor adds people. Your own contacts you keep yourself:
              <a href=${oneAddress("people", session.person_id)}>how you are reached</a>.
            </p>`
      }
      <ul class="sites people-list">
        ${repeat(people, (each) => each.person_id, (each) => personLine(each, named))}
      </ul>
    </main>
  `;
}

// Whose number fails matters most where an alert would be sent to it.
function byTrouble(named) {
  const rank = (person) => {
    if (person.has_ended) return 3;
    if (!whyUnreachable(person)) return 1;
    return named.has(person.person_id) ? 0 : 2;
  };
  return (one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name);
}

function personLine(person, named) {
  const why = whyUnreachable(person);
  const needed = named.has(person.person_id);
  const grave = why && needed && !person.has_ended ? "lost" : "";
  return html`<li>
    <a class="site-line ${grave}" href=${oneAddress("people", person.person_id)} data-testid="person-line">
      <span class="site-name">${person.name}</span>
      <span>${person.role}${person.outside_agency ? ", outside agency" : ""}${endsInWords(person)}</span>
      ${person.contacts.map(contactLine)}
      ${
        why && !person.has_ended
          ? html`<span class=${needed ? "grave-line" : "quiet"}>
              ${needed ? "A policy or a shift names them, and nothing reaches them" : "Nothing reaches them"}: ${why}.
            </span>`
          : nothing
      }
    </a>
  </li>`;
}

function endsInWords({ ends_on, has_ended }) {
  if (!ends_on) return "";
  return has_ended ? `, ended ${dayInWords(ends_on)}` : `, until ${dayInWords(ends_on)}`;
}

function contactLine(contact) {
  return html`<span class="contact-brief">
    ${methodOf(contact.method).said} ${contact.address}
    <span class=${counts(contact) ? "confirmed" : "missing"}>${standingOf(contact)}</span>
  </span>`;
}

export function standingOf(contact) {
  if (contact.unreachable) return "✗ unreachable";
  if (contact.verified_at) return "✓ verified";
  return contact.code_until ? "… code sent" : "! not verified";
}
