// What a browser shows when no server answers: whom to call, as of when that was last known.
//
// Promises: it asks nothing but whether the server is back, shows numbers only with their time, and
// makes way by itself. The numbers were kept by the pages, while somebody was signed in.

import { locale, t } from "../console/language.js?kept"; // as the service worker keeps it

const KEPT = "tocsin-numbers";
const NUMBERS = "/api/v1/phone-numbers";
const ASK_EVERY_MS = 4000;
const ANSWER_WITHIN_MS = 3000;
const OLD_MS = 24 * 3600_000;

setTimeout(ask, ASK_EVERY_MS);
show(await numbers());

async function numbers() {
  const kept = await (await caches.open(KEPT)).match(NUMBERS);
  return kept?.json().catch(() => null);
}

function show(known) {
  if (!known) return;
  const sites = [...known.sites].sort((one, other) => hasNumber(other) - hasNumber(one));
  const title = t("Sites in {jurisdiction}", known);
  document
    .getElementById("numbers")
    .replaceChildren(age(known), section(title, sites.map(site)), onCall(known));
}

function age({ at }) {
  const old = Date.now() - Date.parse(at) > OLD_MS;
  const when = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });
  const said = t("These numbers are as of {at}.", { at: when.format(new Date(at)) });
  return element("p", { className: old ? "age old" : "age" }, [
    old
      ? element("strong", {}, [said, " ", t("That is more than a day ago: some may have changed.")])
      : said,
  ]);
}

function onCall({ on_call_number }) {
  const line = on_call_number
    ? number(on_call_number, t("On call for this system"))
    : element("li", {}, [t("No on-call number is on record.")]);
  return section(t("The system itself"), [line]);
}

function site({ name, address, responding_agency, contacts }) {
  const about = [address, responding_agency ? t("{agency} responds", { agency: responding_agency }) : null];
  const calls = contacts.map((each) => number(each.phone, [each.name, each.role].filter(Boolean).join(", ")));
  return element("li", { className: "site" }, [
    element("h3", {}, [name]),
    element("p", { className: "quiet" }, [about.filter(Boolean).join(" · ")]),
    calls.length
      ? element("ul", { className: "numbers" }, calls)
      : element("p", {}, [t("No telephone number of this site is on record.")]),
  ]);
}

function hasNumber({ contacts }) {
  return contacts.length > 0;
}

function section(title, lines) {
  return element("section", {}, [
    element("h2", {}, [title]),
    element("ul", { className: "numbers" }, lines),
  ]);
}

function number(phone, whose) {
  return element("li", {}, [
    element("a", { className: "number", href: `tel:${phone}` }, [inWords(phone)]),
    " ",
    element("span", {}, [whose]),
  ]);
}

// As people at its end dial it.
function inWords(phone) {
  const [, area, exchange, line] = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(phone) ?? [];
  return area ? `(${area}) ${exchange}-${line}` : phone;
}

function element(name, properties, children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

async function ask() {
  const options = { cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) };
  const answer = await fetch("/healthz", options).catch(() => null);
  if (answer?.ok) {
    location.reload();
    return;
  }
  const now = new Intl.DateTimeFormat(locale, { timeStyle: "medium", hourCycle: "h23" });
  document.getElementById("asked").textContent = t("Last asked at {at}.", { at: now.format(new Date()) });
  setTimeout(ask, ASK_EVERY_MS);
}
