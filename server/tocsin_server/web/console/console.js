// The console: built here from its parts, top to bottom.
//
// A frame from the server changes the situation; that is sounded at once, then rendered; and what
// was painted is told to the server. Sound, title and announcement never wait for the rendering.

import { html, nothing, render } from "../vendor/lit/lit-html.js";
import { Acts } from "./acts.js";
import { startAges, writeNewAges } from "./age.js";
import { alarmOf } from "./alarm.js";
import { alertsPage, waitingLines } from "./alerts.js";
import { announce, unsay } from "./announcement.js";
import { startAttention, tellAttention } from "./attention.js";
import { drillBanners, faultLines, soundBlocked, staleBanner } from "./banners.js";
import { serverNow } from "./clock.js";
import { unwell } from "./devices.js";
import { Fetched } from "./fetched.js";
import { History } from "./history.js";
import { keptLine } from "./kept.js";
import { KeyList } from "./key-list.js";
import { isCommandKey, keyTargets, Mark, moveFocus } from "./keys.js";
import { t } from "./language.js";
import { FIRST_WANTED, latencyPage, latencyPaths } from "./latency.js";
import { lockedLine } from "./locked.js";
import { lookersByAlert, Looking } from "./looking.js";
import { MapPanel } from "./map-panel.js";
import { Muting } from "./muting.js";
import { Notices } from "./notices.js";
import { Painted } from "./painted.js";
import { recordPage } from "./record.js";
import { keepingFocus, Renderer } from "./renderer.js";
import { route } from "./route.js";
import { signIn } from "./sign-in.js";
import { Situation } from "./situation.js";
import { blocked, chime, enableSound, soundAlarm, startSound, trySound } from "./sound.js";
import { SoundCheck } from "./sound-check.js";
import { ThisDevice } from "./this-device.js";
import { startTitle, tellTitle } from "./title.js";
import { topBar } from "./top-bar.js";
import { Turns } from "./turns.js";
import { isAlert, View } from "./view.js";
import { Visit } from "./visit.js";
import { isLoud, wantOf } from "./wants.js";
import { kindInWords, placeInOneLine } from "./words.js";

const root = document.getElementById("console");
const turns = new Turns();
const renderer = new Renderer(turns.owing(draw));
const { changed } = renderer;
const view = new View({ changed, keeps: (alert) => acts.doing(alert.alert_id).panel !== null });
const keyList = new KeyList(changed);
const situation = new Situation();
const notices = new Notices(changed);
const visit = new Visit({
  situation,
  notices,
  changed,
  hooks: {
    hear,
    signedIn: openRoute,
    entered: () => soundCheck.begin(),
    signedOut,
    forget,
    lineChanged,
    locked,
    // Whoever keeps the buttons and nothing else has a page of their own, and sees nothing here.
    elsewhere: (person) => (person.role === "facilities" ? "/facilities" : null),
    meanwhile: ` ${t("No alerts are shown here; watch your phone.")}`,
  },
});
const acts = new Acts({
  situation,
  notices,
  changed,
  signedOut: visit.signedOut,
  myName: () => visit.session?.name ?? t("you"),
});
const painted = new Painted({ send: (message) => visit.live.send(message), root });
const looking = new Looking({ send: (message) => visit.live.send(message) });
const map = new MapPanel(changed);
const record = new Fetched({ changed, signedOut: visit.signedOut });
const history = new History({ changed, signedOut: visit.signedOut });
const latency = {
  report: new Fetched({ changed, signedOut: visit.signedOut }),
  trend: new Fetched({ changed, signedOut: visit.signedOut }),
  groups: new Fetched({ changed, signedOut: visit.signedOut }),
};
const mark = new Mark();
const device = new ThisDevice({ notices, changed });
const soundCheck = new SoundCheck(changed);
const muting = new Muting({ situation, notices, changed, myName, sound });

const NO_KEYS = { a: null, r: null, s: null, e: null, h: null, n: null, p: null, t: null };

let unlocking = false; // whether the form that unlocks this screen is open
let panel_of = null; // the alert whose panel a key has opened, until the keyboard is in it
let plan_of = null; // the alert whose floor plan a key has opened, until it is in sight
let latency_wanted = FIRST_WANTED;
let recorded_version = null;

