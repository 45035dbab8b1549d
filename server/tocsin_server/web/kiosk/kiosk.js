// A screen on a wall: a dispatcher's list, live and loud, without anything that acts.
//
// Its link's key makes this browser the screen, once; from then on the cookie does, until somebody
// revokes it, or opens the link in another browser. Then nothing of an alert stays here.

import { html, nothing, render } from "../vendor/lit/lit-html.js";
import { startAges, writeNewAges } from "../console/age.js";
import { alarmOf } from "../console/alarm.js";
import { idle } from "../console/alert-card.js";
import { alertsPage } from "../console/alerts.js";
import { announce, unsay } from "../console/announcement.js";
import { post } from "../console/api.js";
import { startAttention, tellAttention } from "../console/attention.js";
import { drillBanners, faultLines, soundBlocked, staleBanner } from "../console/banners.js";
import { serverNow } from "../console/clock.js";
import { unwell } from "../console/devices.js";
import { t } from "../console/language.js";
import { MapPanel } from "../console/map-panel.js";
import { Muting } from "../console/muting.js";
import { Notices } from "../console/notices.js";
import { Renderer } from "../console/renderer.js";
import { Situation } from "../console/situation.js";
import { blocked, chime, enableSound, soundAlarm, startSound, trySound } from "../console/sound.js";
import { startTitle, tellTitle } from "../console/title.js";
import { Turns } from "../console/turns.js";
import { View } from "../console/view.js";
import { Visit } from "../console/visit.js";
import { wantOf } from "../console/wants.js";
import { counted, kindInWords, placeInOneLine, timeInWords } from "../console/words.js";

const OPEN_AGAIN_MS = 2000;
const IDLE = idle();
const NO_KEYS = {};
const NO_CONTACTS = new Map(); // numbers of people are for those who sit before a console

const root = document.getElementById("kiosk");
const turns = new Turns();
const renderer = new Renderer(turns.owing(draw));
const { changed } = renderer;
const view = new View({ changed, keeps: () => false });
const situation = new Situation();
const notices = new Notices(changed);
const visit = new Visit({
  situation,
  notices,
  changed,
  hooks: { hear, signedIn, signedOut: goDark, forget: () => {}, lineChanged },
});
const map = new MapPanel(changed);
const muting = new Muting({ situation, notices, changed, myName: () => null, sound });

let refused = null; // why the link opens nothing

root.replaceChildren(); // what index.html says until this point is reached
startSound(changed);
startTitle();
startAttention();
startAges();
setInterval(writeClock, 1000);
addEventListener("hashchange", () => location.reload()); // another screen's link is another screen
changed(); // until the server answers, it says that it is asking
begin();

async function begin() {
  const key = location.hash.slice(1);
  try {
    if (key) await post("kiosk", { key });
  } catch (refusal) {
    if (refusal.status === 0 || refusal.status >= 500) {
      setTimeout(begin, OPEN_AGAIN_MS);
      return;
    }
    // Not whole, or revoked; but this browser may be a screen all the same.
    refused = refusal.message;
  }
  history.replaceState(null, "", location.pathname); // nobody reads the key off the wall
  visit.begin();
}

// For a person this page would ring, and count as a screen that is watched, and show nothing.
function signedIn() {
  if (visit.session.role !== "kiosk") visit.live.stop();
  sound();
}

function goDark() {
  situation.forget();
  turns.forget();
  unsay();
  sound();
}

function hear(frame) {
  const doubts_before = situation.doubtful.size;
  const news = situation.apply(frame);
  muting.told();
  sound();
  if (situation.doubtful.size > doubts_before) chime();
  if (news.length) announce(news, (alert) => wantOf(alert, null));
  // Who looks at an alert is news for those who act.
  if (!["pulse", "looking"].includes(frame.type)) changed();
}

function lineChanged() {
  if (!visit.line.up) chime();
  sound();
}

function sound() {
  const count = situation.waitingCount();
  soundAlarm(alarmOf({ ...situation, name: null, now_ms: serverNow() }));
  root.dataset.alarm = count > 0 ? "on" : "off";
  tellTitle({ words: count > 0 ? titleInWords : null, connected: visit.line.up });
  tellAttention({ count, awake: Boolean(visit.session) });
}

