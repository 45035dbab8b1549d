// Everybody of the jurisdiction, those whom nothing reaches first.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { t, tHtml } from "../console/language.js";
import { roleInWords } from "../console/words.js";
import { mayRule } from "./may.js";
import { NEW, oneAddress } from "./route.js";
import { counts, dayInWords, methodOf, reasonInWords, whyUnreachable } from "./words.js";

export function personListPage({ book, session, named }) {
  const people = [...book.people].sort(byTrouble(named));
  return html`
    <main class="keeper">
      <h1>${t("People")}</h1>
      ${
        mayRule(session)
          ? html`<p>
              <a class="act calm" href=${oneAddress("people", NEW)} data-testid="new-person">${t("Add somebody")}</a>
            </p>`
          : html`<p class="quiet">
              ${tHtml("A supervisor adds people. Your own contacts you keep yourself: {link}.", {
                link: html`<a href=${oneAddress("people", session.person_id)}>${t("how you are reached")}</a>`,
              })}
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
      <span>${whoTheyAre(person).filter(Boolean).join(", ")}</span>
      ${person.contacts.map(contactLine)}
      ${
        why && !person.has_ended
          ? html`<span class=${needed ? "grave-line" : "quiet"}>
              ${unreachable(reasonInWords(why), needed)}
            </span>`
          : nothing
      }
    </a>
  </li>`;
}

const unreachable = (why, needed) =>
  needed
    ? t("A policy or a shift names them, and nothing reaches them: {why}.", { why })
    : t("Nothing reaches them: {why}.", { why });

const whoTheyAre = ({ role, outside_agency, ends_on, has_ended }) => [
  roleInWords(role),
  outside_agency && t("outside agency"),
  ends_on && endInWords(dayInWords(ends_on), has_ended),
];

const endInWords = (day, has_ended) => (has_ended ? t("ended {day}", { day }) : t("until {day}", { day }));

function contactLine(contact) {
  return html`<span class="contact-brief">
    ${methodOf(contact.method).said} ${contact.address}
    <span class=${counts(contact) ? "confirmed" : "missing"}>${standingOf(contact)}</span>
  </span>`;
}

export function standingOf(contact) {
  if (contact.unreachable) return t("✗ unreachable");
  if (contact.verified_at) return t("✓ verified");
  return contact.code_until ? t("… code sent") : t("! not verified");
}