root.replaceChildren(); // what index.html says until this point is reached
startSound(changed);
startTitle();
startAttention();
startAges();
addEventListener("hashchange", openRoute);
addEventListener("keydown", pressKey);
addEventListener("focusin", changed);
addEventListener("focusout", changed);
addEventListener("resize", changed);
document.addEventListener("visibilitychange", changed);
visit.begin();
device.look();

// Somebody else may look next.
function forget() {
  painted.forget();
  acts.forget();
  unsay();
}

// What is kept from whoever passes by: all but the alerts.
function locked() {
  unlocking = false;
  keyList.close();
  const { page, id } = route();
  if (page !== "alerts" && !situation.alerts.has(id)) location.hash = "#/";
}

function unlock() {
  unlocking = !unlocking;
  changed();
  if (unlocking) requestAnimationFrame(() => root.querySelector(".sign-in [name=password]")?.focus());
}

function signedOut() {
  for (const each of [record, history, ...Object.values(latency), view]) each.forget();
  sound();
}

function hear(frame) {
  const doubts_before = situation.doubtful.size;
  const before = situation.alerts.get(frame.alert?.alert_id);
  const news = situation.apply(frame, myName());
  if (before?.version < frame.alert?.version) tellWhoHasIt(before, frame.alert);
  const offered = news.some((each) => want(each) === "offered");
  if (news.some((each) => want(each) !== "offered")) muting.end();
  muting.told();
  sound();
  if (offered || situation.doubtful.size > doubts_before) chime();
  if (news.length) announce(news, want);
  refreshRecord();
  if (frame.type !== "pulse") changed();
}

function myName() {
  return visit.session?.name ?? null;
}

function want(alert) {
  return wantOf(alert, myName());
}

// The sound has just ended here, or somebody else has what was theirs, for a reason that this
// dispatcher did not see.
function tellWhoHasIt(before, alert) {
  const by = alert.acknowledged_by;
  const was_mine = before.acknowledged_by === myName() && by !== before.acknowledged_by;
  const is_quiet = isLoud(want(before)) && want(alert) === null;
  const asked = acts.doing(alert.alert_id).busy !== null; // then the answer says it
  if (!by || by === myName() || asked || !(was_mine || is_quiet)) return;
  const known = { by, what: `${kindInWords(alert.kind)}, ${placeInOneLine(alert.place)}` };
  if (was_mine) notices.say(t("{by} has it now, and not you any more: {what}.", known));
  else if (before.acknowledged_by === by) notices.say(t("{by} still has it: {what}.", known));
  else notices.say(t("{by} has it: {what}.", known));
}

function lineChanged() {
  if (visit.line.up) looking.tellAgain();
  else chime();
  sound();
}

// Called for every frame, and at the least for every pulse: an alarm becomes more urgent by that.
// What the title says is worked out when it flashes.
function sound() {
  const { session, line } = visit;
  const count = situation.waitingCount(myName());
  const alarm = alarmOf({ ...situation, name: myName(), now_ms: serverNow() });
  const heard = soundAlarm(muting.isOn ? null : alarm);
  root.dataset.alarm = count > 0 ? "on" : "off";
  root.dataset.sound = heard ? `${heard.kind} ${heard.urgency}` : "none";
  tellTitle({ words: count > 0 ? titleInWords : null, connected: line.up || session === null });
  tellAttention({ count, awake: Boolean(session) });
}

function titleInWords() {
  const first = [...situation.held.values()][0] ?? situation.inOrder(myName())[0];
  return `(${situation.waitingCount(myName())}) ${kindInWords(first.kind)}: ${placeInOneLine(first.place)}`;
}

function focusedId() {
  const card = document.activeElement?.closest("[data-alert-id]");
  return card?.dataset.alertId ?? route().id;
}

function targets(ordered) {
  const focused_id = focusedId();
  const keys = keyTargets({ ordered, focused_id, name: myName() });
  mark.moveTo(keys.a, { byHand: keys.a === focused_id });
  return keys;
}

// A key takes nothing that a filter or a fold keeps out of sight.
function withinReach(ordered, { items } = view.list(ordered, myName())) {
  return route().page === "alerts" ? items.filter(isAlert) : ordered;
}

