// The words of an account's record.

const SAID = {
  signed_in: ({ way }) => `Signed in with ${WAYS[way] ?? way}`,
  sign_in_refused: ({ why }) => `A sign-in was refused: ${why}`,
  passkey_added: ({ passkey }) => `The passkey ${passkey} was added`,
  passkey_removed: ({ passkey }) => `The passkey ${passkey} was removed`,
  password_changed: () => "A new password was set",
  codes_added: () => "An app that gives codes was set up",
  codes_removed: () => "The app that gives codes was removed",
  recovery_codes_renewed: () => "New recovery codes were made",
  recovery_code_used: ({ left }) => `A recovery code was used; ${left} left`,
  second_factors_taken_away: ({ by }) => `All passkeys and codes were taken away by ${by}`,
  signed_out_elsewhere: ({ sessions }) => `Signed out elsewhere (${sessions})`,
};
const WAYS = {
  passkey: "a passkey",
  password: "the password alone",
  "password and code": "the password and a code",
};

export function eventInWords({ name, what }) {
  const said = SAID[name]?.(what) ?? name.replaceAll("_", " ");
  return what.source ? `${said}, from ${what.source}` : said;
}
