// Requests to the server. Every failure comes back as a `Refusal` whose message a dispatcher can
// act on: what happened, what it means for safety, what to do now. That the screen is locked is told
// to the window, too: it may have been locked elsewhere.

import { fromServer } from "./from-server.js";
import { t } from "./language.js";

// Longer than any healthy answer; shorter than a person waits before trying another way.
const ANSWER_TIMEOUT_MS = 8000;
const FILE_TIMEOUT_MS = 30_000;
const LOCKED = 423; // RFC 4918, section 11.3

export class Refusal extends Error {
  constructor({ status, code, message }) {
    super(message);
    this.status = status;
    this.code = code;
  }

  get signedOut() {
    return this.status === 401;
  }
}

export const get = (path) => ask("GET", path);
export const post = (path, body = {}, timeout_ms) => ask("POST", path, body, timeout_ms);
export const put = (path, body) => ask("PUT", path, body);
export const remove = (path) => ask("DELETE", path, {});

// Has the browser keep what the server gives, under this name.
export async function save(path, name) {
  const response = await send("GET", path, undefined, FILE_TIMEOUT_MS);
  keepFile(await response.blob(), name);
}

export function keepFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function ask(method, path, body, timeout_ms = ANSWER_TIMEOUT_MS) {
  const response = await send(method, path, body, timeout_ms);
  return response.json().catch(() => ({}));
}

async function send(method, path, body, timeout_ms) {
  const options = { method, credentials: "same-origin", cache: "no-store" };
  options.signal = AbortSignal.timeout(timeout_ms);
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, options);
  } catch {
    throw new Refusal({ status: 0, code: "no_answer", message: t("The server did not answer.") });
  }
  if (response.ok) return response;
  if (response.status === LOCKED) dispatchEvent(new Event("locked"));
  const answer = await response.json().catch(() => ({}));
  throw new Refusal({
    status: response.status,
    code: answer?.error?.code ?? "refused",
    message: fromServer(answer?.error?.message) ?? t("The server refused this ({status}).", { status: response.status }),
  });
}
