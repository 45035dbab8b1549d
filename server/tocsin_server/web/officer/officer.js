// Keeps the page of one alert up to date, and says in large letters when it is not.
//
// The server draws what changes; here it is only put in place. What was drawn once is no news: it
// stays, and nothing is read aloud anew.

const EVERY_MS = 3000;
const ANSWER_MS_MAX = 5000;
const STALE_MS = 10_000;

let heard_ms = Date.now();
let asking = false;

async function ask() {
  if (asking || document.hidden) return;
  asking = true;
  try {
    const signal = AbortSignal.timeout(ANSWER_MS_MAX);
    const answer = await fetch(`${location.pathname}/now`, { cache: "no-store", signal });
    if (answer.status === 404 || answer.status === 410) location.reload();
    if (answer.ok) put(await answer.text());
  } catch {
    // Whoever looks learns it below, once it has lasted.
  } finally {
    asking = false;
  }
  warn();
}

function put(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("now");
  if (!fresh) return; // whatever it is, it does not say how things stand
  heard_ms = Date.now();
  const shown = document.getElementById("now");
  // The plan and the numbers belong to an alert that is open.
  if (fresh.dataset.standing !== shown.dataset.standing) location.reload();
  else if (fresh.dataset.version === shown.dataset.version) shown.querySelector("[data-age-s]").replaceWith(fresh.querySelector("[data-age-s]"));
  else shown.replaceWith(fresh);
}

function warn() {
  const stale = document.getElementById("stale");
  const is_old = Date.now() - heard_ms > STALE_MS;
  if (is_old && stale.hidden) document.getElementById("heard").textContent = new Date(heard_ms).toLocaleTimeString();
  stale.hidden = !is_old;
}

if (document.getElementById("now")) {
  setInterval(ask, EVERY_MS);
  setInterval(warn, 1000);
  addEventListener("online", ask);
  document.addEventListener("visibilitychange", () => {
    warn(); // it may have lain in a pocket for an hour
    ask();
  });
  ask();
}
