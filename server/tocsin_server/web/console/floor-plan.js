// The floor plan of where an alert is, with the button's spot and the entrances on it, and the same in
// words.
//
// Asked for by hand, and on the alert's own page. What cannot be read or shown of it is said in its
// place; nothing else of the alert knows of it.

import { html, nothing, svg } from "../vendor/lit/lit-html.js";
import { get } from "./api.js";
import { t } from "./language.js";
import { placeInOneLine, placeInWords } from "./words.js";

// From here on, the plans of alerts that were looked at first are forgotten.
const ALERTS_MAX = 100;
const MARK_PARTS = 26; // of the longer side: a ring that is seen from the next desk

const UNKNOWN = Object.freeze({ isOpen: false, answer: null, problem: null, plan_id: null, unread: null });

export class FloorPlans {
  #known = new Map();

  constructor({ changed, signedOut }) {
    this.changed = changed;
    this.signedOut = signedOut;
  }

  of(alert_id) {
    return this.#known.get(alert_id) ?? UNKNOWN;
  }

  // Somebody else may look next.
  forget() {
    this.#known.clear();
  }

  toggle(alert_id) {
    const isOpen = !this.of(alert_id).isOpen;
    this.#put(alert_id, { isOpen });
    if (isOpen) this.read(alert_id);
  }

  // What was read before stays on the screen meanwhile.
  async read(alert_id) {
    this.#put(alert_id, { problem: null, unread: null });
    try {
      this.#put(alert_id, { answer: await get(`alerts/${encodeURIComponent(alert_id)}/plans`) });
    } catch (refusal) {
      this.#put(alert_id, { problem: refusal.message });
      if (refusal.signedOut) this.signedOut();
    }
  }

  choose(alert_id, plan_id) {
    this.#put(alert_id, { plan_id, unread: null });
  }

  // The picture did not come, or is none.
  unread(alert_id, plan_id) {
    this.#put(alert_id, { unread: plan_id });
  }

  #put(alert_id, fields) {
    const known = { ...this.of(alert_id), ...fields };
    this.#known.delete(alert_id);
    this.#known.set(alert_id, known);
    if (this.#known.size > ALERTS_MAX) this.#known.delete(this.#known.keys().next().value);
    this.changed();
  }
}

// `plan`: what is known; `plans`: the FloorPlans.
export function floorPlan({ alert, plan, plans }) {
  return html`
    <section class="floor-plan" data-testid="floor-plan" data-plan-of=${alert.alert_id}>
      ${content({ alert, plan, plans })}
    </section>
  `;
}

function content(what) {
  try {
    return known(what);
  } catch {
    return words(t("Floor plan"), t("The floor plan cannot be shown here. Nothing else of this alert is affected."));
  }
}

function known({ alert, plan, plans }) {
  const { answer, problem, unread } = plan;
  const again = html`<button @click=${() => plans.read(alert.alert_id)}>${t("Try again")}</button>`;
  if (problem !== null) {
    const said = t("The floor plan cannot be shown now. Nothing else of this alert is affected.");
    return words(t("Floor plan"), `${problem} ${said}`, again);
  }
  if (answer === null) return words(t("Floor plan"), t("Asking the server for the floor plan…"));
  const shown = chosen(alert, plan);
  if (!shown) return words(t("Floor plan"), noPlan(alert));
  const spot = answer.spot?.plan_id === shown.plan_id ? answer.spot : null;
  const heading = t("Floor plan: {title}", { title: shown.title });
  if (unread === shown.plan_id) {
    const said = t("The picture of this plan cannot be read. Nothing else of this alert is affected.");
    return html`${words(heading, said, again)}
      <div class="choices">${floors({ alert, answer, shown, plans })}</div>`;
  }
  return html`
    ${words(heading, inWords({ alert, answer, shown, spot }))}
    <div class="choices">${floors({ alert, answer, shown, plans })} ${larger(spot)}</div>
    ${entrances(answer, shown)} ${picture({ alert, shown, spot, plans })}
  `;
}

function words(heading, said, more = nothing) {
  return html`
    <h3>${heading}</h3>
    <p role="status" data-testid="plan-words">${said}</p>
    ${more}
  `;
}

function noPlan({ place }) {
  return place?.site
    ? t("There is no floor plan of {site} yet.", { site: place.site })
    : t("The place of this button is not known, so there is no floor plan of it.");
}

// The one that was asked for; else the one with the spot; else the one of the floor that is on record.
function chosen({ place }, { answer, plan_id }) {
  const { plans, spot } = answer;
  const by = (id) => plans.find((each) => each.plan_id === id);
  const floor = place?.floor?.toLowerCase();
  return by(plan_id) ?? by(spot?.plan_id) ?? plans.find((each) => each.title.toLowerCase() === floor) ?? plans[0];
}

