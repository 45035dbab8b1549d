// The demo's desk: shows what the agents drive their lamps to and what arrives on the phones, and
// says where a finger is. It decides nothing: a lamp changes only when a frame says so.

import { showMail } from "./mail.js";

const RECONNECT_MS = 500;

const devices = new Map();
const groups = new Map();
const phones = new Map();
const TITLE = document.title;
let socket = null;
let conditions = {};

function say(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function fromTemplate(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

function addDevice(view) {
  const card = fromTemplate("button-template");
  const button = card.querySelector(".demo-button");
  const lamp = card.querySelector(".demo-lamp");
  button.dataset.deviceId = view.device_id;
  lamp.dataset.deviceId = view.device_id;
  button.textContent = "PRESS";
  button.setAttribute("aria-label", `${view.name}, ${view.place}: press`);
  card.querySelector("h2").textContent = view.name;
  card.querySelector(".demo-place").textContent = view.place;
  fingers(button, view.device_id);
  document.getElementById("buttons").append(card);
  return { lamp, meaning: card.querySelector(".demo-meaning") };
}

// A finger is down from the first contact until the last one ends, wherever it has slid to.
function fingers(button, deviceId) {
  const holding = new Set();
  const move = (finger, isDown) => {
    const wasDown = holding.size > 0;
    if (isDown) holding.add(finger);
    else holding.delete(finger);
    if (holding.size > 0 === wasDown) return;
    button.classList.toggle("down", isDown);
    say({ do: isDown ? "down" : "up", device_id: deviceId });
  };
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    move(event.pointerId, true);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    button.addEventListener(end, (event) => move(event.pointerId, false));
  }
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  button.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (!event.repeat) move(event.key, true);
  });
  button.addEventListener("keyup", (event) => move(event.key, false));
  button.addEventListener("blur", () => {
    for (const finger of [...holding]) move(finger, false);
  });
}

function showDevice(view) {
  if (!devices.has(view.device_id)) devices.set(view.device_id, addDevice(view));
  const { lamp, meaning } = devices.get(view.device_id);
  lamp.dataset.pattern = view.pattern;
  lamp.dataset.lit = String(view.lit);
  if (meaning.textContent !== view.meaning) meaning.textContent = view.meaning;
}

function groupOf({ group }) {
  if (!groups.has(group)) {
    const section = fromTemplate("group-template");
    section.querySelector("h2").textContent = group;
    document.getElementById("phones").append(section);
    groups.set(group, section.querySelector("div"));
  }
  return groups.get(group);
}

function addPhone(view) {
  const card = fromTemplate("phone-template");
  card.dataset.number = view.number;
  card.querySelector("h3").textContent = view.name;
  card.querySelector("header p").textContent = `${view.role} · ${view.number}`;
  const form = card.querySelector("form");
  const input = form.elements.body;
  input.setAttribute("aria-label", `Reply from the phone of ${view.name}`);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!input.value.trim()) return;
    say({ do: "reply", number: view.number, body: input.value });
    input.value = "";
  });
  const condition = card.querySelector("select");
  for (const [value, words] of Object.entries(conditions)) {
    condition.append(new Option(words, value));
  }
  condition.addEventListener("change", () => {
    say({ do: "condition", number: view.number, condition: condition.value });
  });
  groupOf(view).append(card);
  const thread = card.querySelector(".demo-thread");
  keepAtEnd(thread);
  return {
    card,
    name: view.name,
    thread,
    condition,
    call: addCall(card, view.number),
    ringing: false,
    shown: new Map(),
  };
}

// The newest stays in sight when it comes and when a call takes the room, unless somebody reads above.
function keepAtEnd(thread) {
  let atEnd = true;
  const follow = () => {
    if (atEnd) thread.scrollTop = thread.scrollHeight;
  };
  thread.addEventListener("scroll", () => {
    atEnd = thread.scrollHeight - thread.scrollTop - thread.clientHeight < 40;
  });
  new ResizeObserver(follow).observe(thread);
  new MutationObserver(follow).observe(thread, { childList: true, subtree: true });
}

function addCall(card, number) {
  const section = card.querySelector(".demo-call");
  const act = (selector, what) => {
    section.querySelector(selector).addEventListener("click", () => {
      say({ ...what, number, sid: section.dataset.sid });
    });
  };
  act(".demo-answer", { do: "answer" });
  act(".demo-hang-up", { do: "hang_up" });
  for (const { dataset } of section.querySelectorAll("[data-key]")) {
    act(`[data-key="${dataset.key}"]`, { do: "key", key: dataset.key });
  }
  return section;
}

