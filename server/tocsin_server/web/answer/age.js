// An age that was read a while ago is wrong: a page may lie in a pocket between two looks.

let element = null;
let read_ms = 0;

function inWords(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole} s`;
  return whole < 7200 ? `${Math.floor(whole / 60)} min` : `${Math.floor(whole / 3600)} h`;
}

function write() {
  const found = document.querySelector("[data-age-s]");
  if (!found) return;
  if (found !== element) {
    element = found; // another script may have put a newer one there
    read_ms = Date.now();
  }
  element.textContent = inWords(Number(element.dataset.ageS) + (Date.now() - read_ms) / 1000);
}

write();
setInterval(write, 500);
