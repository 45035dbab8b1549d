// The page of who answers: built here from its parts, top to bottom.
//
// It shares the console's live line, its requests, its clock and its words. What it shows is the
// server's, read anew after each change and every while (book.js).

import { html, nothing, render } from "../vendor/lit/lit-html.js";
import { startAges, writeNewAges } from "../console/age.js";
import { post } from "../console/api.js";
import { staleBanner } from "../console/banners.js";
import { t } from "../console/language.js";
import { Notices } from "../console/notices.js";
import { keepingFocus, Renderer } from "../console/renderer.js";
import { signIn } from "../console/sign-in.js";
import { Situation } from "../console/situation.js";
import { pageBar } from "../console/top-bar.js";
import { Visit } from "../console/visit.js";
import { Acts } from "./acts.js";
import { Book } from "./book.js";
import { Drafting } from "./drafting.js";
import { mayRule } from "./may.js";
import { nobodyLines, nowPage } from "./now.js";
import { newPersonPage, personPage } from "./person.js";
import { personListPage } from "./person-list.js";
import { Once, planPage } from "./plan.js";
import { policiesPage, policyPage } from "./policies.js";
import { listAddress, NEW, nowAddress, oneAddress, route } from "./route.js";
import { Screens, screensPage } from "./screens.js";
import { shiftsPage } from "./shifts.js";

const READ_EVERY_MS = 15_000;
const LOOK_EVERY_MS = 3000; // somebody holds a phone, and replies with a code
const LINKS = [{ address: "/facilities", said: t("Sites") }];
const TABS = [
  { page: "now", address: nowAddress, said: t("Now") },
  { page: "people", address: listAddress("people"), said: t("People") },
  { page: "shifts", address: listAddress("shifts"), said: t("Shifts") },
  { page: "policies", address: listAddress("policies"), said: t("Policies") },
  { page: "screens", address: listAddress("screens"), said: t("Screens"), ruled: true },
];

const root = document.getElementById("people");
const announcement = document.getElementById("announcement");
const renderer = new Renderer(draw);
const { changed } = renderer;
const situation = new Situation();
const notices = new Notices(changed);
const hooks = { hear, signedIn: openRoute, forget };
const visit = new Visit({ situation, notices, changed, hooks });
const book = new Book({ changed, signedOut: visit.signedOut });
const acts = new Acts({ book, notices, changed, signedOut: visit.signedOut });
const drafting = new Drafting({ changed });
const once = new Once();
const screens = new Screens({ acts, changed, signedOut: visit.signedOut });

let read_ms = 0;

root.replaceChildren(); // what index.html says until this point is reached
startAges();
addEventListener("hashchange", openRoute);
document.addEventListener("visibilitychange", read);
setInterval(look, LOOK_EVERY_MS);
visit.begin();

function forget() {
  book.forget();
  drafting.close();
  screens.forget();
}

function hear(frame) {
  situation.apply(frame);
  if (frame.type === "snapshot") read();
}

function look() {
  const { page, id } = route();
  const person = page === "people" && book.isRead ? book.person(id) : null;
  const waits = person?.contacts.some((each) => each.code_until && !each.verified_at);
  if (waits || Date.now() - read_ms > READ_EVERY_MS) read();
}

async function read() {
  if (!visit.session || document.hidden) return;
  read_ms = Date.now();
  if (route().page === "screens" && mayRule(visit.session)) screens.read();
  await book.read();
  openDraft();
}

function openRoute() {
  acts.forgetProblems();
  screens.made = null;
  if (route().page !== "shifts") book.day = null; // what is said elsewhere is about this week
  read();
  openDraft();
  scrollTo({ top: 0 });
  changed();
}

// What is changed in a draft stays, also while another page is looked at: a number is mended there.
function openDraft() {
  const { page, id } = route();
  if (page !== "policies" || !book.isRead) return;
  if (id === null) drafting.close();
  else if (id === NEW) drafting.open(null);
  else if (book.policy(id)) drafting.open(book.policy(id));
  drafting.tryAgain();
}

async function save(event) {
  event.preventDefault();
  const { about, policy } = drafting;
  const body = drafting.body({ dry_run: false });
  const said = t("{name} is saved. An open alert keeps its tiers.", { name: body.name });
  const written = await acts.change(about, () => post("policies", body), said);
  if (!written) return;
  drafting.close();
  if (policy) openDraft();
  else location.hash = oneAddress("policies", written.policy_id);
  changed();
}

