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
        for (const { key, message } of this.#news()) {
          if (this.send(message)) this.#told.add(key);
        }
      }),
    );
  }

  #news() {
    const news = [];
    for (const { dataset } of this.root.querySelectorAll("[data-alert-id][data-version]")) {
      const message = {
        type: "painted",
        alert_id: dataset.alertId,
        version: Number(dataset.version),
      };
      if (!this.#told.has(dataset.alertId)) news.push({ key: dataset.alertId, message });
    }
    for (const { dataset } of this.root.querySelectorAll("[data-press-id]")) {
      const { deviceId: device_id, pressId: press_id } = dataset;
      const key = `${device_id}/${press_id}`;
      const message = { type: "painted_held", device_id, press_id };
      if (!this.#told.has(key)) news.push({ key, message });
    }
    return news;
  }
}
