// Requests to the server. Every failure comes back as a `Refusal` whose message a dispatcher can
// act on: what happened, what it means for safety, what to do now.

// Longer than any healthy answer; shorter than a person waits before trying another way.
const ANSWER_TIMEOUT_MS = 8000;

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

async function ask(method, path, body, timeout_ms = ANSWER_TIMEOUT_MS) {
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
    throw new Refusal({ status: 0, code: "no_answer", message: "The server did not answer." });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new Refusal({
    status: response.status,
    code: answer?.error?.code ?? "refused",
    message: answer?.error?.message ?? `The server refused this (${response.status}).`,
  });
}
