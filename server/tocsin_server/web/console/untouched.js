// Says when nobody has touched any page of this browser for so long: then nobody sits there.

const TOUCHED = "tocsin-touched";
const LOOK_EVERY_MS = 10_000;
const TOUCHES = ["pointerdown", "keydown", "wheel"];

let touched_ms = 0;

// `afterMs()`: how long that is by now, or null; `then()`: what to do, each time it is looked at.
export function watchUntouched({ afterMs, then }) {
  touch();
  for (const each of TOUCHES) addEventListener(each, touch, { capture: true, passive: true });
  setInterval(() => {
    const after_ms = afterMs();
    if (after_ms !== null && Date.now() - lastTouch() > after_ms) then();
  }, LOOK_EVERY_MS);
}

function touch() {
  if (Date.now() - touched_ms < LOOK_EVERY_MS) return;
  touched_ms = Date.now();
  try {
    localStorage.setItem(TOUCHED, touched_ms);
  } catch {
    // A browser that keeps nothing knows of this page alone.
  }
}

function lastTouch() {
  try {
    return Math.max(touched_ms, Number(localStorage.getItem(TOUCHED)));
  } catch {
    return touched_ms;
  }
}
