// The page of those who keep the buttons: built here from its parts, top to bottom.
//
// It shares the console's live line, its requests, its clock and its words. It makes no sound, and a
// reader who keeps the buttons and nothing else is shown tests alone; the server sees to that.

import { html, nothing, render } from "../vendor/lit/lit-html.js";
import { startAges, writeNewAges } from "../console/age.js";
import { get } from "../console/api.js";
import { staleBanner } from "../console/banners.js";
import { fromServer } from "../console/from-server.js";
import { t } from "../console/language.js";
import { Notices } from "../console/notices.js";
import { keepingFocus, Renderer } from "../console/renderer.js";
import { signIn } from "../console/sign-in.js";
import { Situation } from "../console/situation.js";
import { pageBar } from "../console/top-bar.js";
import { Visit } from "../console/visit.js";
import { Acts, readLedgers } from "./acts.js";
import { addPage, stepInWords } from "./add.js";
import { buttonPage } from "./button.js";
import { Claiming } from "./claiming.js";
import { Forming } from "./forming.js";
import { importPage } from "./import.js";
import { Importing } from "./importing.js";
import { mayDrill, mayKeep } from "./may.js";
import { Placing } from "./placing.js";
import { Planning } from "./planning.js";
import { plansPage } from "./plans.js";
import { provePage } from "./prove.js";
import { Proving } from "./proving.js";
import { addAddress, buttonAddress, proveAddress, route, siteAddress } from "./route.js";
import { siteForm } from "./site-form.js";
import { sitePage } from "./site.js";
import { sitesPage } from "./sites.js";
import { walkInWords, walkPage } from "./walk.js";
import { Walking } from "./walking.js";

// A site that somebody adds, a false alarm, and work on a site come with no frame: they are asked for.
const READ_EVERY_MS = 10_000;
const LINKS = [{ address: "/people", said: t("People") }];

const root = document.getElementById("facilities");
const announcement = document.getElementById("announcement");
const renderer = new Renderer(draw);
const { changed } = renderer;
const situation = new Situation();
const notices = new Notices(changed);
const hooks = { hear, signedIn: openRoute, forget, inUse: () => walking.test?.is_open };
const visit = new Visit({ situation, notices, changed, hooks });
const acts = new Acts({ notices, changed, signedOut: visit.signedOut });
const claiming = new Claiming({ acts, situation, changed });
const proving = new Proving({ acts, situation, changed });
const placing = new Placing({ acts, notices, changed, reread: readMore });
const planning = new Planning({ acts, changed, reread: readMore });
const forming = new Forming({ acts, situation, changed, saved, home });
const importing = new Importing({ acts, changed, reread: readMore });
const walking = new Walking({ acts, changed });

let asking = false; // whether to take the button of this page out
let facts = new Map(); // of sites, by their id: more than the live line says of them

root.replaceChildren(); // what index.html says until this point is reached
startAges();
addEventListener("hashchange", openRoute);
setInterval(readMore, READ_EVERY_MS);
visit.begin();

function forget() {
  facts = new Map();
  acts.ledgers = new Map();
  acts.works = new Map();
  forming.close();
  claiming.begin(null);
  walking.open(null);
}

function home() {
  return visit.session?.jurisdiction;
}

function hear(frame) {
  situation.apply(frame);
  if (frame.type === "snapshot") readMore();
  walking.heard(frame);
  if (frame.type !== "pulse") changed();
}

async function readMore() {
  if (!visit.session || !visit.line.up || document.hidden) return;
  const { page, id } = route();
  const asked = [get("sites"), readLedgers(page === "button" ? id : null), get("maintenance")];
  // What fails the line, too, notices and says.
  const [sites, read, works] = await Promise.all(asked.map((each) => each.catch(() => null)));
  if (sites) {
    situation.sites = sites.sites;
    facts = new Map(sites.sites.map((site) => [site.site_id, site]));
    openForm();
  }
  if (works) acts.works = new Map(works.maintenance.map((work) => [work.site_id, work]));
  if (read && page !== "button") acts.ledgers = new Map();
  for (const ledger of read?.ledgers ?? []) acts.ledgers.set(ledger.device_id, ledger);
  changed();
}

