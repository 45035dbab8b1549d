// Shows alerts on this device, also while no page of Tocsin is open, and tells the server that it
// did. Its button takes the alert, where the person it was sent to is signed in. Anywhere else, and
// wherever else it is tapped, it opens the page of the alert.
//
// And where a page is opened while no server answers, it shows whom to call instead (offline/).

const WORDS = {
  en: { take: "I have it", unread: "A message of Tocsin could not be read: open the console now." },
  es: { take: "Yo la atiendo", unread: "No se pudo leer un mensaje de Tocsin: abra la consola." },
};
const URGENT_VIBRATION_MS = [400, 150, 400, 150, 800];

const OFFLINE = "/static/offline/";
// The query keeps its language.js apart from that of the other pages, which is never an older one.
const OFFLINE_FILES = [
  ...["index.html", "offline.css", "offline.js", "es.json"].map((name) => OFFLINE + name),
  "/static/console/language.js?kept",
];
const KEPT = "tocsin-offline";
const PAGES = ["/", "/facilities", "/people"];
const ANSWER_WITHIN_MS = 8000;
const TAKE_WITHIN_MS = 3000;
const SERVER_IS_AWAY = [502, 503, 504]; // as a proxy before it says

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(keepOfflinePage());
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("push", (event) => event.waitUntil(hear(event.data)));
self.addEventListener("notificationclick", (event) => {
  const { action, notification } = event;
  notification.close();
  event.waitUntil(action === "take" ? take(notification) : open(notification.data.path));
});
self.addEventListener("fetch", (event) => {
  const { mode, method, url } = event.request;
  const { pathname, search } = new URL(url);
  if (OFFLINE_FILES.includes(pathname + search)) event.respondWith(kept(event.request));
  else if (mode === "navigate" && method === "GET" && PAGES.includes(pathname)) {
    const page = fetch(event.request);
    event.respondWith(orOfflinePage(page));
    event.waitUntil(page.then(keepOfflinePage).catch(() => {}));
  }
});

async function orOfflinePage(page) {
  const late = new Promise((resolve) => {
    setTimeout(resolve, ANSWER_WITHIN_MS, null);
  });
  const answer = await Promise.race([page, late]).catch(() => null);
  if (answer && !SERVER_IS_AWAY.includes(answer.status)) return answer;
  return (await caches.match(`${OFFLINE}index.html`)) ?? page;
}

// What is not kept is not waited for: without its catalogue the page is in English at once.
async function kept(request) {
  return (await caches.match(request)) ?? Response.error();
}

// Anew whenever a page was loaded, so that it is of the same release.
async function keepOfflinePage() {
  const cache = await caches.open(KEPT);
  await cache.addAll(OFFLINE_FILES.map((file) => new Request(file, { cache: "no-cache" })));
}

async function hear(data) {
  const message = read(data);
  const words = WORDS[message.language] ?? WORDS.en;
  await self.registration.showNotification(message.title, {
    body: message.body,
    lang: message.language,
    tag: message.tag,
    renotify: message.tag !== "",
    requireInteraction: message.urgent,
    vibrate: message.urgent ? URGENT_VIBRATION_MS : [],
    icon: "/static/console/icon-192.png",
    data: { path: message.path },
    actions: message.answers ? [{ action: "take", title: words.take }] : [],
  });
  if (message.answers) await tellReceived(message.path);
}

// A browser takes alerts away from a worker that shows nothing: what can't be read says so.
function read(data) {
  try {
    const { title, body, url, urgent, tag, language } = data.json();
    if (typeof title === "string" && typeof tag === "string") {
      const path = url ? new URL(url).pathname : "/";
      return { title, body, path, answers: Boolean(url), urgent, tag, language };
    }
  } catch {
    // It goes on as below.
  }
  const unread = { title: "Tocsin", body: WORDS.en.unread, language: "en", tag: "" };
  return { ...unread, path: "/", answers: false, urgent: true };
}

const keyOf = (path) => path.split("/").pop();

async function tellReceived(path) {
  await fetch("/api/v1/push/received", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key: keyOf(path) }),
  }).catch(() => {}); // it is shown all the same, and the server takes its other ways
}

// A browser lets a tap open a page for a few seconds only.
async function take({ title, lang, tag, data }) {
  const message = await taken(data.path).catch(() => null);
  if (message === null) return open(data.path);
  const said = { body: title, lang, tag, icon: "/static/console/icon-192.png", data };
  return self.registration.showNotification(message, said);
}

async function taken(path) {
  const response = await fetch("/api/v1/me/take", {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key: keyOf(path) }),
    signal: AbortSignal.timeout(TAKE_WITHIN_MS),
  });
  return response.ok ? (await response.json()).message : null;
}

async function open(path) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = pages.find((page) => new URL(page.url).pathname === path);
  await (there ? there.focus() : self.clients.openWindow(path));
}
