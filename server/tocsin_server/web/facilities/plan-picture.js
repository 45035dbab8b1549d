// A floor plan with marks on it. A tap gives a point in parts of the picture's width and height, so that
// it holds at any size; whoever has no finger for it moves the mark with the arrow keys.

import { html, nothing, svg } from "../vendor/lit/lit-html.js";
import { t } from "../console/language.js";

const STEP = 0.01;
const MARKS_ACROSS = 28; // side by side; smaller ones are lost on a phone
const CENTRE = { x: 0.5, y: 0.5 };
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// `marks`: points with a `said` (a letter or two) and a `kind`; the last one is what the keys move.
export function planPicture({ plan, marks = [], label, onTap = null }) {
  const { plan_id, width, height } = plan;
  return html`
    <figure class="plan">
      <label class="larger"><input type="checkbox" /> ${t("Larger")}</label>
      <div class="plan-window">
        <svg
          class=${onTap ? "plan-picture tapped" : "plan-picture"}
          data-testid="plan-picture"
          viewBox="0 0 ${width} ${height}"
          role=${onTap ? "application" : "img"}
          tabindex=${onTap ? "0" : nothing}
          aria-label=${label}
          @click=${(event) => onTap?.(partOf(event))}
          @keydown=${(event) => onTap && move(event, marks.at(-1) ?? CENTRE, onTap)}
        >
          <image href="/api/v1/plans/${plan_id}/picture" width=${width} height=${height} />
          ${marks.map((mark) => markOn(plan, mark))}
        </svg>
      </div>
    </figure>
  `;
}

function markOn({ width, height }, { x, y, kind = "spot", said = "" }) {
  const radius = Math.max(width, height) / MARKS_ACROSS;
  return svg`
    <g class="mark ${kind}" data-testid="mark" transform="translate(${x * width} ${y * height}) scale(${radius})">
      ${kind === "door" ? svg`<rect x="-1" y="-1" width="2" height="2" rx="0.3" />` : svg`<circle r="1" />`}
      <text y="0.38">${said}</text>
    </g>
  `;
}

function partOf({ currentTarget, clientX, clientY }) {
  const box = currentTarget.getBoundingClientRect();
  return within({ x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height });
}

function move(event, { x, y }, onTap) {
  const way = MOVES[event.key];
  if (!way) return;
  event.preventDefault();
  onTap(within({ x: x + way[0] * STEP, y: y + way[1] * STEP }));
}

function within({ x, y }) {
  const part = (value) => Math.min(1, Math.max(0, Number(value.toFixed(4))));
  return { x: part(x), y: part(y) };
}
