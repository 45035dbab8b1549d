// What is around a button, for the form that adds one and for its own page: what the place is, what the
// presser sees there, and the spot on a plan. All of it may be left out.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t } from "../console/language.js";
import { planPicture } from "./plan-picture.js";

export const KINDS = new Map([
  ["front_counter", t("Front counter")],
  ["counting_table", t("Counting table")],
  ["other", t("Other")],
]);

// Which room it is, and where in it.
export function roomFields({ room, spot, floor }) {
  return html`
    <label class="field">
      ${t("Room")}
      <input
        name="room"
        required
        maxlength="200"
        autocomplete="off"
        .value=${room ?? ""}
        placeholder=${t("Front counter")}
      />
    </label>
    <label class="field">
      ${t("Spot in the room")}
      <input
        name="spot"
        required
        maxlength="200"
        autocomplete="off"
        .value=${spot ?? ""}
        placeholder=${t("Counter 2, left")}
      />
    </label>
    <label class="field">
      ${t("Floor")}
      <input name="floor" maxlength="200" autocomplete="off" .value=${floor ?? ""} placeholder="1" />
    </label>
  `;
}

// A place in one line, the room first.
export function placeInWords({ room, spot, floor, building }) {
  const level = floor && (/floor|level|basement|ground/i.test(floor) ? floor : t("floor {floor}", { floor }));
  return [room, spot, level, building].filter(Boolean).join(", ") || t("A place without a name");
}

// `spot`: plan_id, and x and y once somebody has tapped; or null.
export function aroundFields({ place, site, spot, onSpot }) {
  return html`
    <fieldset class="choices">
      <legend>${t("What is it?")}</legend>
      ${[...KINDS].map(
        ([kind, said]) => html`
          <label class="choice">
            <input type="radio" name="kind" value=${kind} .checked=${place?.kind === kind} />
            ${said}
          </label>
        `,
      )}
    </fieldset>
    <label class="field">
      ${t("What does the presser see around them?")}
      <input
        name="surroundings"
        maxlength="200"
        autocomplete="off"
        .value=${place?.surroundings ?? ""}
        placeholder=${t("Doors behind you, the stage on the left")}
      />
    </label>
    ${spotField({ plans: site?.plans ?? [], spot, onSpot })}
  `;
}

// What a form with these fields says, as the server takes it.
export function aroundOf(form, spot) {
  return {
    kind: form.get("kind"),
    surroundings: form.get("surroundings").trim() || null,
    on_plan: spot?.x === undefined ? null : spot,
  };
}

function spotField({ plans, spot, onSpot }) {
  if (plans.length === 0) return nothing;
  const plan = plans.length === 1 ? plans[0] : plans.find((each) => each.plan_id === spot?.plan_id);
  const tapped = spot && spot.plan_id === plan?.plan_id && spot.x !== undefined;
  return html`
    <fieldset class="spot-field" data-testid="spot-field">
      <legend>${tapped ? t("Where on the plan?") : t("Where on the plan? Tap the spot.")}</legend>
      ${plans.length > 1 ? choosePlan({ plans, plan, onSpot }) : nothing}
      ${
        plan
          ? planPicture({
              plan,
              label: t("Plan of {title}: tap where the button is", plan),
              marks: tapped ? [spot] : [],
              onTap: (point) => onSpot({ plan_id: plan.plan_id, ...point }),
            })
          : nothing
      }
      ${
        tapped
          ? html`<button type="button" class="plain" data-testid="no-spot" @click=${() => onSpot(null)}>
              ${t("Take the mark away")}
            </button>`
          : nothing
      }
    </fieldset>
  `;
}

function choosePlan({ plans, plan, onSpot }) {
  const chosen = (event) => onSpot(event.target.value ? { plan_id: event.target.value } : null);
  return html`
    <label class="field">
      ${t("Plan")}
      <select @change=${chosen}>
        <option value="">${t("Choose one")}</option>
        ${plans.map(
          (each) => html`
            <option value=${each.plan_id} ?selected=${each === plan}>${each.title}</option>
          `,
        )}
      </select>
    </label>
  `;
}

// The same to read: nothing where nobody has said anything.
export function aroundInWords({ place, site }) {
  const plan = (site?.plans ?? []).find((each) => each.plan_id === place.on_plan?.plan_id);
  return html`
    ${place.kind ? html`<p>${KINDS.get(place.kind)}</p>` : nothing}
    ${place.surroundings ? html`<p>${t("The presser sees: {surroundings}", place)}</p>` : nothing}
    ${
      plan
        ? planPicture({ plan, label: t("Plan of {title}, with the spot", plan), marks: [place.on_plan] })
        : nothing
    }
  `;
}