function pressKey(event) {
  if (!isCommandKey(event) || visit.session === null) return;
  const keys = targets(withinReach(situation.inOrder(myName())));
  switch (event.key.toLowerCase()) {
    case "a":
      if (keys.a) takeByKey(keys.a);
      break;
    case "r":
      if (keys.r) acts.respond(keys.r);
      break;
    case "s":
      if (keys.s) acts.arrive(keys.s);
      break;
    case "e":
      if (keys.e) openByKey(keys.e, "escalate");
      break;
    case "h":
      if (keys.h) openByKey(keys.h, "hand-over");
      break;
    case "n":
      if (keys.n) openByKey(keys.n, "note");
      event.preventDefault(); // the letter isn't the note's first
      break;
    case "p":
      if (keys.p) showPlan(keys.p);
      break;
    case "t":
      if (keys.t) acts.makeReal(keys.t);
      break;
    case "j":
      moveFocus(root, 1);
      break;
    case "k":
      moveFocus(root, -1);
      break;
    case "?":
      keyList.toggle();
      break;
    case "escape":
      keyList.close();
      break;
  }
}

// What takes an alert is pressed by somebody who has seen which.
function takeByKey(alert_id) {
  const card = cardOnScreen(alert_id); // on other pages a line on top stands for it
  if (!mark.settled()) {
    notices.say(t("Another alert had just taken the mark. Look, then press A again."));
  } else if (card && !isSeen(card)) {
    card.scrollIntoView({ block: "start" });
    notices.say(t("The alert that A takes was out of sight. Look, then press A again."));
  } else {
    acts.acknowledge(alert_id);
  }
}

// What it is, or the button that takes it.
function isSeen(card) {
  return [...card.querySelectorAll('.band, [data-testid="acknowledge"]')].some((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  });
}

function openByKey(alert_id, panel) {
  acts.togglePanel(alert_id, panel);
  panel_of = alert_id;
  if (!cardOnScreen(alert_id)) location.hash = `#/alerts/${alert_id}`;
}

// An alert's own page has it already.
function showPlan(alert_id) {
  if (!cardOnScreen(alert_id)) location.hash = `#/alerts/${alert_id}`;
  else if (route().page !== "record") acts.plans.toggle(alert_id);
  plan_of = alert_id;
  changed();
}

function revealPlan() {
  if (plan_of === null) return;
  root.querySelector(`[data-plan-of="${plan_of}"]`)?.scrollIntoView({ block: "nearest" });
  const { isOpen, answer, problem } = acts.plans.of(plan_of);
  if (!isOpen || answer || problem) plan_of = null;
}

function cardOnScreen(alert_id) {
  return root.querySelector(`article[data-alert-id="${alert_id}"]`);
}

function focusPanel() {
  if (panel_of === null) return;
  const first = cardOnScreen(panel_of)?.querySelector(".panel [data-first]");
  first?.focus();
  if (first || acts.doing(panel_of).panel === null) panel_of = null;
}

function openRoute() {
  const { page, id, query } = route();
  if (visit.session) {
    if (page === "record") {
      record.want(`alerts/${encodeURIComponent(id)}`);
      acts.plans.read(id);
    }
    if (page === "history") history.show(query);
    if (page === "latency") wantLatency(latency_wanted, { again: true });
  }
  turns.forget();
  scrollTo({ top: 0 });
  changed();
}

// The record page follows its alert: something happened, so there is more on record.
function refreshRecord() {
  const { page, id } = route();
  const version = page === "record" ? situation.alerts.get(id)?.version : null;
  const is_newer = record.answer && version !== recorded_version;
  recorded_version = version;
  if (is_newer && page === "record")
    record.want(`alerts/${encodeURIComponent(id)}`, { again: true });
}

function wantLatency(wanted, how) {
  latency_wanted = wanted;
  for (const [part, path] of Object.entries(latencyPaths(wanted))) latency[part].want(path, how);
  changed();
}

function draw() {
  keepingFocus(() => render(screen(), root));
  focusPanel();
  revealPlan();
  writeNewAges();
  painted.rendered(situation.alerts);
  looking.at(document.hidden ? null : focusedId());
  map.update(situation);
}

