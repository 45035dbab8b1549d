// What another system was told by webhooks, the newest first. The whole list comes at every change.

const list = document.getElementById("hooks");
const none = document.getElementById("hooks-none");
const template = document.getElementById("hook-template");
const shown = new Map();

function entry(taken) {
  const item = template.content.firstElementChild.cloneNode(true);
  item.querySelector("time").textContent = taken.time;
  item.querySelector("code").textContent = taken.event;
  item.querySelector(".demo-drill").hidden = !taken.drill;
  item.querySelector("span").textContent = taken.line;
  item.querySelector("pre").textContent = taken.json;
  return item;
}

function show(all) {
  const wanted = new Set(all.map((taken) => taken.message_id));
  for (const [messageId, item] of shown) {
    if (wanted.has(messageId)) continue;
    item.remove();
    shown.delete(messageId);
  }
  for (const taken of [...all].reverse()) {
    if (shown.has(taken.message_id)) continue;
    shown.set(taken.message_id, entry(taken));
    list.prepend(shown.get(taken.message_id));
  }
  none.hidden = all.length > 0;
}

new EventSource("/demo/webhooks").addEventListener("message", (event) => {
  show(JSON.parse(event.data));
});
