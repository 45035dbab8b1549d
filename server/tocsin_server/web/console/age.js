// Ages and countdowns. One timer writes them all, straight into text: five hundred open alerts
// cost a few hundred string comparisons a second, and no page is rendered for it.
//
// An element marked `data-since` counts up from that moment; `data-until` counts down to it, and
// says so when the moment has passed.

import { serverNow } from "./clock.js";
import { ageInWords } from "./words.js";

// A step may run a moment late without meaning anything; the auditor calls 5 s a fault.
const OVERDUE_MS = 5000;

export function startAges() {
  setInterval(writeAges, 500);
}

export function writeAges() {
  const now = serverNow();
  for (const element of document.querySelectorAll("[data-since]")) {
    write(element, ageInWords(now - Date.parse(element.dataset.since)));
  }
  for (const element of document.querySelectorAll("[data-until]")) {
    write(element, countdown(Date.parse(element.dataset.until) - now));
  }
}

function countdown(left_ms) {
  if (left_ms > 0) return `in ${ageInWords(left_ms + 999)}`;
  if (left_ms > -OVERDUE_MS) return "now";
  return `OVERDUE by ${ageInWords(-left_ms)}`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
