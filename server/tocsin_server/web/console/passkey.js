// A passkey of this device: asked for, or made. Bytes travel as base64url (RFC 4648, section 5).

import { post, Refusal } from "./api.js";
import { t } from "./language.js";

// At an address without a name, or without TLS but on this machine, no browser has passkeys.
export const hasPasskeys = () =>
  isSecureContext && "PublicKeyCredential" in window && !/^[\d.]+$|:/.test(location.hostname);

// Somebody closed the window, took too long, or has no passkey here: browsers don't say which.
const NOTHING_CHOSEN = t(
  "No passkey was used: the window was closed, it took too long, or this device has none. Try again, or use" +
    " your password.",
);
const WRONG_ADDRESS = t(
  "This page was opened at another address than the one that passkeys belong to. Open the one that whoever" +
    " runs Tocsin gave you, or use your password.",
);

class PasskeyProblem extends Refusal {
  constructor(message) {
    super({ status: null, code: "no_passkey", message });
  }
}

// Gives who is signed in. Throws Refusal.
export async function signInWithPasskey() {
  const { publicKey } = await post("session/passkey/options");
  const options = { ...publicKey, challenge: bytes(publicKey.challenge) };
  const made = await byDevice(() => navigator.credentials.get({ publicKey: options }));
  const { clientDataJSON, authenticatorData, signature, userHandle } = made.response;
  const response = {
    clientDataJSON: text(clientDataJSON),
    authenticatorData: text(authenticatorData),
    signature: text(signature),
    userHandle: userHandle ? text(userHandle) : null,
  };
  return post("session/passkey", { credential: { id: made.id, type: made.type, response } });
}

// Gives what the server answers. Throws Refusal.
export async function addPasskey(path, name) {
  const { publicKey } = await post(`${path}/options`);
  const options = {
    ...publicKey,
    challenge: bytes(publicKey.challenge),
    user: { ...publicKey.user, id: bytes(publicKey.user.id) },
    excludeCredentials: publicKey.excludeCredentials.map((each) => ({ ...each, id: bytes(each.id) })),
  };
  const made = await byDevice(() => navigator.credentials.create({ publicKey: options }));
  const response = {
    clientDataJSON: text(made.response.clientDataJSON),
    attestationObject: text(made.response.attestationObject),
  };
  return post(path, { name, credential: { id: made.id, type: made.type, response } });
}

async function byDevice(ask) {
  try {
    return await ask();
  } catch (error) {
    if (error.name === "InvalidStateError") {
      throw new PasskeyProblem(t("This device has a passkey for you already: none was added."));
    }
    throw new PasskeyProblem(error.name === "SecurityError" ? WRONG_ADDRESS : NOTHING_CHOSEN);
  }
}

function bytes(given) {
  const binary = atob(given.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (each) => each.charCodeAt(0));
}

function text(buffer) {
  const binary = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
