// Which alert each key would take, decided before the key is pressed so that the page can show it.

import { isPractice } from "./situation.js";
import { mayArrive, mayHandOver, mayRespond, wantOf } from "./wants.js";

// A mark that jumped to another alert this recently has not been read yet: the key is refused.
const MARK_SETTLES_MS = 500;

// `ordered` is the list as shown; `focused_id` the card that has the keyboard, if any.
export function keyTargets({ ordered, focused_id, name }) {
  const focused = ordered.find((alert) => alert.alert_id === focused_id) ?? null;
  const first = (wanted) => (focused && wanted(focused) ? focused : (ordered.find(wanted) ?? null));
  const mine = (may) => {
    if (focused && may(focused, name)) return focused;
    return ordered.find((each) => each.acknowledged_by === name && may(each, name)) ?? null;
  };
  const a = first((alert) => wantOf(alert, name) !== null);
  const t = a && a.drill ? a : first((alert) => alert.drill);
  const any = (mine(() => true) ?? a)?.alert_id ?? null;
  return {
    a: a?.alert_id ?? null,
    r: mine(mayRespond)?.alert_id ?? null,
    s: mine(mayArrive)?.alert_id ?? null,
    e: any,
    h: mine(mayHandOver)?.alert_id ?? null,
    n: any,
    p: any,
    t: t && isPractice(t) ? t.alert_id : null,
  };
}

// Remembers when the mark of `A` moved from one alert to another by itself: because a new alert
// came, or because the one before was taken. Where the dispatcher put it, it is settled at once.
export class Mark {
  #on = null;
  #moved_ms = -Infinity;

  moveTo(alert_id, { byHand }) {
    if (alert_id === this.#on) {
      if (byHand) this.#moved_ms = -Infinity;
      return;
    }
    const by_itself = this.#on !== null && alert_id !== null && !byHand;
    this.#moved_ms = by_itself ? performance.now() : -Infinity;
    this.#on = alert_id;
  }

  settled() {
    return performance.now() - this.#moved_ms >= MARK_SETTLES_MS;
  }
}

// Typing a note must never acknowledge anything; nor does a key that is held down, or a shortcut.
export function isCommandKey(event) {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return false;
  const element = event.target instanceof Element ? event.target : null;
  const typed_into = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])";
  return !element?.closest(typed_into);
}

// To the next card (1) or the one before (-1), without the mouse.
export function moveFocus(root, step) {
  const cards = [...root.querySelectorAll("article[tabindex]")];
  const at = cards.indexOf(document.activeElement?.closest("article[tabindex]"));
  const next = at === -1 ? 0 : Math.min(cards.length - 1, Math.max(0, at + step));
  cards[next]?.focus();
}
