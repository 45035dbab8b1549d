// The page of those who keep the buttons: built here from its parts, top to bottom.
//
// It shares the console's live line, its requests, its clock and its words. It makes no sound, and a
// reader who keeps the buttons and nothing else is shown tests alone; the server sees to that.

import { html, nothing, render } from "../vendor/lit/lit-html.js";
import { startAges, writeAges } from "../console/age.js";
import { get, post, remove } from "../console/api.js";
import { staleBanner } from "../console/banners.js";
import { Live } from "../console/live.js";
import { Notices } from "../console/notices.js";
import { keepingFocus, Renderer } from "../console/renderer.js";
import { signIn } from "../console/sign-in.js";
import { Situation } from "../console/situation.js";
import { Acts } from "./acts.js";
import { addPage, stepInWords } from "./add.js";
import { buttonPage } from "./button.js";
import { Claiming } from "./claiming.js";
import { Forming } from "./forming.js";
import { mayDrill, mayKeep, mayWatch } from "./may.js";
import { Placing } from "./placing.js";
import { Planning } from "./planning.js";
import { plansPage } from "./plans.js";
import { addAddress, route, siteAddress } from "./route.js";
import { siteForm } from "./site-form.js";
import { sitePage } from "./site.js";
import { sitesPage } from "./sites.js";

const SESSION_RETRY_MS = 2000;
// The first snapshot is usually there sooner; until then the page says that it is loading.
const FIRST_SNAPSHOT_MS = 1500;
// A site that somebody adds comes with no frame: it is asked for.
const SITES_EVERY_MS = 10_000;

const root = document.getElementById("facilities");
const announcement = document.getElementById("announcement");
const renderer = new Renderer(draw);
const { changed } = renderer;
const situation = new Situation();
const notices = new Notices(changed);
const acts = new Acts({ notices, changed, signedOut });
const claiming = new Claiming({ acts, situation, changed });
const placing = new Placing({ acts, changed, reread: readSites });
const planning = new Planning({ acts, changed, reread: readSites });
const forming = new Forming({ acts, situation, changed, saved, home: () => session?.jurisdiction });
const live = new Live({ onFrame: hear, onState: lineChanged, onRefused: lineRefused });

let session; // undefined: not known yet; null: nobody is signed in
let line = { up: false, heard_ms: 0 };
let connecting = false;
let entering = { busy: false, problem: null };
let asking = false; // whether to take the button of this page out
let facts = new Map(); // of sites, by their id: more than the live line says of them

root.replaceChildren(); // what index.html says until this point is reached
startAges();
addEventListener("hashchange", openRoute);
setInterval(readSites, SITES_EVERY_MS);
whoIsThere();

async function whoIsThere() {
  try {
    signedIn(await get("session"));
  } catch (refusal) {
    if (refusal.signedOut) signedOut();
    else setTimeout(whoIsThere, SESSION_RETRY_MS);
  }
  changed();
}

function signedIn(person) {
  if (session && session.jurisdiction !== person.jurisdiction) situation.forget();
  session = person;
  entering = { busy: false, problem: null };
  connecting = line.heard_ms === 0;
  setTimeout(() => {
    connecting = false;
    changed();
  }, FIRST_SNAPSHOT_MS);
  live.start();
  openRoute();
}

function signedOut() {
  session = null;
  live.stop();
  changed();
}

async function submitSignIn(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  entering = { busy: true, problem: null };
  changed();
  try {
    signedIn(await post("session", Object.fromEntries(form)));
  } catch (refusal) {
    entering = { busy: false, problem: refusal.message };
  }
  changed();
}

async function signOut() {
  try {
    await remove("session");
  } catch (refusal) {
    notices.warn(`${refusal.message} You may still be signed in: close the browser.`);
  }
  situation.forget();
  claiming.begin(null);
  forming.close();
  facts = new Map();
  line = { up: false, heard_ms: 0 };
  signedOut();
}

function hear(frame) {
  situation.apply(frame);
  if (frame.type === "snapshot") readSites();
  if (frame.type !== "pulse") changed();
}

