// What a browser has beside sound and title to be noticed by: the number on the icon of an installed
// page, and a screen that does not go dark. Browsers without them lose nothing else.

let watching = false;
let lock = null;
let shown = 0;

export function startAttention() {
  document.addEventListener("visibilitychange", keepAwake);
}

// `count`: how many call for a person; `awake`: whether somebody is to see the screen.
export function tellAttention({ count, awake }) {
  if (count !== shown) {
    shown = count;
    const told = count > 0 ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.();
    told?.catch(() => {});
  }
  if (awake !== watching) {
    watching = awake;
    keepAwake();
  }
}

// The browser takes it back whenever the page is hidden.
async function keepAwake() {
  if (!watching) {
    lock?.release().catch(() => {});
    lock = null;
  } else if (!document.hidden && (lock === null || lock.released)) {
    const given = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    if (watching && (lock === null || lock.released)) lock = given;
    else given?.release().catch(() => {});
  }
}
