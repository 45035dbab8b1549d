// Where on a plan each entrance of its site is: choose one, tap it, and save them all at once.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t } from "../console/language.js";
import { planPicture } from "./plan-picture.js";

// The marks of those entrances that the site still has, with the number that each has in its list.
export function entranceMarks(site, at) {
  return site.entrances.flatMap((name, index) => {
    const point = at(name);
    return point ? [{ ...point, name, said: String(index + 1), kind: "door" }] : [];
  });
}

export function entrancesOn(plan, site) {
  return entranceMarks(site, (name) => plan.entrances.find((each) => each.name === name));
}

export function markEntrances({ plan, planning, site }) {
  if (site.entrances.length === 0) {
    return html`
      <p>${t("This site has no entrances on record yet: write them on the site's own page first.")}</p>
      <div class="plan-acts"><button @click=${() => planning.begin(null, null)}>${t("Back")}</button></div>
    `;
  }
  const { doors, door } = planning;
  const busy = planning.busy(plan.plan_id);
  const marks = entranceMarks(site, (name) => doors.get(name));
  const last = marks.filter(({ name }) => name === door); // what the arrow keys move
  return html`
    <fieldset class="doors">
      <legend>${t("Choose an entrance, then tap on the plan where it is.")}</legend>
      ${site.entrances.map((name, index) => one({ planning, name, number: index + 1 }))}
    </fieldset>
    ${planPicture({
      plan,
      label: t("Tap where this entrance is: {name}", { name: door }),
      marks: [...marks.filter((mark) => !last.includes(mark)), ...last],
      onTap: planning.tapDoor,
    })}
    <div class="plan-acts">
      <button
        class="primary calm"
        data-testid="save-entrances"
        ?disabled=${busy}
        @click=${() => planning.saveDoors()}
      >
        ${t("Save the entrances")}
      </button>
      ${
        doors.has(door)
          ? html`<button data-testid="unmark" ?disabled=${busy} @click=${planning.unmarkDoor}>
              ${t("Take this mark away")}
            </button>`
          : nothing
      }
      <button ?disabled=${busy} @click=${() => planning.begin(null, null)}>${t("Change nothing")}</button>
    </div>
  `;
}

function one({ planning, name, number }) {
  return html`<label>
    <input
      type="radio"
      name="door"
      .checked=${planning.door === name}
      @change=${() => planning.chooseDoor(name)}
    />
    <span>
      <b>${number}</b> ${name}
      <span class="quiet">${planning.doors.has(name) ? t("marked") : t("not marked yet")}</span>
    </span>
  </label>`;
}

// In words beside the plan, with those that are not on it.
export function entrancesInWords(plan, site) {
  if (site.entrances.length === 0) return nothing;
  const marked = entrancesOn(plan, site).map(({ name }) => name);
  return html`
    <h3>${t("Entrances")}</h3>
    <ol class="legend doors" data-testid="entrances">
      ${site.entrances.map(
        (name) =>
          html`<li>
            ${name} ${marked.includes(name) ? nothing : html`<span class="quiet">${t("not on this plan")}</span>`}
          </li>`,
      )}
    </ol>
  `;
}
