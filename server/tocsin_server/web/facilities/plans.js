// The floor plans of one site: add one, say how large it is and how it lies, and see the spots on it.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { repeat } from "../vendor/lit/directives/repeat.js";
import { t } from "../console/language.js";
import { dayInWords } from "../console/words.js";
import { entrancesInWords, entrancesOn, markEntrances } from "./entrances.js";
import { planPicture } from "./plan-picture.js";
import { siteAddress } from "./route.js";
import { problem } from "./site.js";

const FEET = 0.3048;

export function plansPage({ planning, site, may }) {
  const plans = site.plans ?? [];
  return html`
    <main class="keeper narrow plans">
      <p class="back"><a href=${siteAddress(site.site_id)}>‹ ${site.name}</a></p>
      <header class="head">
        <h1>${t("Floor plans")}</h1>
        ${plans.length ? nothing : html`<p class="lead">${noPlan()}</p>`}
      </header>
      ${repeat(
        plans,
        (plan) => plan.plan_id,
        (plan) => onePlan({ plan, planning, site, may }),
      )}
      ${may.keep && planning.mode === null ? add({ planning, plans }) : nothing}
    </main>
  `;
}

function noPlan() {
  return t(
    "None yet. With one you tap where each button is. A photo of the escape plan on the wall is " +
      "good enough.",
  );
}

function onePlan({ plan, planning, site, may }) {
  const mode = planning.plan_id === plan.plan_id ? planning.mode : null;
  return html`
    <section class="box" data-testid="plan" data-title=${plan.title}>
      <h2>${plan.title}</h2>
      ${
        mode === "scale"
          ? scale({ plan, planning })
          : mode === "position"
            ? position({ plan, planning, site })
            : mode === "entrances"
              ? markEntrances({ plan, planning, site })
              : look({ plan, planning, site, may, ending: mode === "end" })
      }
      ${problem(planning.problem(plan.plan_id))}
    </section>
  `;
}

function look({ plan, planning, site, may, ending }) {
  const places = (site.places ?? []).filter((place) => place.on_plan?.plan_id === plan.plan_id);
  return html`
    ${planPicture({
      plan,
      label: t("Plan of {title}, with {places} places on it", { ...plan, places: places.length }),
      marks: [
        ...entrancesOn(plan, site),
        ...places.map((place, index) => ({ ...place.on_plan, said: String(index + 1) })),
      ],
    })}
    ${
      places.length
        ? html`<ol class="legend">
            ${places.map((place) => html`<li>${[place.room, place.spot].filter(Boolean).join(", ")}</li>`)}
          </ol>`
        : html`<p class="quiet">${t("No button is on it yet: add one, or open one and tap its spot.")}</p>`
    }
    ${entrancesInWords(plan, site)}
    <p class="quiet">
      ${wideInWords(plan)} ${plan.here ? t("North is known.") : t("Where north is, nobody has said.")}
      ${t("Added by {added_by} on {day}.", { ...plan, day: dayInWords(plan.added_at) })}
    </p>
    ${!may.keep ? nothing : ending ? askToEnd({ plan, planning }) : choices({ plan, planning, site })}
  `;
}

function choices({ plan, planning, site }) {
  const begin = (mode) => () => planning.begin(mode, plan.plan_id);
  return html`
    <div class="plan-acts">
      <button data-testid="set-scale" @click=${begin("scale")}>
        ${plan.metres_wide ? t("Measure again") : t("Say how large it is")}
      </button>
      <button data-testid="set-position" @click=${begin("position")}>
        ${plan.here ? t("Turn it again") : t("Say where north is")}
      </button>
      <button data-testid="set-entrances" @click=${() => planning.beginEntrances(plan, site)}>
        ${t("Mark the entrances")}
      </button>
      <button class="plain" data-testid="end-plan" @click=${begin("end")}>${t("Take it away…")}</button>
    </div>
  `;
}

function askToEnd({ plan, planning }) {
  const busy = planning.busy(plan.plan_id);
  return html`
    <p><b>${t("The spots that were tapped on it go, too.")}</b> ${t("Buttons and rooms stay as they are.")}</p>
    <div class="plan-acts">
      <button class="primary" data-testid="end-plan-yes" ?disabled=${busy} @click=${() => planning.end()}>
        ${t("Take this plan away")}
      </button>
      <button ?disabled=${busy} @click=${() => planning.begin(null, null)}>${t("Keep it")}</button>
    </div>
  `;
}