function openRoute() {
  const { page, id } = route();
  asking = false;
  readMore();
  if (page === "add" && visit.session) claiming.begin(id);
  if (page === "plans") planning.open(id);
  if (page === "import") importing.open();
  if (page === "button" && visit.session) placing.open(id);
  if (page === "prove") proving.open(id);
  walking.open(page === "walk" && visit.session ? id : null);
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
  await readMore();
  location.hash = siteAddress(site_id);
  for (const { message } of warnings) notices.warn(fromServer(message));
}

async function finish({ next }) {
  const { site_id } = claiming;
  if (!(await claiming.finish())) return;
  location.hash = next ? addAddress(site_id) : siteAddress(site_id);
}

async function prove(device_id) {
  proving.open(device_id);
  if (await proving.beginDrill()) location.hash = proveAddress(device_id);
}

async function proven() {
  if (await proving.finish()) location.hash = buttonAddress(proving.device_id);
}

function leave() {
  const { site_id } = claiming;
  claiming.leave();
  location.hash = siteAddress(site_id);
}

function draw() {
  keepingFocus(() => render(screen(), root));
  writeNewAges();
  const said = visit.session ? newsInWords(route().page) : "";
  if (announcement.textContent !== said) announcement.textContent = said;
}

function newsInWords(page) {
  if (page === "add") return stepInWords(claiming);
  if (page === "prove") return stepInWords(proving);
  return page === "walk" ? walkInWords(walking) : "";
}

function screen() {
  const { session, line, connecting } = visit;
  if (session === undefined) {
    return html`<main class="entrance">
      <p class="starting">
        ${t("Asking the server who is signed in. If this stays, it does not answer.")}
      </p>
    </main>`;
  }
  if (session === null) return html`<main class="entrance">${signInForm()}</main>`;
  return html`
    <div class="on-top">
      ${pageBar({ session, label: t("Pages"), links: LINKS, onSignOut: visit.signOut, onLock: visit.lock })}
      ${connecting ? nothing : staleBanner({ ...line, signedOut: false, means: staleMeans() })}
    </div>
    ${connecting && line.heard_ms === 0 ? loading() : chosenPage()}
    ${notices.template()}
  `;
}

function loading() {
  return html`<main class="keeper"><p class="lead">${t("Loading…")}</p></main>`;
}

function signInForm() {
  const what = t("For those who put up the buttons and keep them well.");
  return signIn({ visit, ended: false, what });
}

function staleMeans() {
  return html`<strong>${t("What is below may be old: a button that is lost may show as armed.")}</strong>
    ${t("It is trying to connect by itself, and will say so when it is back.")}
    ${t("Until then, do not press any button to test it.")}`;
}

function chosenPage() {
  const { page, id } = route();
  const may = { keep: mayKeep(visit.session), drill: mayDrill(visit.session) };
  const what = { id, situation, acts, may, up: visit.line.up };
  const site = facts.get(id) ?? situation.sites.find((each) => each.site_id === id);
  switch (page) {
    case "new-site":
    case "edit":
      if (!may.keep || !forming.isOpen) return page === "edit" ? sitePage(what) : sitesPage(what);
      return siteForm({ forming });
    case "import":
      return may.keep ? importPage({ importing }) : sitesPage(what);
    case "plans":
      return site ? plansPage({ planning, site, may }) : sitePage(what);
    case "add":
      if (!site || !may.keep) return sitePage(what);
      return addPage({ claiming, site, acts, onFinish: finish, onLeave: leave });
    case "walk":
      return site ? walkPage({ ...what, site, walking }) : sitePage(what);
    case "site":
      return sitePage({ ...what, unfinished: claiming.unfinishedAt(id) });
    case "button":
      return buttonPage({ ...what, asking, onAsk: ask, placing, facts, onProve: prove });
    case "prove": {
      const device = situation.devices.get(id);
      if (!device || !may.keep) return buttonPage({ ...what, asking, onAsk: ask, placing, facts });
      return provePage({ proving, site: facts.get(device.site_id), acts, onFinish: proven });
    }
    default:
      return sitesPage(what);
  }
}

function ask(wanted) {
  asking = wanted;
  changed();
}