async function readSites() {
  if (!session || !line.up || document.hidden) return;
  const answer = await get("sites").catch(() => null); // the line, too, notices and says it
  if (!answer) return;
  situation.sites = answer.sites;
  facts = new Map(answer.sites.map((site) => [site.site_id, site]));
  openForm();
  changed();
}

function lineChanged(state) {
  line = state;
  connecting = false;
  changed();
}

// A socket that never came up does not say why; a plain request does.
function lineRefused() {
  get("session").catch((refusal) => refusal.signedOut && signedOut());
}

function openRoute() {
  const { page, id } = route();
  asking = false;
  readSites();
  if (page === "add" && session) claiming.begin(id);
  if (page === "plans") planning.open(id);
  if (page === "button" && session) placing.open(id);
  openForm();
  scrollTo({ top: 0 });
  changed();
}

// The form of a site that is there needs all that is known of it: it may have to wait for that.
function openForm() {
  const { page, id } = route();
  if (page === "new-site") forming.open(null);
  else if (page === "edit" && facts.has(id)) forming.open(facts.get(id));
  else if (page !== "edit") forming.close();
}

// The form stays until its site is known here.
async function saved({ site_id, warnings }) {
  await readSites();
  location.hash = siteAddress(site_id);
  for (const { message } of warnings) notices.warn(message);
}

async function finish({ next }) {
  const { site_id } = claiming;
  if (!(await claiming.finish())) return;
  location.hash = next ? addAddress(site_id) : siteAddress(site_id);
}

function leave() {
  const { site_id } = claiming;
  claiming.leave();
  location.hash = siteAddress(site_id);
}

function draw() {
  keepingFocus(() => render(screen(), root));
  writeAges();
  const said = session && route().page === "add" ? stepInWords(claiming) : "";
  if (announcement.textContent !== said) announcement.textContent = said;
}

function screen() {
  if (session === undefined) {
    return html`<main class="entrance">
      <p class="starting">Asking the server who is signed in. If this stays, it does not answer.</p>
    </main>`;
  }
  if (session === null) return html`<main class="entrance">${signInForm()}</main>`;
  return html`
    <div class="on-top">
      ${topBar()}
      ${connecting ? nothing : staleBanner({ ...line, signedOut: false, means: staleMeans() })}
    </div>
    ${connecting && line.heard_ms === 0 ? html`<main class="keeper"><p class="lead">Loading…</p></main>` : chosenPage()}
    ${notices.template()}
  `;
}

function signInForm() {
  const what = "For those who put up the buttons and keep them well.";
  return signIn({ ...entering, onSubmit: submitSignIn, ended: false, what });
}

function staleMeans() {
  return html`<strong>What is below may be old: a button that is lost may show as armed.</strong>
    It is trying to connect by itself, and will say so when it is back. Until then, do not press any
    button to test it.`;
}

function topBar() {
  return html`
    <header class="top-bar">
      <p class="house"><strong>Tocsin</strong> <span>${session.jurisdiction_name}</span></p>
      ${mayWatch(session) ? html`<nav aria-label="Pages"><a href="/">Console</a></nav>` : nothing}
      <p class="person">
        <span>${session.name}</span>
        <button class="plain" @click=${signOut}>Sign out</button>
      </p>
    </header>
  `;
}

function chosenPage() {
  const { page, id } = route();
  const may = { keep: mayKeep(session), drill: mayDrill(session) };
  const what = { id, situation, acts, may, up: line.up };
  const site = facts.get(id) ?? situation.sites.find((each) => each.site_id === id);
  switch (page) {
    case "new-site":
    case "edit":
      if (!may.keep || !forming.isOpen) return page === "edit" ? sitePage(what) : sitesPage(what);
      return siteForm({ forming });
    case "plans":
      return site ? plansPage({ planning, site, may }) : sitePage(what);
    case "add":
      if (!site || !may.keep) return sitePage(what);
      return addPage({ claiming, site, acts, onFinish: finish, onLeave: leave });
    case "site":
      return sitePage({ ...what, unfinished: claiming.unfinishedAt(id) });
    case "button":
      return buttonPage({ ...what, asking, onAsk: ask, placing, facts });
    default:
      return sitesPage(what);
  }
}

function ask(wanted) {
  asking = wanted;
  changed();
}
