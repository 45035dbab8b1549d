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
        <h1>Floor plans</h1>
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
  return `None yet. With one you tap where each button is. A photo of the escape plan on the wall is
    good enough.`;
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
      label: `Plan of ${plan.title}, with ${places.length} places on it`,
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
        : html`<p class="quiet">No button is on it yet: add one, or open one and tap its spot.</p>`
    }
    ${entrancesInWords(plan, site)}
    <p class="quiet">
      ${wideInWords(plan)} ${plan.here ? `North is known.` : `Where north is, nobody has said.`}
      Added by ${plan.added_by} on ${dayInWords(plan.added_at)}.
    </p>
    ${!may.keep ? nothing : ending ? askToEnd({ plan, planning }) : choices({ plan, planning, site })}
  `;
}

function choices({ plan, planning, site }) {
  const begin = (mode) => () => planning.begin(mode, plan.plan_id);
  return html`
    <div class="plan-acts">
      <button data-testid="set-scale" @click=${begin("scale")}>
        ${plan.metres_wide ? "Measure again" : "Say how large it is"}
      </button>
      <button data-testid="set-position" @click=${begin("position")}>
        ${plan.here ? "Turn it again" : "Say where north is"}
      </button>
      <button data-testid="set-entrances" @click=${() => planning.beginEntrances(plan, site)}>
        ${t("Mark the entrances")}
      </button>
      <button class="plain" data-testid="end-plan" @click=${begin("end")}>Take it away…</button>
    </div>
  `;
}

function askToEnd({ plan, planning }) {
  const busy = planning.busy(plan.plan_id);
  return html`
    <p><b>The spots that were tapped on it go, too.</b> Buttons and rooms stay as they are.</p>
    <div class="plan-acts">
      <button class="primary" data-testid="end-plan-yes" ?disabled=${busy} @click=${() => planning.end()}>
        Take this plan away
      </button>
      <button ?disabled=${busy} @click=${() => planning.begin(null, null)}>Keep it</button>
    </div>
  `;
}

function wideInWords({ metres_wide: metres }) {
  if (!metres) return "How large it is, nobody has said.";
  return `It is ${Math.round(metres / FEET)} feet (${Math.round(metres)} m) wide.`;
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
      ${step(planning, "Tap one end of something whose length you know, such as a wall.", 0)}
      ${step(planning, "Tap its other end.", 1)}
      ${step(planning, "Write how long it is.", 2)}
    </ol>
    ${tappable({ plan, planning, label: "Tap the two ends" })}
    <form class="measure" @submit=${(event) => planning.scale(event)}>
      <label class="field">
        Length
        <input name="distance" inputmode="decimal" required pattern="[0-9]+([.,][0-9]+)?" autocomplete="off" />
      </label>
      <label class="field">
        in
        <select name="unit">
          <option value="feet">feet</option>
          <option value="metres">metres</option>
        </select>
      </label>
      <button class="primary calm" data-testid="save-scale" ?disabled=${!ready || planning.busy(plan.plan_id)}>
        Save
      </button>
      <button type="button" @click=${() => planning.begin(null, null)}>Cancel</button>
    </form>
  `;
}

function position({ plan, planning, site }) {
  const ready = planning.taps.length === 2;
  const placed = Number.isFinite(site.latitude);
  const where = placed ? ` (${site.latitude}, ${site.longitude})` : "";
  return html`
    <ol class="todo">
      ${step(planning, `Tap where the site's own coordinates${where} are: mostly the main door.`, 0)}
      ${step(planning, "Tap any point straight north of there. A phone's compass shows where that is.", 1)}
    </ol>
    ${placed ? nothing : html`<p class="beware">This site has no coordinates yet: write them first.</p>`}
    ${tappable({ plan, planning, label: "Tap the door, then a point north of it" })}
    <div class="plan-acts">
      <button
        class="primary calm"
        data-testid="save-position"
        ?disabled=${!ready || planning.busy(plan.plan_id)}
        @click=${() => planning.position()}
      >
        Save
      </button>
      <button @click=${() => planning.begin(null, null)}>Cancel</button>
    </div>
  `;
}

function add({ planning, plans }) {
  const busy = planning.busy();
  return html`
    <section class="box" data-testid="add-plan">
      <h2>${plans.length ? "Another floor, or a newer plan" : "Add a plan"}</h2>
      <form class="place-form" @submit=${(event) => planning.send(event)}>
        <label class="field">
          Which floor is it?
          <input name="title" required maxlength="200" autocomplete="off" placeholder="Ground floor" list="floors" />
        </label>
        <datalist id="floors">${plans.map((plan) => html`<option value=${plan.title}></option>`)}</datalist>
        <label class="field">
          PNG, JPEG, SVG or PDF, up to 20 MB
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
                Which page of it?
                <input name="page" type="number" min="1" max="10000" value="1" required />
              </label>`
            : nothing
        }
        ${problem(planning.problem())}
        <button class="primary calm wide" data-testid="send-plan" ?disabled=${busy}>
          ${busy ? "Sending and drawing it…" : "Send it"}
        </button>
        ${
          plans.length
            ? html`<p class="quiet">
                A floor that is here already gets the new plan. Where it has the same shape, the spots
                on it stay; where not, they go, and are tapped again.
              </p>`
            : nothing
        }
      </form>
    </section>
  `;
}
