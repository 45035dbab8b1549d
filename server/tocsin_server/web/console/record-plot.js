// One alert as a picture: what happened when, a line for each step and for each message, drawn as SVG
// without a library. The list below it says the same in words.
//
// The axis of time is logarithmic from a little after the press on, so that the first seconds can be read
// beside hours. What came of a message stands at the end of its line.

import { html, nothing, svg } from "../vendor/lit/lit-html.js";
import { t, tHtml } from "./language.js";
import { counted, durationInWords, methodInWords, notificationInWords, purposeInWords } from "./words.js";

const ROWS_MAX = 40; // a taller picture is no picture any more
const NARROW_PX = 640;
const NAME_PX = 290;
const ROW_PX = 26;
const NARROW_ROW_PX = 56; // name and words above the marks
const TOP_PX = 28;
const TICK_GAP_PX = 58;
const CHAR_PX = 6.6; // at most, on the average
const START = t("press");
const START_PX = Math.max(TICK_GAP_PX, START.length * CHAR_PX + TICK_GAP_PX / 3);
const TICKS_S = [
  0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800,
  86_400, 259_200, 864_000,
];
const RESULTS = {
  notification_accepted: "accepted",
  notification_delivered: "delivered",
  notification_undelivered: "undelivered",
  notification_failed: "failed",
  passed_on: "declined",
};
const STEPS = {
  acknowledged: (payload) => `${t("Acknowledged")}${by(payload)}`,
  taken_over: (payload) => `${t("Taken over")}${by(payload)}`,
  responding: (payload) => `${t("On the way")}${by(payload)}`,
  on_scene: (payload) => `${t("On scene")}${by(payload)}`,
  holder_asked: (payload) => t("Still theirs? {name}", { name: payload?.holder ?? "" }),
  climbs_again: () => t("Others are told again"),
  escalated_now: (payload) => `${t("More people wanted")}${by(payload)}`,
  made_actual: (payload) => `${t("Declared real")}${by(payload)}`,
  cancelled_at_button: () => t("Cancelled at the button"),
  resolved: (payload) => `${t("Resolved")}${by(payload)}`,
};

const by = (payload) => (payload?.by ? `: ${payload.by}` : "");

export function recordPicture({ alert, events, width }) {
  const all = rowsOf({ alert, events });
  const rows = all.slice(0, ROWS_MAX);
  const left_out = all.length - rows.length;
  return html`
    <section class="side" data-testid="record-picture">
      <h2>${t("What happened when")}</h2>
      <p class="aside">
        ${tHtml(
          "Time since the press; the first seconds are drawn wider than the later ones. A ring is under way," +
            " a dot came through, a cross did not. Everything is in words under {on_record}.",
          { on_record: html`<em>${t("On record")}</em>` },
        )}
        ${left_out ? counted(left_out, t("more line is there alone."), t("more lines are there alone.")) : nothing}
      </p>
      ${picture({ rows, width })}
    </section>
  `;
}

// A row: its name, its marks in their order, and what is said at the last one.
export function rowsOf({ alert, events }) {
  const after = (at) => Math.max(0, (Date.parse(at) - Date.parse(alert.pressed_at)) / 1000);
  const rows = [{ name: t("Pressed"), sort: "press", marks: [mark("done", 0)] }];
  const again = events.filter((event) => event.name === "pressed_again");
  for (const event of again) rows[0].marks.push(mark("again", after(event.at)));
  if (again.length) rows[0].said = t("again {times}", { times: counted(again.length, t("time"), t("times")) });
  for (const [name, at] of [
    [t("Stored for good"), alert.stored_at],
    [t("On a screen"), alert.shown_at],
  ]) {
    if (at) rows.push({ name, sort: "press", marks: [mark("done", after(at))] });
  }
  const messages = new Map();
  for (const event of events) {
    const at_s = after(event.at);
    if (event.name === "tier_told" || event.name === "nobody_to_tell") {
      rows.push(tierRow(event.payload, at_s));
    } else if (event.name in RESULTS) {
      addToMessage({ messages, rows, event, at_s });
    } else if (event.name in STEPS) {
      const name = STEPS[event.name](event.payload);
      rows.push({ name, sort: "step", marks: [mark("done", at_s)] });
    }
  }
  return rows;
}

const mark = (sign, at_s) => ({ sign, at_s });

function tierRow(payload, at_s) {
  const people = payload?.people ?? [];
  return {
    name: t("Tier {n} told", { n: payload?.tier ?? "?" }),
    sort: "tier",
    marks: [mark("done", at_s)],
    said: people.length > 2 ? counted(people.length, t("person"), t("people")) : people.join(", ") || t("nobody there"),
  };
}

