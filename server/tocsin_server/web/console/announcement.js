// News for those who listen to the screen instead of looking at it, and the list back to its top.

import { kindInWords, placeInOneLine, wantInWords } from "./words.js";

// More at once would still be read out when the next alert comes.
const SAID_MAX = 3;

// `want` says what each wants of whoever listens.
export function announce(news, want) {
  const said = news.slice(0, SAID_MAX).map((each) => {
    const drill = each.drill ? "Drill. " : "";
    const aloud = wantInWords(want(each))?.aloud ?? "";
    return `${drill}${kindInWords(each.kind)}: ${placeInOneLine(each.place)}${aloud}`;
  });
  if (news.length > SAID_MAX) said.push(`and ${news.length - SAID_MAX} more`);
  document.getElementById("announcement").textContent = `New: ${said.join("; ")}`;
  const typing = document.activeElement?.closest("textarea, input, select");
  if (!typing) scrollTo({ top: 0 });
}
