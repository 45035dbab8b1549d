// News for those who listen to the screen instead of looking at it, and the list back to its top.
//
// Each alert is said once. Danger interrupts whatever is being read out; a drill, help without danger
// and an offer wait until that is over.

import { t } from "./language.js";
import { isPractice } from "./situation.js";
import { kindInWords, placeInOneLine, wantInWords } from "./words.js";

// More at once would still be read out when the next alert comes.
const SAID_MAX = 3;

// `want` says what each wants of whoever listens.
export function announce(news, want) {
  const patient = news.filter((each) => canWait(each, want(each)));
  say("announcement", news.filter((each) => !patient.includes(each)), want);
  say("announcement-in-turn", patient, want);
  const typing = document.activeElement?.closest("textarea, input, select");
  if (!typing) scrollTo({ top: 0 });
}

// What was said is over: somebody else may listen next.
export function unsay() {
  for (const region of ["announcement", "announcement-in-turn"]) {
    document.getElementById(region).replaceChildren();
  }
}

// Of a press that is not stored yet, nobody has decided that it is a drill.
function canWait(each, wanted) {
  const stored = each.alert_id !== undefined;
  return stored && (isPractice(each) || each.kind === "assist" || wanted === "offered");
}

// A new paragraph each time: the same words about another alert are news as well.
function say(region, news, want) {
  if (news.length === 0) return;
  const said = news.slice(0, SAID_MAX).map((each) => {
    const aloud = wantInWords(want(each))?.aloud ?? "";
    const what = `${kindInWords(each.kind)}: ${placeInOneLine(each.place)}${aloud}`;
    return each.drill ? t("Drill. {what}", { what }) : what;
  });
  if (news.length > SAID_MAX) said.push(t("and {more} more", { more: news.length - SAID_MAX }));
  const line = document.createElement("p");
  line.textContent = t("New: {what}", { what: said.join("; ") });
  document.getElementById(region).replaceChildren(line);
}
