// When to render: at once after a rest, else once per frame, so that a storm of frames from the
// server costs no more renderings than the screen can show. A hidden tab gets no animation
// frames, so there a timer stands in. `draw` says whether it left something for the next frame.

const HIDDEN_EVERY_MS = 250;
const REST_MS = 50;

export class Renderer {
  #draw;
  #asked = false;
  #last_ms = -Infinity;

  constructor(draw) {
    this.#draw = draw;
  }

  changed = () => {
    if (this.#asked) return;
    this.#asked = true;
    if (performance.now() - this.#last_ms > REST_MS) queueMicrotask(this.#run);
    else if (document.hidden) setTimeout(this.#run, HIDDEN_EVERY_MS);
    else requestAnimationFrame(this.#run);
  };

  #run = () => {
    this.#asked = false;
    const owed = this.#draw();
    this.#last_ms = performance.now();
    if (owed) this.changed();
  };
}

// A card that moves in the list is taken out of the page for a moment, and a button is gone, or greyed,
// once it did what it says: without this the keyboard would begin at the top again. What had it keeps
// it; else the card around it; else the page, where no key takes anything by mistake.
export function keepingFocus(draw) {
  const focused = document.activeElement;
  const card = focused?.closest("article[tabindex]") ?? null;
  draw();
  if (focused === null || focused === document.body) return;
  const stays = focused.isConnected && !focused.disabled;
  if (stays && focused === document.activeElement) return;
  const next = stays ? focused : card?.isConnected ? card : mainOf(document);
  next?.focus({ preventScroll: true });
}

function mainOf(page) {
  const main = page.querySelector("main");
  if (main) main.tabIndex = -1;
  return main;
}
