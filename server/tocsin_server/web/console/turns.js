// Whose card is drawn in this rendering. Hundreds at once would hold up the page, and with it the
// newest alert and the key that takes it: the first in the list go first, the others within the
// next frames, and until then a card stands as it was, or is not there yet.

// Of the most costly cards so many fit into one frame, or two on a slow machine.
const AT_ONCE = 10;

export class Turns {
  #owed = false; // some wait for the next rendering
  #drawn = new Map();

  // A drawing for a Renderer: says whether some cards wait for the next one.
  owing(draw) {
    return () => {
      this.#owed = false;
      draw();
      return this.#owed;
    };
  }

  // `cards` are what each card is to be drawn from, in the order of the list. Gives, by alert, what
  // it is drawn from now: the same object as the last time where nothing of it changed.
  take(cards) {
    const before = this.#drawn;
    let room = document.hidden ? Infinity : AT_ONCE;
    this.#drawn = new Map();
    for (const card of cards) {
      const id = card.alert.alert_id;
      const known = before.get(id);
      const is_same = known !== undefined && same(known, card);
      if (is_same || (room <= 0 && !isOwnAct(known, card))) {
        this.#owed ||= !is_same;
        if (known) this.#drawn.set(id, known);
        continue;
      }
      room -= 1;
      this.#drawn.set(id, card);
    }
    return this.#drawn;
  }

  // The list is taken off the page: its cards are to be made anew.
  forget() {
    this.#drawn.clear();
  }
}

// What this dispatcher does to a card waits for no other card.
function isOwnAct(known, card) {
  if (known === undefined) return false;
  return known.doing !== card.doing || known.plan !== card.plan || !same(known.keys, card.keys);
}

function same(one, other) {
  return Object.keys(other).every((name) =>
    name === "keys" ? same(one.keys, other.keys) : one[name] === other[name],
  );
}
