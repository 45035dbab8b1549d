// The words of an account's record.

import { t } from "../console/language.js";

const SAID = {
  signed_in: ({ way }) => t("Signed in with {way}", { way: WAYS[way] ?? way }),
  sign_in_refused: ({ why }) => t("A sign-in was refused: {why}", { why: REFUSALS[why] ?? why }),
  passkey_added: (what) => t("The passkey {passkey} was added", what),
  passkey_removed: (what) => t("The passkey {passkey} was removed", what),
  password_changed: () => t("A new password was set"),
  codes_added: () => t("An app that gives codes was set up"),
  codes_removed: () => t("The app that gives codes was removed"),
  recovery_codes_renewed: () => t("New recovery codes were made"),
  recovery_code_used: (what) => t("A recovery code was used; {left} left", what),
  second_factors_taken_away: (what) => t("All passkeys and codes were taken away by {by}", what),
  locked: () => t("The screen was locked"),
  unlocked: ({ way }) => t("The screen was unlocked with {way}", { way: WAYS[way] ?? way }),
  signed_out_elsewhere: (what) => t("Signed out elsewhere ({sessions})", what),
};
const WAYS = {
  passkey: t("a passkey"),
  password: t("the password alone"),
  "password and code": t("the password and a code"),
};
const REFUSALS = {
  "a wrong code": t("a wrong code"),
  "a code that was used before": t("a code that was used before"),
  "a wrong recovery code": t("a wrong recovery code"),
  "too many wrong codes": t("too many wrong codes"),
  "the password alone does not open it": t("the password alone does not open it"),
  "the password is wrong": t("the password is wrong"),
  "the account has ended": t("the account has ended"),
};

export function eventInWords({ name, what }) {
  const said = SAID[name]?.(what) ?? name.replaceAll("_", " ");
  return what.source ? t("{event}, from {source}", { event: said, source: what.source }) : said;
}
