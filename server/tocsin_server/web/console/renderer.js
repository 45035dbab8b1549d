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

// A card that moves in the list is taken out of the page for a moment, and would lose the keyboard.
export function keepingFocus(draw) {
  const focused = document.activeElement;
  draw();
  if (focused && focused !== document.activeElement && focused.isConnected) {
    focused.focus({ preventScroll: true });
  }
}