function wideInWords({ metres_wide: metres }) {
  if (!metres) return t("How large it is, nobody has said.");
  return t("It is {feet} feet ({metres} m) wide.", {
    feet: Math.round(metres / FEET),
    metres: Math.round(metres),
  });
}

function tappable({ plan, planning, label }) {
  const marks = planning.taps.map((tap, index) => ({ ...tap, said: String(index + 1) }));
  return planPicture({ plan, label, marks, onTap: planning.tap });
}

// The one that is next, and what was tapped.
function step(planning, said, index) {
  const current = planning.taps.length === index ? "step" : nothing;
  return html`<li class=${planning.taps.length > index ? "done" : ""} aria-current=${current}>${said}</li>`;
}

function scale({ plan, planning }) {
  const ready = planning.taps.length === 2;
  return html`
    <ol class="todo">
      ${step(planning, t("Tap one end of something whose length you know, such as a wall."), 0)}
      ${step(planning, t("Tap its other end."), 1)}
      ${step(planning, t("Write how long it is."), 2)}
    </ol>
    ${tappable({ plan, planning, label: t("Tap the two ends") })}
    <form class="measure" @submit=${(event) => planning.scale(event)}>
      <label class="field">
        ${t("Length")}
        <input name="distance" inputmode="decimal" required pattern="[0-9]+([.,][0-9]+)?" autocomplete="off" />
      </label>
      <label class="field">
        ${t("in")}
        <select name="unit">
          <option value="feet">${t("feet")}</option>
          <option value="metres">${t("metres")}</option>
        </select>
      </label>
      <button class="primary calm" data-testid="save-scale" ?disabled=${!ready || planning.busy(plan.plan_id)}>
        ${t("Save")}
      </button>
      <button type="button" @click=${() => planning.begin(null, null)}>${t("Cancel")}</button>
    </form>
  `;
}

function position({ plan, planning, site }) {
  const ready = planning.taps.length === 2;
  const placed = Number.isFinite(site.latitude);
  const door = placed
    ? t("Tap where the site's own coordinates ({latitude}, {longitude}) are: mostly the main door.", site)
    : t("Tap where the site's own coordinates are: mostly the main door.");
  const north = t("Tap any point straight north of there. A phone's compass shows where that is.");
  return html`
    <ol class="todo">
      ${step(planning, door, 0)}
      ${step(planning, north, 1)}
    </ol>
    ${
      placed
        ? nothing
        : html`<p class="beware">${t("This site has no coordinates yet: write them first.")}</p>`
    }
    ${tappable({ plan, planning, label: t("Tap the door, then a point north of it") })}
    <div class="plan-acts">
      <button
        class="primary calm"
        data-testid="save-position"
        ?disabled=${!ready || planning.busy(plan.plan_id)}
        @click=${() => planning.position()}
      >
        ${t("Save")}
      </button>
      <button @click=${() => planning.begin(null, null)}>${t("Cancel")}</button>
    </div>
  `;
}

function add({ planning, plans }) {
  const busy = planning.busy();
  return html`
    <section class="box" data-testid="add-plan">
      <h2>${plans.length ? t("Another floor, or a newer plan") : t("Add a plan")}</h2>
      <form class="place-form" @submit=${(event) => planning.send(event)}>
        <label class="field">
          ${t("Which floor is it?")}
          <input
            name="title"
            required
            maxlength="200"
            autocomplete="off"
            placeholder=${t("Ground floor")}
            list="floors"
          />
        </label>
        <datalist id="floors">${plans.map((plan) => html`<option value=${plan.title}></option>`)}</datalist>
        <label class="field">
          ${t("PNG, JPEG, SVG or PDF, up to 20 MB")}
          <input
            name="file"
            type="file"
            required
            accept=".png,.jpg,.jpeg,.svg,.pdf,image/png,image/jpeg,image/svg+xml,application/pdf"
            @change=${(event) => planning.chosen(event)}
          />
        </label>
        ${
          planning.pages
            ? html`<label class="field">
                ${t("Which page of it?")}
                <input name="page" type="number" min="1" max="10000" value="1" required />
              </label>`
            : nothing
        }
        ${problem(planning.problem())}
        <button class="primary calm wide" data-testid="send-plan" ?disabled=${busy}>
          ${busy ? t("Sending and drawing it…") : t("Send it")}
        </button>
        ${
          plans.length
            ? html`<p class="quiet">
                ${t(
                  "A floor that is here already gets the new plan. Where it has the same shape, the spots " +
                    "on it stay; where not, they go, and are tapped again.",
                )}
              </p>`
            : nothing
        }
      </form>
    </section>
  `;
}