// What the picture shows, for whoever does not see it.
function inWords({ alert, answer, shown, spot }) {
  const place = placeInOneLine(alert.place);
  if (spot) return `${t("The ring is the button: {place}.", { place })} ${where(spot)}`;
  if (!answer.spot) {
    return t(
      "No spot: nobody has marked where this button is on a plan, or it was moved since the press. " +
        "Look for: {place}.",
      { place: [place, ...placeInWords(alert.place).around.slice(1)].join(", ") },
    );
  }
  const { title } = answer.plans.find((each) => each.plan_id === answer.spot.plan_id) ?? shown;
  return t("The button is not on this floor. It is on the plan “{title}”.", { title });
}

function where({ x, y }) {
  const third = (part) => Math.min(2, Math.floor(part * 3));
  return [
    [t("It is at the upper left of the plan."), t("It is at the top of the plan."), t("It is at the upper right of the plan.")],
    [t("It is at the left of the plan."), t("It is in the middle of the plan."), t("It is at the right of the plan.")],
    [t("It is at the lower left of the plan."), t("It is at the bottom of the plan."), t("It is at the lower right of the plan.")],
  ][third(y)][third(x)];
}

// All of the site; the plan shows the numbers of those that are marked on it.
function entrances({ entrances: names }, shown) {
  if (names.length === 0) return nothing;
  const number = (name) => shown.entrances.find((each) => each.name === name)?.number;
  return html`<ul class="doors" data-testid="entrances" aria-label=${t("Entrances")}>
    ${names.map((name) =>
      number(name)
        ? html`<li><b>${number(name)}</b> ${name}</li>`
        : html`<li>${t("{name} (entrance, not on this plan)", { name })}</li>`,
    )}
  </ul>`;
}

function floors({ alert, answer, shown, plans }) {
  if (answer.plans.length < 2) return nothing;
  return answer.plans.map(({ plan_id, title }) => {
    const said = answer.spot?.plan_id === plan_id ? t("{title}: the button", { title }) : title;
    return html`<button
      aria-pressed=${plan_id === shown.plan_id}
      @click=${() => plans.choose(alert.alert_id, plan_id)}
    >
      ${said}
    </button>`;
  });
}

function larger(spot) {
  return html`<label class="larger">
    <input type="checkbox" @change=${(event) => centre(event.currentTarget, spot)} /> ${t("Larger")}
  </label>`;
}

function picture({ alert, shown, spot, plans }) {
  const { plan_id, title, width, height } = shown;
  const label = t("Plan of {title}", { title });
  return html`
    <div class="plan-window" tabindex="0" role="group" aria-label=${label}>
      <svg class="plan-picture" data-testid="plan-picture" viewBox="0 0 ${width} ${height}" role="img" aria-label=${label}>
        <image
          href="/api/v1/plans/${plan_id}/picture"
          width=${width}
          height=${height}
          @error=${() => plans.unread(alert.alert_id, plan_id)}
        />
        ${shown.entrances.map((each) => door(shown, each))} ${spot ? ring(shown, spot) : nothing}
      </svg>
    </div>
  `;
}

// A door is in the outer wall: its mark stays whole on the plan.
function door({ width, height }, { x, y, number }) {
  const side = Math.max(width, height) / MARK_PARTS;
  const within = (at, length) => Math.min(Math.max(at * length, side), length - side);
  return svg`
    <g class="door" data-testid="door" transform="translate(${within(x, width)} ${within(y, height)}) scale(${side})">
      <rect x="-0.7" y="-0.7" width="1.4" height="1.4" rx="0.2" />
      <text y="0.38">${number}</text>
    </g>
  `;
}

function ring({ width, height }, { x, y }) {
  const radius = Math.max(width, height) / MARK_PARTS;
  return svg`
    <g class="mark" data-testid="mark" transform="translate(${x * width} ${y * height}) scale(${radius})">
      <circle class="halo" r="1" /><circle class="ring" r="1" /><circle class="dot" r="0.2" />
    </g>
  `;
}

// A picture that is larger than its window begins with what is looked for.
function centre(checkbox, spot) {
  const window = checkbox.closest(".floor-plan").querySelector(".plan-window");
  const { x, y } = spot ?? { x: 0.5, y: 0.5 };
  window.scrollLeft = x * window.scrollWidth - window.clientWidth / 2;
  window.scrollTop = y * window.scrollHeight - window.clientHeight / 2;
}
