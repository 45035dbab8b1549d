// Presses that reached the server and that its database has not taken: on no record yet, and real.

import { html } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { t } from "./language.js";
import { placeLines } from "./place-lines.js";
import { heldKey } from "./situation.js";
import { kindInWords, placeInOneLine, timeInWords } from "./words.js";

// `contacts` by site.
export function heldCards(held, contacts) {
  return repeat([...held.values()], heldKey, (each) => heldCard(each, contacts));
}

function heldCard(held, contacts) {
  const kind = kindInWords(held.kind);
  return html`
    <article
      class="held-card"
      data-testid="held-card"
      data-device-id=${held.device_id}
      data-press-id=${held.press_id}
      tabindex="0"
      aria-label=${t("Not yet stored: {kind}, {place}", { kind, place: placeInOneLine(held.place) })}
    >
      <p class="hazard"><strong>${t("NOT YET STORED")}</strong></p>
      <header class="band">
        <h2>${held.drill ? t("{kind} (the button says drill)", { kind }) : kind}</h2>
        <p class="age-since">
          <time data-testid="age" data-since=${held.pressed_at}></time> <span>${t("since the press")}</span>
        </p>
      </header>
      ${placeLines(held.place, { contacts: contacts.get(held.place?.site_id) })}
      <p class="advice">
        ${t(
          "The press is real, but the database is not taking it: it cannot be acknowledged here, and" +
            " the button's lamp does not say that anyone has it.",
        )}
        <strong
          >${t("Act on it now: send help, and write down the place and the time ({at}).", {
            at: timeInWords(held.pressed_at, held.place?.time_zone),
          })}</strong
        >
        ${t("Keep this page open. Tier 1 is being told without the database.")}
      </p>
    </article>
  `;
}
