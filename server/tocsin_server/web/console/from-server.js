// What the server says in whole English sentences, in the language of this page.
//
// A key of its catalogue is the shape of a sentence, with {names} where the server puts something
// in. Several sentences in one text are looked up one by one, and so is what was put in. What fits
// no shape is shown as it came, and so is everything on an English page, which has no catalogue.

import { catalogueOf, locale } from "./language.js";

const FOLDER = "server";
const GAP = /\{(\w+)\}/;
const SENTENCE_END = /([.!?]) (?=\S)/g;
// What is put in is rarely more than one sentence, and may be nothing.
const WITHIN_ONE = "((?:(?![.!?] \\S)[^])*?)";
const ACROSS = "([^]*?)";
const SENTENCES_MAX = 4; // of one key; beyond it nothing is looked for, however long a text is
const IN_A_LIST = /, | and /;
const KEPT_MAX = 500; // the same sentences are shown again and again
const DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MOMENT = /\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)( [A-Z][a-z]{2} \d{1,2})?(?= \d\d:\d\d)/g;
const DATE = /\b[A-Z][a-z]{2,8} \d{1,2}, \d{4}\b/g;

// The longest literal text comes first: it says most about what is meant.
const shapes = Object.entries(catalogueOf(FOLDER))
  .map(shapeOf)
  .sort((one, other) => other.letters - one.letters);
const known = new Map();

// Compare what the server says before it is put through this.
export function fromServer(english) {
  if (!shapes.length || typeof english !== "string") return english;
  if (!known.has(english)) {
    if (known.size >= KEPT_MAX) known.clear();
    known.set(english, translated(english));
  }
  return known.get(english);
}

function shapeOf([english, said]) {
  const between = english.split(GAP);
  const names = between.filter((_, n) => n % 2 === 1);
  const literals = between.filter((_, n) => n % 2 === 0);
  const patterns = [WITHIN_ONE, ACROSS].map((gap) => new RegExp(`^${literals.map(escaped).join(gap)}$`));
  const longest = literals.reduce((one, other) => (other.length > one.length ? other : one));
  return { patterns, longest, names, said, letters: literals.join("").length };
}

function escaped(literal) {
  return literal.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function translated(text) {
  const one = fitting(text);
  if (one !== null) return one;
  const { said, all } = oneByOne(text);
  return all ? said : (fitting(text, { across: true }) ?? said);
}

function fitting(text, { across = false } = {}) {
  for (const { patterns, longest, names, said } of shapes) {
    const found = text.includes(longest) && patterns[across ? 1 : 0].exec(text);
    if (found) return filled(said, names, found.slice(1).map(putIn));
  }
  return null;
}

function filled(said, names, values) {
  return said
    .split(GAP)
    .map((part, n) => (n % 2 === 1 ? values[names.indexOf(part)] : part))
    .join("");
}

// As many sentences at once as one shape has; the rest after them.
function oneByOne(text) {
  const sentences = text.replaceAll(SENTENCE_END, "$1\n").split("\n");
  const said = [];
  let all = true;
  for (let from = 0; from < sentences.length; ) {
    let found = null;
    let to = Math.min(sentences.length, from + SENTENCES_MAX);
    for (; to > from; to -= 1) {
      found = fitting(sentences.slice(from, to).join(" "));
      if (found !== null) break;
    }
    all &&= found !== null;
    said.push(found ?? sentences[from]);
    from = Math.max(to, from + 1);
  }
  return { said: said.join(" "), all };
}

// Mostly data; else words of the server again, one by one or in a list, or a day.
function putIn(value) {
  const said = translated(value);
  if (said !== value) return said;
  const parts = value.split(IN_A_LIST);
  const words = parts.map((part) => fitting(part) ?? withDays(part));
  if (words.every((word, n) => word === parts[n])) return withDays(value);
  return new Intl.ListFormat(locale).format(words);
}

function withDays(text) {
  return text
    .replaceAll(MOMENT, (_, day, date) => [weekday(day), date ? short(date) : ""].filter(Boolean).join(" "))
    .replaceAll(DATE, (date) => inFull(date));
}

// The first of January 2024 was a Monday.
function weekday(day) {
  return new Date(2024, 0, 1 + DAYS.indexOf(day)).toLocaleDateString(locale, { weekday: "short" });
}

function short(date) {
  return new Date(`${date}, 2024`).toLocaleDateString(locale, { day: "numeric", month: "short" });
}

function inFull(date) {
  const day = new Date(date);
  return Number.isNaN(day.valueOf()) ? date : day.toLocaleDateString(locale, { dateStyle: "long" });
}
