// Where, for alerts and held presses alike: the room large, then what leads a stranger there.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { contactLinks } from "./contacts.js";
import { fromServer } from "./from-server.js";
import { tHtml } from "./language.js";
import { placeInWords } from "./words.js";

export function placeLines(place, { href, contacts } = {}) {
  const { big, around, address, county } = placeInWords(place);
  const agency = place?.responding_agency;
  return html`
    <div class="where">
      <p class="room">${href ? html`<a href=${href}>${big[0]}</a>` : big[0]}</p>
      ${big.length > 1 ? html`<p class="spot">${big.slice(1).join(", ")}</p>` : nothing}
      ${around.length ? html`<p class="around">${around.join(" · ")}</p>` : nothing}
      ${
        address || county
          ? html`<p class="address">${[address, county].filter(Boolean).join(" · ")}</p>`
          : nothing
      }
      ${
        agency
          ? html`<p class="agency">
              ${tHtml("Responding agency: {agency}", { agency: html`<strong>${agency}</strong>` })}
            </p>`
          : nothing
      }
      ${contactLinks(contacts)}
      ${
        place?.missing?.length
          ? html`<ul class="missing" data-testid="missing">
              ${place.missing.map((sentence) => html`<li>${fromServer(sentence)}</li>`)}
            </ul>`
          : nothing
      }
    </div>
  `;
}
