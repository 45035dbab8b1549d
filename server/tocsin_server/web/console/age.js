// Ages and countdowns. One timer writes them all, straight into text: five hundred open alerts
// cost a few hundred string comparisons a second, and no page is rendered for it.
//
// A `<time>` marked `data-since` counts up from that moment; `data-until` counts down to it, and
// says so when the moment has passed.

import { serverNow } from "./clock.js";
import { t } from "./language.js";
import { ageInWords } from "./words.js";

// A step may run a moment late without meaning anything; the auditor calls 5 s a fault.
const OVERDUE_MS = 5000;
const EVERY_MS = 500;
// In a storm the page is rendered sixty times a second: nobody reads as many ages.
const REST_MS = 100;

// The browser keeps this list by itself; a search of the whole page would cost more than the rest.
const times = document.getElementsByTagName("time");
let written_ms = -Infinity;

export function startAges() {
  setInterval(writeAges, EVERY_MS);
}

// After a rendering, which may have brought new ones; the next beat writes what is passed over.
export function writeNewAges() {
  if (performance.now() - written_ms >= REST_MS) writeAges();
}

function writeAges() {
  const now = serverNow();
  for (const element of [...times]) {
    const { since, until } = element.dataset;
    if (since) write(element, ageInWords(now - Date.parse(since)));
    else if (until) write(element, countdown(Date.parse(until) - now));
  }
  written_ms = performance.now();
}

function countdown(left_ms) {
  if (left_ms > 0) return t("in {time}", { time: ageInWords(left_ms + 999) });
  if (left_ms > -OVERDUE_MS) return t("now");
  return t("OVERDUE by {time}", { time: ageInWords(-left_ms) });
}

// Into the text that is there: a new one would have the browser list all of them anew.
function write(element, text) {
  if (element.firstChild === null) element.textContent = text;
  else if (element.firstChild.data !== text) element.firstChild.data = text;
}
