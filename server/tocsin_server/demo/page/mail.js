// What the demo's mail server has, the newest first. The whole list comes at every change.

const list = document.getElementById("mail");
const none = document.getElementById("mail-none");
const count = document.getElementById("mail-unread");
const template = document.getElementById("mail-template");
const shown = new Map();

function entry(mail) {
  const item = template.content.firstElementChild.cloneNode(true);
  const details = item.querySelector("details");
  item.querySelector("strong").textContent = mail.subject;
  item.querySelector(".demo-to").textContent = `to ${mail.to}`;
  item.querySelector("time").textContent = mail.time;
  item.querySelector(".demo-mail-text").textContent = mail.text;
  const link = item.querySelector("a");
  link.hidden = !mail.link;
  if (mail.link) link.href = mail.link;
  item.querySelector("small").textContent = mail.link ?? "";
  details.addEventListener("toggle", () => {
    delete details.dataset.unread;
    countUnread();
  }, { once: true });
  return item;
}

function countUnread() {
  const unread = list.querySelectorAll("[data-unread]").length;
  count.textContent = unread > 0 ? `(${unread})` : "";
}

export function showMail(mails) {
  const wanted = new Set(mails.map((mail) => mail.message_id));
  for (const [messageId, item] of shown) {
    if (wanted.has(messageId)) continue;
    item.remove();
    shown.delete(messageId);
  }
  for (const mail of [...mails].reverse()) {
    if (shown.has(mail.message_id)) continue;
    shown.set(mail.message_id, entry(mail));
    list.prepend(shown.get(mail.message_id));
  }
  none.hidden = mails.length > 0;
  countUnread();
}
