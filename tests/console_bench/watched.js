// In the page before anything of its own: notes what it paints, and counts its frames.

globalThis.watched = { painted: {} };

const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (text) {
  const said = JSON.parse(text);
  if (said.type === "painted") {
    watched.painted[said.alert_id] ??= (performance.timeOrigin + performance.now()) / 1000;
  }
  return send.call(this, text);
};

globalThis.watchFrames = (seconds) =>
  new Promise((resolve) => {
    const times = [];
    const note = (now) => {
      times.push(now);
      if (now - times[0] < 1000 * seconds) requestAnimationFrame(note);
      else resolve(times);
    };
    requestAnimationFrame(note);
  });
