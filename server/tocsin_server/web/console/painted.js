// Tells the server which alerts have really been painted, once each.
//
// A hidden tab paints nothing and the browser calls no animation frame for it, so nothing is
// claimed there. What could not be sent is claimed again after the next rendering.

// Enough to outlast whatever is open; of one that is forgotten the server is told again, and knows.
const TOLD_MAX = 4000;

export class Painted {
  #told = new Set();
  #waiting = false;

  constructor({ send, root }) {
    this.send = send;
    this.root = root;
  }

  forget() {
    this.#told.clear();
  }

  // After each rendering. The callback runs before its frame is painted; the timer after it.
  // `alerts` are all that there are, by id: the page is searched only where one of them is news.
  rendered(alerts) {
    if (this.#waiting || [...alerts.keys()].every((id) => this.#told.has(id))) return;
    this.#waiting = true;
    requestAnimationFrame(() =>
      setTimeout(() => {
        this.#waiting = false;
        for (const message of this.#news()) {
          if (this.send(message)) this.#told.add(message.alert_id);
        }
        for (const id of this.#told) {
          if (this.#told.size <= TOLD_MAX) break;
          this.#told.delete(id);
        }
      }),
    );
  }

  #news() {
    const cards = this.root.querySelectorAll("[data-alert-id][data-version]");
    return [...cards]
      .filter(({ dataset }) => !this.#told.has(dataset.alertId))
      .map(({ dataset }) => ({
        type: "painted",
        alert_id: dataset.alertId,
        version: Number(dataset.version),
      }));
  }
}
