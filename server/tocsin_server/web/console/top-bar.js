// The bar that stays on top: how many wait, where else to look, who is signed in.

import { html, nothing } from "../vendor/lit/lit-html.js";
import { t } from "./language.js";
import { hasPasskeys } from "./passkey.js";
import { counted } from "./words.js";

// {alerts}: a language may say otherwise of several alerts than of one.
const PAGES = [
  { page: "alerts", address: "#/", said: t("Alerts") },
  { page: "history", address: "#/history", said: t("Resolved{alerts}", { alerts: "" }) },
  { page: "latency", address: "#/latency", said: t("Latency") },
];

export function topBar({ session, page, situation, unwell, mute, onSignOut, onLock }) {
  return html`
    <header class="top-bar">
      ${house(session)}
      ${session && !session.locked ? pages(page) : nothing}
      <p class="counts">
        ${counts({ situation, unwell, page, name: session?.name ?? null })} ${session && !session.locked ? mute : nothing}
      </p>
      ${session && !session.locked ? person(session, { onSignOut, onLock, calm: situation.waitingCount(session.name) === 0 }) : nothing}
    </header>
  `;
}

// The bar of a page beside the console: no counts, and a way back for whoever may watch.
export function pageBar({ session, label, links, onSignOut, onLock }) {
  const shown = session.role === "facilities" ? links : [{ address: "/", said: t("Console") }, ...links];
  return html`
    <header class="top-bar">
      ${house(session)}
      <nav aria-label=${label}>
        ${shown.map(({ address, said }) => html`<a href=${address}>${said}</a>`)}
      </nav>
      ${person(session, { onSignOut, onLock })}
    </header>
  `;
}

function house(session) {
  return html`<p class="house">
    <strong>Tocsin</strong> <span>${session?.jurisdiction_name ?? ""}</span>
  </p>`;
}

// `calm`: nothing calls for anybody, so there is room and time for what can wait.
function person(session, { onSignOut, onLock, calm = true }) {
  const toAdd = calm && session.second_factor === "offered" && location.pathname !== "/account";
  return html`<p class="person">
    ${toAdd ? html`<a class="to-add" href="/account">${hasPasskeys() ? t("Add a passkey") : t("Set up codes")}</a>` : nothing}
    <a href="/account" aria-label=${t("Account of {name}", session)}><span>${session.name}</span><b>${t("Account")}</b></a>
    <button class="plain" data-testid="lock" @click=${onLock}>${t("Lock")}</button>
    <button class="plain" @click=${onSignOut}>${t("Sign out")}</button>
  </p>`;
}

function pages(current) {
  return html`<nav aria-label=${t("Pages")}>
    ${PAGES.map(
      ({ page, address, said }) =>
        html`<a href=${address} aria-current=${page === current ? "page" : nothing}>${said}</a>`,
    )}
    <a href="/facilities">${t("Sites")}</a>
    <a href="/people">${t("People")}</a>
  </nav>`;
}

function counts({ situation, unwell, page, name }) {
  const waiting = situation.waitingCount(name);
  const doubtful = situation.unseenDoubtful().length;
  const lost = unwell.filter((device) => device.state !== "never_heard").length;
  return html`
    ${waiting ? html`<strong class="count waiting">${t("{n} waiting", { n: waiting })}</strong>` : nothing}
    ${doubtful ? jump({ to: "unverified", said: t("{n} unverified", { n: doubtful }), page }) : nothing}
    ${lost ? jump({ to: "buttons", said: counted(lost, t("button silent"), t("buttons silent")), page }) : nothing}
  `;
}

// Scrolls by hand: the page's address holds which page it is.
function jump({ to, said, page }) {
  if (page !== "alerts") return html`<a class="count" href="#/">${said}</a>`;
  const go = () => document.getElementById(to)?.scrollIntoView({ block: "start" });
  return html`<button class="count" @click=${go}>${said}</button>`;
}