function draw() {
  keepingFocus(() => render(screen(), root));
  writeNewAges();
  const said = visit.session && book.isRead ? nobodyInWords() : "";
  if (announcement.textContent !== said) announcement.textContent = said;
}

const nobodyInWords = () => book.answering.policies.flatMap(({ outlook }) => outlook.nobody).join(" ");

function screen() {
  const { session, line, connecting } = visit;
  if (session === undefined) {
    return html`<main class="entrance">
      <p class="starting">${t("Asking the server who is signed in. If this stays, it does not answer.")}</p>
    </main>`;
  }
  if (session === null) return html`<main class="entrance">${signInForm()}</main>`;
  return html`
    <div class="on-top">
      ${topBar()} ${connecting ? nothing : staleBanner({ ...line, signedOut: false, means: staleMeans() })}
      ${book.isRead ? nobodyLines(book.answering) : nothing}
    </div>
    ${book.problem && book.isRead && line.up ? html`<p class="problem" role="alert">${book.problem} ${t("What is below may be old.")}</p>` : nothing}
    ${book.isRead ? chosenPage() : loading()} ${notices.template()}
  `;
}

function loading() {
  return html`<main class="keeper">
    ${
      book.problem
        ? html`<p class="problem" role="alert" data-testid="not-read">
            ${book.problem} ${t("Who answers can't be shown now; alerts are not affected.")}
            <button @click=${read}>${t("Try again")}</button>
          </p>`
        : html`<p class="lead">${t("Loading…")}</p>`
    }
  </main>`;
}

function signInForm() {
  const what = t("For whoever plans who answers, and for your own numbers.");
  return signIn({ visit, ended: false, what });
}

function staleMeans() {
  return html`<strong>${t("What is below may be old: somebody else may answer by now.")}</strong>
    ${t("It is trying to connect by itself, and will say so when it is back.")}`;
}

function topBar() {
  const { session } = visit;
  const { page } = route();
  return html`
    ${pageBar({ session, label: t("Other pages"), links: LINKS, onSignOut: visit.signOut, onLock: visit.lock })}
    <nav class="tabs" aria-label=${t("Who answers")}>
      ${TABS.filter((tab) => !tab.ruled || mayRule(session)).map(
        (tab) => html`<a href=${tab.address} aria-current=${tab.page === page ? "page" : nothing}>${tab.said}</a>`,
      )}
    </nav>
  `;
}

function chosenPage() {
  const { page, id } = route();
  const { session } = visit;
  const what = { book, session, acts };
  switch (page) {
    case "people":
      return peoplePage(what, id);
    case "shifts":
      if (id === null) return shiftsPage(what);
      return book.plan(id) ? planPage({ ...what, plan: book.plan(id), once }) : gone(t("There is no such plan"), page);
    case "policies":
      if (id === null) return policiesPage(what);
      if (!drafting.isOf(id) || (id === NEW && !mayRule(session))) return gone(t("There is no such policy"), page);
      return policyPage({ ...what, drafting, sites: situation.sites, onSave: save });
    case "screens":
      return mayRule(session) ? screensPage({ screens, acts, time_zone: book.answering.time_zone }) : nowPage(what);
    default:
      return nowPage(what);
  }
}

function peoplePage(what, id) {
  if (id === NEW && mayRule(what.session)) return newPersonPage(what);
  if (id === null) return personListPage({ ...what, named: named() });
  const person = book.person(id);
  const { time_zone } = book.answering;
  return person ? personPage({ ...what, person, time_zone }) : gone(t("There is no such person"), "people");
}

// Whom a policy names, or a shift: an alert would be sent to them.
function named() {
  const members = book.policies.flatMap(({ tiers }) => tiers.flatMap(({ people }) => people));
  const on = book.shifts.plans.flatMap(({ entries }) => entries.map(({ person_id }) => person_id));
  return new Set([...members, ...on]);
}

function gone(said, page) {
  return html`<main class="keeper">
    <h1>${said}</h1>
    <p class="lead">
      ${t("Somebody may have removed it.")} <a href=${listAddress(page)}>${t("Back to the list")}</a>
    </p>
  </main>`;
}
