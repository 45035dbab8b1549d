// The language of this page: the English of its source, or what a catalogue has in its place.
//
// A sentence's English is its key, whole, with {names} for what is put in. A sentence that a
// catalogue does not have, or a catalogue that does not come, is shown in English: nothing waits.
// Before anybody signs in it is the device's language; from then on, that of whoever signed in.

const LANGUAGES = { en: "English", es: "Español" };
const KEPT = "tocsin-language";
const ANEW = "tocsin-begun-anew";
const CATALOGUE_TIMEOUT_MS = 3000;
const SAID_IN_HTML = "[data-said]";

export const language = chosen();
// For dates and numbers, as people in the United States write them.
export const locale = `${language}-US`;
export const languages = Object.entries(LANGUAGES);

// Whether the page before this one had only the wrong language: what it had begun goes on here.
export const begunAnew = isAnew();

// By folder.
const catalogues = language === "en" ? {} : await read();
const catalogue = Object.assign({}, ...Object.values(catalogues));

document.documentElement.lang = language;
for (const element of document.querySelectorAll(SAID_IN_HTML)) {
  element.textContent = parts(element.textContent.trim().replaceAll(/\s+/g, " "), {}).join("");
}

// A sentence in the page's language, as text.
export function t(english, values = {}) {
  return parts(english, values).join("");
}

// The same where what is put in are templates: the parts of the sentence, in their order.
export function tHtml(english, values) {
  return parts(english, values);
}

function parts(english, values) {
  const between = (catalogue[english] ?? english).split(/\{(\w+)\}/);
  return between.map((part, n) => (n % 2 === 1 ? (values[part] ?? `{${part}}`) : part));
}

// Begins the page anew in this language, unless it is in it, or the browser keeps nothing. Says whether.
export function speak(wanted) {
  if (wanted === language || !(wanted in LANGUAGES)) return false;
  try {
    if (localStorage.getItem(KEPT) === wanted) return false;
    localStorage.setItem(KEPT, wanted);
    sessionStorage.setItem(ANEW, wanted);
  } catch {
    return false;
  }
  location.reload();
  return true;
}

function chosen() {
  const asked = navigator.languages.map((each) => each.slice(0, 2));
  return [kept(), ...asked].find((each) => each in LANGUAGES) ?? "en";
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function isAnew() {
  try {
    const was = sessionStorage.getItem(ANEW) === language;
    sessionStorage.removeItem(ANEW);
    return was;
  } catch {
    return false;
  }
}

export const catalogueOf = (folder) => catalogues[folder] ?? {};

// Each page names the folders whose catalogues it needs.
async function read() {
  const folders = document.querySelector("meta[name=catalogues]")?.content.split(" ") ?? [];
  const wanted = folders.map(async (folder) => {
    const signal = AbortSignal.timeout(CATALOGUE_TIMEOUT_MS);
    const response = await fetch(`/static/${folder}/${language}.json`, { signal });
    return response.ok ? response.json() : {};
  });
  const came = await Promise.all(wanted.map((each) => each.catch(() => ({}))));
  return Object.fromEntries(folders.map((folder, n) => [folder, came[n]]));
}
