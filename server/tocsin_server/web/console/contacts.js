// Whom to call at a site, one tap away.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";

// More would push the next alert off the screen; the others are on the site's own page.
const SHOWN_MAX = 3;

export function contactLinks(contacts) {
  if (!contacts?.length) return nothing;
  const more = contacts.length - SHOWN_MAX;
  return html`<ul class="contacts" data-testid="contacts" aria-label=${t("Whom to call there")}>
    ${contacts.slice(0, SHOWN_MAX).map(
      ({ name, role, phone }) =>
        html`<li>
          <a href="tel:${phone}"
            ><span aria-hidden="true">☎</span> ${[name, role].filter(Boolean).join(", ")}
            <strong>${inGroups(phone)}</strong></a
          >
        </li>`,
    )}
    ${more > 0 ? html`<li class="quiet">${t("and {more} more under Sites", { more })}</li>` : nothing}
  </ul>`;
}

// As it is read aloud, where the country's way to group digits is known.
function inGroups(phone) {
  return phone.replace(/^\+1(\d{3})(\d{3})(\d{4})$/, "+1 $1 $2 $3");
}
