// The tab's title and its icon: they flash while anything waits for a person, and the title says when
// the line is down.

import { t } from "./language.js";

const CALM = "Tocsin";
const ICONS = { calm: "/static/console/icon.svg", alarm: "/static/console/icon-alarm.svg" };
const FLASH_MS = 900;

let alarm = null;
let calm = CALM;
let in_flash = false;

export function startTitle() {
  setInterval(() => flash(!in_flash), FLASH_MS);
}

// `words` says what waits; it is asked only when the title is written. Null: nothing waits.
export function tellTitle({ words, connected }) {
  const begins = words !== null && alarm === null;
  const ends = words === null && alarm !== null;
  alarm = words;
  calm = connected ? CALM : t("NOT CONNECTED – {name}", { name: CALM });
  if (begins || ends) flash(begins);
}

function flash(on) {
  in_flash = on && alarm !== null;
  const text = in_flash ? alarm() : calm;
  if (document.title !== text) document.title = text;
  const icon = document.querySelector("link[rel=icon]");
  const wanted = in_flash ? ICONS.alarm : ICONS.calm;
  if (icon.getAttribute("href") !== wanted) icon.setAttribute("href", wanted);
}