// A new line for each message; a further try, and what is reported later, go to the newest one of that
// person and method. What is reported may also be on record before the answer that the message was
// taken: then that answer goes there, too, and is no news once it has arrived.
function addToMessage({ messages, rows, event, at_s }) {
  const { to, method, purpose, tries } = event.payload ?? {};
  const state = RESULTS[event.name];
  const key = `${to}|${method ?? "?"}|${purpose ?? "page"}`;
  let row = messages.get(key);
  if (!row || (tries === 1 && row.answered)) {
    const name = to ?? event.payload?.by ?? t("Somebody");
    const what = [method && methodInWords(method), purpose && purposeInWords(purpose)];
    row = { name: [name, ...what.filter(Boolean)].join(", "), sort: "message", marks: [], answered: false };
    messages.set(key, row);
    rows.push(row);
  }
  row.answered ||= tries !== undefined;
  const { sign } = row.marks.at(-1) ?? {};
  if (state === "accepted" && sign === "delivered") return;
  if (state !== sign) row.marks.push(mark(state, at_s));
  row.said = notificationInWords({ method, state, purpose }).said;
}

function picture({ rows, width }) {
  const narrow = width < NARROW_PX;
  const left = narrow ? 8 : NAME_PX;
  const right = width - 16;
  const row_px = narrow ? NARROW_ROW_PX : ROW_PX;
  const height = TOP_PX + rows.length * row_px + 8;
  const last_s = Math.max(1, ...rows.flatMap((row) => row.marks.map(({ at_s }) => at_s)));
  const first_s = Math.min(5, Math.max(0.2, last_s / 500));
  const x = (s) => left + (Math.log1p(s / first_s) / Math.log1p(last_s / first_s)) * (right - left);
  return svg`
    <svg class="plot story" width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="img"
      aria-label=${t("What happened when, from the press on. The list under On record says the same")}>
      ${ticks({ x, last_s }).map((s) => tick({ at: x(s), s, height }))}
      ${rows.map((row, n) => drawn({ row, y: TOP_PX + (n + 1) * row_px - 9, x, left, right, narrow, width }))}
    </svg>
  `;
}

// As many as can be read beside each other, from the press on.
function ticks({ x, last_s }) {
  const shown = [0];
  for (const s of TICKS_S) {
    const gap_px = shown.length === 1 ? START_PX : TICK_GAP_PX;
    if (s <= last_s && x(s) - x(shown.at(-1)) >= gap_px) shown.push(s);
  }
  return shown;
}

function tick({ at, s, height }) {
  return svg`
    <line class="tick" x1=${at} x2=${at} y1=${TOP_PX - 8} y2=${height - 4}></line>
    <text class="axis ${s ? "middle" : ""}" x=${at} y="14">${s ? scaleInWords(s) : START}</text>
  `;
}

function scaleInWords(s) {
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${s / 60} min`;
  return s < 86_400 ? `${s / 3600} h` : counted(s / 86_400, t("day"), t("days"));
}

function drawn({ row, y, x, left, right, narrow, width }) {
  const first = x(row.marks[0].at_s);
  const last = x(row.marks.at(-1).at_s);
  const said = saidOf(row);
  const beside = narrow
    ? { x: left, y: y - 14, end: false }
    : { y: y + 4, ...placed({ first, last, left, right, said_px: said.length * CHAR_PX }) };
  const name_px = narrow ? width : NAME_PX;
  return svg`
    <g class="row ${row.sort}" data-testid="picture-row">
      <title>${row.name}${said ? ` ${said}` : ""}</title>
      <text class="name" x=${narrow ? left : 0} y=${narrow ? y - 30 : y + 4}>${short(row.name, name_px)}</text>
      <line class="span" x1=${first} x2=${last} y1=${y} y2=${y}></line>
      ${row.marks.map(({ sign, at_s }) => drawnMark({ sign, x: x(at_s), y }))}
      <text class="said ${beside.end ? "end" : ""}" x=${beside.x} y=${beside.y}>${narrow ? short(said, width) : said}</text>
    </g>
  `;
}

// When the last of it was, and what came of it.
function saidOf({ sort, marks, said }) {
  const { at_s } = marks.at(-1);
  const when = sort === "press" && at_s === 0 ? "" : `+ ${durationInWords(at_s * 1000)}`;
  return [when, said].filter(Boolean).join(", ");
}

// After the marks, else before them, else between them.
function placed({ first, last, left, right, said_px }) {
  if (last + 10 + said_px < right) return { x: last + 10, end: false };
  return { x: (first - 10 - said_px > left ? first : last) - 10, end: true };
}

// By shape: what went wrong is a cross, what is under way a ring, what came through a dot.
function drawnMark({ sign, x, y }) {
  if (sign === "undelivered" || sign === "failed") {
    return svg`<path class="bad" d="M ${x - 5} ${y - 5} l 10 10 m 0 -10 l -10 10"></path>`;
  }
  return svg`<circle class=${sign === "accepted" || sign === "again" ? "ring" : "dot"} cx=${x} cy=${y} r="5"></circle>`;
}

function short(text, width) {
  const most = Math.floor((width - 12) / CHAR_PX);
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
