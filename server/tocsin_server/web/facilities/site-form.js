// The form of a site. Nothing but the name has to be written; what is missing, every alert says.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { fromServer } from "../console/from-server.js";
import { t, tHtml } from "../console/language.js";
import { dayInWords } from "../console/words.js";
import { siteAddress } from "./route.js";
import { problem } from "./site.js";

export function siteForm({ forming }) {
  const { site } = forming;
  const busy = forming.acts.busy(forming.about);
  const wrong = Object.keys(forming.errors).length;
  return html`
    <main class="keeper narrow">
      <p class="back"><a href=${site ? siteAddress(site.site_id) : "#/"}>‹ ${site?.name ?? t("Sites")}</a></p>
      <h1>${site ? t("Change this site") : t("A new site")}</h1>
      <form
        class="place-form site-form"
        novalidate
        @input=${(event) => forming.type(event)}
        @submit=${(event) => forming.submit(event)}
      >
        ${name(forming)} ${onTheMap(forming)} ${county(forming)} ${agency(forming)} ${more(forming)}
        ${wrong ? problem(lookAgain(wrong)) : nothing}
        ${problem(forming.acts.problem(forming.about))}
        <button class="primary calm wide" data-testid="save-site" ?disabled=${busy}>
          ${busy ? t("Saving…") : t("Save")}
        </button>
      </form>
    </main>
  `;
}

function lookAgain(wrong) {
  return wrong === 1
    ? t("Nothing was saved: one field needs another look, above.")
    : t("Nothing was saved: {n} fields need another look, above.", { n: wrong });
}

function field(forming, name, said, { hint, area = false, ...more } = {}) {
  const error = forming.errors[name];
  const value = forming.values[name] ?? "";
  const common = { invalid: error ? "true" : nothing, about: error ? `about-${name}` : nothing };
  return html`
    <div class="with-error">
      <label class="field">
        ${said}
        ${
          area
            ? html`<textarea
                name=${name}
                rows="3"
                .value=${value}
                placeholder=${more.placeholder ?? nothing}
                aria-invalid=${common.invalid}
                aria-describedby=${common.about}
              ></textarea>`
            : html`<input
                name=${name}
                autocomplete="off"
                maxlength=${more.maxlength ?? 200}
                inputmode=${more.inputmode ?? nothing}
                .value=${value}
                placeholder=${more.placeholder ?? nothing}
                aria-invalid=${common.invalid}
                aria-describedby=${common.about}
              />`
        }
      </label>
      ${hint ? html`<p class="quiet">${hint}</p>` : nothing}
      ${error ? html`<p class="problem" id="about-${name}" data-testid="error-${name}">${error}</p>` : nothing}
    </div>
  `;
}

function name(forming) {
  return html`
    ${field(forming, "site_name", t("What do people and police call it?"), {
      placeholder: "Carver Branch Library",
    })}
    ${field(forming, "address", t("Address"), {
      placeholder: "1161 Angelina St, Austin, TX 78702",
      hint: t("As an ambulance needs it."),
    })}
  `;
}

function onTheMap(forming) {
  const { map } = forming;
  return html`
    <fieldset class="group">
      <legend>${t("Where is it on the map?")}</legend>
      <div class="pair">
        ${field(forming, "latitude", t("Latitude"), { placeholder: "30.26990", inputmode: "text" })}
        ${field(forming, "longitude", t("Longitude"), { placeholder: "-97.72430", inputmode: "text" })}
      </div>
      ${
        map === null
          ? html`<button type="button" data-testid="show-map" @click=${() => forming.showMap()}>
              ${t("Pick it on the map")}
            </button>`
          : map === "failed"
            ? html`<p class="problem">${t("The map could not be loaded: write the two numbers.")}</p>`
            : map
      }
      <p class="quiet">
        ${
          map === null
            ? t("Stand at the door. In your phone's map hold a finger on where you are: it shows both numbers.")
            : t(
                "Tap the place. The map knows counties and no streets: two numbers from a phone at the" +
                  " door are better.",
              )
        }
      </p>
    </fieldset>
  `;
}

function county(forming) {
  const { suggestion, values } = forming;
  const taken = suggestion && suggestion.county_fips === values.county_fips;
  return html`
    <fieldset class="group">
      <legend>${t("County")}</legend>
      ${
        suggestion && !taken
          ? html`<div class="suggestion" data-testid="suggestion">
              <p>
                ${tHtml("The coordinates are in {county} ({code}): {caution}.", {
                  county: html`<b>${suggestion.county}, ${suggestion.state}</b>`,
                  code: suggestion.county_fips,
                  caution: fromServer(suggestion.caution),
                })}
              </p>
              <button type="button" data-testid="take-suggestion" @click=${() => forming.take()}>
                ${t("Take this county")}
              </button>
            </div>`
          : nothing
      }
      ${field(forming, "county", t("County"), { placeholder: "Travis County" })}
      <div class="pair">
        ${field(forming, "state", t("State"), { placeholder: "TX", maxlength: 2 })}
        ${field(forming, "county_fips", t("Its FIPS code"), {
          placeholder: "48453",
          maxlength: 5,
          inputmode: "numeric",
        })}
      </div>
      <p class="quiet">
        ${t("The code is the county's number in the census. The coordinates bring it along.")}
      </p>
      ${confirm(forming, "county", ["county", "county_fips", "state"], t("I have checked: this is the county."))}
    </fieldset>
  `;
}

function agency(forming) {
  return html`
    <fieldset class="group">
      <legend>${t("Who comes?")}</legend>
      ${field(forming, "responding_agency", t("Responding agency"), {
        placeholder: "Austin Police Department",
      })}
      ${confirm(forming, "agency", ["responding_agency"], t("I have asked them: they come to this address."))}
    </fieldset>
  `;
}

// Somebody's word for it is shown for as long as what it is for stands as it was.
function confirm(forming, what, columns, said) {
  const { site, values, errors } = forming;
  const by = site?.[`${what}_confirmed_by`];
  const same = columns.every((column) => (site?.[column] ?? "") === (values[column] ?? "").trim());
  const error = errors[`${what}_confirmed_by`];
  if (by && same) {
    const at = dayInWords(site[`${what}_confirmed_at`]);
    return html`<p class="confirmed" data-testid="${what}-confirmed">
      ✓ ${t("Confirmed by {by} on {at}.", { by, at })}
    </p>`;
  }
  return html`
    <label class="check">
      <input type="checkbox" name="${what}_confirmed" .checked=${values[`${what}_confirmed`] === true} />
      ${said}
    </label>
    ${error ? html`<p class="problem" data-testid="error-${what}_confirmed_by">${error}</p>` : nothing}
  `;
}

function more(forming) {
  return html`
    <fieldset class="group">
      <legend>${t("For whoever goes there")}</legend>
      ${field(forming, "opening_hours", t("Opening hours"), {
        placeholder: "Mon-Fri 08:00-17:00; Sat 09:00-12:00",
      })}
      ${field(forming, "entrances", t("Entrances, one a line"), {
        area: true,
        placeholder: t("Main door, Angelina St"),
      })}
      ${field(forming, "contacts", t("Contacts, one a line"), {
        area: true,
        placeholder: t("Sam Novak, caretaker, +15125550190"),
        hint: t("A name, a role, a phone number, with commas between."),
      })}
      ${field(forming, "time_zone", t("Time zone"), {
        placeholder: "America/Chicago",
        hint: t("Only where it isn't the county's own."),
      })}
    </fieldset>
  `;
}
