// An age that was read a while ago is wrong: a page may lie in a pocket between two looks.

const element = document.querySelector("[data-age-s]");
const loaded_ms = Date.now();

function inWords(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole} s`;
  return whole < 7200 ? `${Math.floor(whole / 60)} min` : `${Math.floor(whole / 3600)} h`;
}

function write() {
  const age_s = Number(element.dataset.ageS) + (Date.now() - loaded_ms) / 1000;
  element.textContent = inWords(age_s);
}

if (element) setInterval(write, 500);
