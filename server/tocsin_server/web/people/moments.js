// Days and times of the jurisdiction, as its clocks on the wall show them.

const DAY_MS = 24 * 3600 * 1000;
const CLOCK = /^([0-9]{1,2})[:.]?([0-5][0-9])$/;

// 2026-11-03, there.
export function dayThere(at, time_zone) {
  const { year, month, day } = parts(new Date(at), time_zone);
  return `${year}-${month}-${day}`;
}

export function addDays(day, n) {
  return new Date(Date.parse(`${day}T00:00:00Z`) + n * DAY_MS).toISOString().slice(0, 10);
}

// "8:00" and "0800" as 08:00; what is no time stays as it is, for the server to say so.
export function tidyClock(given) {
  const read = CLOCK.exec(given.trim());
  return read ? `${read[1].padStart(2, "0")}:${read[2]}` : given.trim();
}

// The moment at which the wall there shows a day and a time; null: that is none. Where it does so
// twice, `last` is the later one. Where it never does, so is it, up to an hour after or before: a span
// from one to the other covers rather too much than too little.
export function momentOf(day, clock, time_zone, { last = false } = {}) {
  const [hours, minutes] = tidyClock(clock).split(":").map(Number);
  const wall_ms = Date.parse(`${day}T00:00:00Z`) + (hours * 60 + minutes) * 60_000;
  if (Number.isNaN(wall_ms)) return null;
  const around = [wall_ms - DAY_MS, wall_ms + DAY_MS];
  const found = around.map((near) => wall_ms - offsetOf(near, time_zone)).sort((a, b) => a - b);
  const right = found.filter((at) => at + offsetOf(at, time_zone) === wall_ms);
  const moments = right.length ? right : found;
  return new Date(last ? moments.at(-1) : moments[0]).toISOString();
}

function offsetOf(at_ms, time_zone) {
  const { year, month, day, hour, minute } = parts(new Date(at_ms), time_zone);
  const wall_ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute));
  return wall_ms - Math.floor(at_ms / 60_000) * 60_000;
}

function parts(date, timeZone) {
  const numbers = { year: "numeric", month: "2-digit", day: "2-digit" };
  const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const format = new Intl.DateTimeFormat("en-US", { timeZone, ...numbers, ...clock });
  return Object.fromEntries(format.formatToParts(date).map(({ type, value }) => [type, value]));
}