function titleInWords() {
  const first = [...situation.held.values()][0] ?? situation.inOrder()[0];
  return `(${situation.waitingCount()}) ${kindInWords(first.kind)}: ${placeInOneLine(first.place)}`;
}

// The wall's own, where every site has the same.
function zone() {
  const zones = new Set(situation.sites.map((site) => site.time_zone));
  return zones.size === 1 ? [...zones][0] : null;
}

function writeClock() {
  const clock = root.querySelector(".wall-clock");
  if (clock) clock.textContent = timeInWords(serverNow(), zone());
}

function draw() {
  render(screen(), root);
  writeNewAges();
  writeClock();
  map.update(situation);
}

function screen() {
  const { session, line, connecting } = visit;
  if (session === undefined) {
    return html`<main class="entrance">
      <p class="starting">
        ${t(
          "Asking the server which screen this is. If this stays, the server does not answer and this screen" +
            " shows no alerts: watch a dispatcher's console.",
        )}
      </p>
    </main>`;
  }
  if (session === null) return darkScreen();
  if (session.role !== "kiosk") return somebodysScreen(session);
  const ordered = situation.inOrder();
  return html`
    <div class="on-top">
      ${bar(session)} ${connecting ? nothing : staleBanner({ ...line, signedOut: false, means: staleMeans() })}
    </div>
    <div class="banners">
      ${soundBlocked({ blocked: blocked(), onEnable: enableSound })} ${muting.lines()}
      ${faultLines(situation.faults)}
      ${drillBanners({ ...situation, acts: null, readOnly: true })}
    </div>
    ${alertsPage({
      ...view.list(ordered, null),
      situation,
      ordered,
      view,
      turns,
      contacts: NO_CONTACTS,
      card: (alert) => ({ alert, doing: IDLE, keys: NO_KEYS, acts: null, readOnly: true, name: null }),
      name: null,
      acts: null,
      readOnly: true,
      up: line.up,
      map: map.template({ sites: situation.sites }),
      onTrySound: trySound,
      thisDevice: nothing,
    })}
  `;
}

function bar(session) {
  const waiting = situation.waitingCount();
  const lost = unwell(situation.devices).filter((device) => device.state !== "never_heard").length;
  return html`
    <header class="top-bar wall-bar" data-testid="wall-bar">
      <p class="wall-name">
        <strong>${session.name}</strong>
        <span>
          ${t("{name}. This screen only shows: act on a dispatcher’s console.", { name: session.jurisdiction_name })}
        </span>
      </p>
      <p class="counts">
        ${waiting ? html`<strong class="count waiting">${t("{n} waiting", { n: waiting })}</strong>` : nothing}
        ${lost ? html`<span class="count">${counted(lost, t("button silent"), t("buttons silent"))}</span>` : nothing}
      </p>
      <p class="wall-clock" aria-hidden="true"></p>
    </header>
  `;
}

function staleMeans() {
  return html`<strong>${t("Alerts may be missing from this screen.")}</strong>
    ${t("It is trying to connect by itself, and will say so when it is back.")}
    ${t("Until then watch a dispatcher’s console.")}`;
}

function darkScreen() {
  return html`<main class="entrance dark" data-testid="dark">
    <h1>${t("This screen shows nothing")}</h1>
    <p role="alert">
      ${
        refused ??
        t(
          "Its link was revoked, or opened in another browser. Then only that one shows alerts. Open the link" +
            " here again, or ask a supervisor for a new one.",
        )
      }
    </p>
    <p>${t("Until then watch a dispatcher’s console.")}</p>
  </main>`;
}

function somebodysScreen(session) {
  return html`<main class="entrance dark" data-testid="somebody">
    <h1>${t("{name} is signed in here", session)}</h1>
    <p role="alert">
      ${
        refused ??
        t("So this is no screen for a wall. Its link has to be opened where nobody is signed in.")
      }
    </p>
    <p><a href="/">${t("Go to the console")}</a></p>
  </main>`;
}