function showCall(phone, call) {
  const section = phone.call;
  section.hidden = !call;
  phone.ringing = Boolean(call?.ringing);
  phone.card.dataset.ringing = String(phone.ringing);
  if (!call) return;
  const answered = section.querySelector(".demo-answer") === document.activeElement;
  section.dataset.sid = call.sid;
  section.querySelector(".demo-call-state").textContent = call.ringing
    ? `${call.caller} is calling`
    : `In a call with ${call.caller}`;
  section.querySelector(".demo-answer").hidden = !call.ringing;
  section.querySelector(".demo-hang-up").textContent = call.ringing ? "Decline" : "Hang up";
  section.querySelector(".demo-keys").hidden = call.ringing;
  section.querySelector(".demo-keys").dataset.awaited = String(call.listening);
  if (answered && !call.ringing) section.querySelector("[data-key]").focus();
  const heard = section.querySelector(".demo-heard");
  heard.hidden = call.ringing;
  const words = [...heard.children].map((line) => line.textContent);
  if (words.join("\n") === call.heard.join("\n")) return;
  const lines = call.heard.map((sentence) => {
    const line = document.createElement("li");
    line.textContent = sentence;
    return line;
  });
  heard.replaceChildren(...lines);
  heard.scrollTop = heard.scrollHeight;
}

// A phone may ring below the edge of a small screen.
function showRinging() {
  const ringing = [...phones.values()].filter((phone) => phone.ringing);
  document.title = ringing.length > 0 ? `Ringing · ${TITLE}` : TITLE;
  const names = ringing.map((phone) => phone.name).join(" and ");
  const bar = document.getElementById("ringing");
  if ((bar.dataset.names ?? "") === names) return;
  bar.dataset.names = names;
  bar.replaceChildren();
  if (ringing.length === 0) return;
  const show = document.createElement("button");
  show.type = "button";
  show.textContent =
    ringing.length > 1 ? `The phones of ${names} ring` : `The phone of ${names} rings`;
  show.addEventListener("click", () => {
    ringing[0].call.scrollIntoView({ block: "center" });
    ringing[0].call.querySelector(".demo-answer").focus({ preventScroll: true });
  });
  bar.append(show);
}

function showPhone(view) {
  if (!phones.has(view.number)) phones.set(view.number, addPhone(view));
  const phone = phones.get(view.number);
  const { thread, condition, shown } = phone;
  condition.value = view.condition;
  showCall(phone, view.call);
  showRinging();
  const wanted = new Set(view.messages.map((message) => message.sid));
  for (const [sid, element] of shown) {
    if (!wanted.has(sid)) {
      element.remove();
      shown.delete(sid);
    }
  }
  for (const message of view.messages) showSms(thread, shown, message);
}

function showSms(thread, shown, message) {
  let element = shown.get(message.sid);
  if (!element) {
    element = document.createElement("li");
    element.className = "demo-sms";
    element.dataset.testid = message.kind === "call" ? "demo-past-call" : "demo-sms";
    element.dataset.kind = message.kind;
    element.dataset.way = message.incoming ? "in" : "out";
    element.append(...linked(message.body), document.createElement("small"));
    shown.set(message.sid, element);
    thread.append(element);
  }
  element.dataset.status = message.status;
  element.querySelector("small").textContent = message.line;
}

// A phone makes web addresses in a text tappable.
function linked(body) {
  return body.split(/(https?:\/\/[^\s]+)/).map((part, n) => {
    if (n % 2 === 0) return document.createTextNode(part);
    const link = document.createElement("a");
    link.href = part;
    link.textContent = part;
    link.target = "_blank";
    link.rel = "noopener";
    return link;
  });
}

function hear(frame) {
  if (frame.type === "snapshot") {
    conditions = frame.conditions;
    frame.devices.forEach(showDevice);
    frame.phones.forEach(showPhone);
    showMail(frame.mails);
    document.getElementById("gone").hidden = true;
  } else if (frame.type === "device") {
    showDevice(frame.device);
  } else if (frame.type === "phone") {
    showPhone(frame.phone);
  } else if (frame.type === "mail") {
    showMail(frame.mails);
  }
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  socket = new WebSocket(`${scheme}//${location.host}/demo/live`);
  socket.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  socket.addEventListener("close", () => {
    document.getElementById("gone").hidden = false;
    setTimeout(connect, RECONNECT_MS);
  });
}

connect();
