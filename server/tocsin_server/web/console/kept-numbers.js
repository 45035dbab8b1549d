// The telephone numbers that this browser keeps for when no server answers (offline/offline.js).
//
// Promises: they are those of whoever is signed in, at most ten minutes old while a page is open, and
// gone once nobody is. A browser that keeps nothing loses nothing else.

const KEPT = "tocsin-numbers";
const NUMBERS = "/api/v1/phone-numbers";
const KEEP_EVERY_MS = 10 * 60_000;

let keeping = null;

export function keepNumbers() {
  if (!canKeep() || keeping !== null) return;
  navigator.serviceWorker.register("/service-worker.js").catch(() => {});
  keeping = setInterval(keep, KEEP_EVERY_MS);
  keep();
}

export function forgetNumbers() {
  if (!canKeep()) return;
  clearInterval(keeping);
  keeping = null;
  caches.delete(KEPT).catch(() => {});
}

async function keep() {
  try {
    const answer = await fetch(NUMBERS, { credentials: "same-origin", cache: "no-store" });
    if (!answer.ok || keeping === null) return;
    await (await caches.open(KEPT)).put(NUMBERS, answer);
    if (keeping === null) forgetNumbers(); // meanwhile somebody signed out
  } catch {
    // What was kept before stands, and says from when it is.
  }
}

function canKeep() {
  return "serviceWorker" in navigator && "caches" in globalThis;
}