function screen() {
  const { session, line, connecting } = visit;
  if (session === undefined) return startingScreen();
  const ordered = situation.inOrder(myName());
  const readOnly = session === null;
  if (readOnly && ordered.length + situation.held.size === 0) {
    return html`<main class="entrance">${signInForm(false)}</main>
      ${notices.template()}`;
  }
  const listed = view.list(ordered, myName());
  const keys = readOnly ? NO_KEYS : targets(withinReach(ordered, listed));
  const { page, id } = route();
  return html`
    <div class="on-top">
      ${topBar({ session, page, situation, unwell: unwell(situation.devices), mute: muteButton(), onSignOut: visit.signOut, onLock: visit.lock })}
      ${connecting ? nothing : staleBanner({ ...line, signedOut: readOnly })}
    </div>
    <div class="banners">
      ${keptLine(session)} ${lockedLine({ session, unlocking, onUnlock: unlock })}
      ${soundBlocked({ blocked: blocked(), onEnable: enableSound })}
      ${muting.lines()}
      ${soundCheck.template({ calm: ordered.length + situation.held.size === 0 })}
      ${faultLines(situation.faults)}
      ${drillBanners({ ...situation, acts, readOnly: readOnly || session.locked })}
      ${
        page === "alerts" || readOnly
          ? nothing
          : waitingLines({ ordered, held: situation.held, but: id, keys, acts, name: myName() })
      }
    </div>
    ${
      readOnly || (session.locked && unlocking)
        ? html`<section class="entrance" aria-label=${t("Sign in")}>${signInForm(readOnly)}</section>`
        : nothing
    }
    ${
      readOnly || page === "alerts"
        ? list({ ordered, listed, keys, readOnly })
        : otherPage({ page, id, keys })
    }
    ${readOnly ? nothing : keyList.template()} ${notices.template()}
  `;
}

function muteButton() {
  return muting.button({ sounding: root.dataset.sound !== "none" });
}

function startingScreen() {
  return html`<main class="entrance">
    <p class="starting">
      ${t(
        "Asking the server who is signed in. If this stays, the server does not answer and this screen" +
          " shows no alerts: watch your phone, and call the sites directly if in doubt.",
      )}
    </p>
  </main>`;
}

function signInForm(ended) {
  return signIn({ visit, ended });
}

function otherPage({ page, id, keys }) {
  switch (page) {
    case "record":
      return recordPage({
        fetched: record,
        live: situation.alerts.get(id),
        card: cardOf(keys, false),
        plans: acts.plans,
        width: plotWidth(),
      });
    case "history":
      return history.template({ sites: situation.sites });
    default:
      return latencyPage({
        ...latency,
        wanted: latency_wanted,
        sites: situation.sites,
        width: plotWidth(),
        onWant: wantLatency,
        onRefused: (refusal) => notices.warn(refusal.message),
      });
  }
}

function list({ ordered, listed, keys, readOnly }) {
  return alertsPage({
    ...listed,
    situation,
    ordered,
    view,
    turns,
    contacts: contactsBySite(),
    card: cardOf(keys, readOnly),
    name: myName(),
    acts,
    readOnly,
    up: visit.line.up,
    map: map.template({ sites: situation.sites }),
    onTrySound: trySound,
    thisDevice: visit.session?.role === "auditor" ? nothing : device.template(),
  });
}

function contactsBySite() {
  return new Map(situation.sites.map((site) => [site.site_id, site.contacts]));
}

function cardOf(keys, readOnly) {
  const contacts = contactsBySite();
  const lookers = lookersByAlert(situation.lookers, myName());
  return (alert) => ({
    alert,
    doing: acts.doing(alert.alert_id),
    keys: Object.fromEntries(
      Object.entries(keys).map(([key, taken]) => [key, taken === alert.alert_id]),
    ),
    acts,
    readOnly,
    name: myName(),
    contacts: contacts.get(alert.place?.site_id),
    lookers: lookers.get(alert.alert_id),
    plan: acts.plans.of(alert.alert_id),
  });
}

// What is left of the window beside the page's and the panel's own margins, up to a legible line.
function plotWidth() {
  return Math.max(260, Math.min(1100, document.documentElement.clientWidth - 64));
}
