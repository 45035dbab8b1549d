// Tells the server which alerts have really been painted, once each.
//
// A hidden tab paints nothing and the browser calls no animation frame for it, so nothing is
// claimed there. What could not be sent is claimed again after the next rendering.

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
  rendered() {
    if (this.#waiting || this.#news().length === 0) return;
    this.#waiting = true;
    requestAnimationFrame(() =>
      setTimeout(() => {
        this.#waiting = false;
        for (const message of this.#news()) {
          if (this.send(message)) this.#told.add(message.alert_id);
        }
      }),
    );
  }

  #news() {
    const cards = this.root.querySelectorAll("[data-alert-id][data-version]");
    return [...cards]
      .map(({ dataset }) => ({
        type: "painted",
        alert_id: dataset.alertId,
        version: Number(dataset.version),
      }))
      .filter((message) => !this.#told.has(message.alert_id));
  }
}
