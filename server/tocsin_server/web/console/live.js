// The live line to the server: a WebSocket that is known to be alive, or is said to be dead.
//
// Promises: within 10 s of the last frame, or at once when the socket closes, `onState` says that
// the line is down; it is tried again without end, and is up again only with a fresh snapshot.

// A pulse comes every 5 s; the stale banner has to stand within 10 s of the last frame.
const SILENCE_MAX_MS = 9000;
// From opening a socket to its snapshot.
const SNAPSHOT_WITHIN_MS = 6000;
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 3000;

export class Live {
  #socket = null;
  #running = false;
  #retry_ms = RETRY_FIRST_MS;
  #retry = null;
  #opened_ms = 0;
  #heard_ms = 0;
  #up = false;

  constructor({ onFrame, onState, onRefused }) {
    this.onFrame = onFrame;
    this.onState = onState;
    this.onRefused = onRefused;
    setInterval(() => this.#watch(), 250);
    globalThis.addEventListener("online", () => this.#retryNow());
    document.addEventListener("visibilitychange", () => this.#retryNow());
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#connect();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#retry);
    this.#drop();
  }

  // True if it went onto the line; there is no queue, since a snapshot follows every reconnect.
  send(message) {
    if (!this.#up || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #connect() {
    clearTimeout(this.#retry);
    this.#retry = null;
    const address = new URL("/api/v1/live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    this.#socket = socket;
    this.#opened_ms = Date.now();
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = () => this.#lose();
  }

  #hear(text) {
    const frame = JSON.parse(text);
    this.#heard_ms = Date.now();
    if (frame.type === "snapshot" && !this.#up) {
      this.#up = true;
      this.#retry_ms = RETRY_FIRST_MS;
      this.onState({ up: true, heard_ms: this.#heard_ms });
    }
    this.onFrame(frame);
  }

  #watch() {
    if (!this.#running || this.#socket === null) return;
    const waited_ms = Date.now() - (this.#up ? this.#heard_ms : this.#opened_ms);
    if (waited_ms > (this.#up ? SILENCE_MAX_MS : SNAPSHOT_WITHIN_MS)) this.#lose();
  }

  // A dead line may take minutes to close by itself, so it is let go of, not waited for.
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket) {
      socket.onmessage = null;
      socket.onclose = null;
      socket.close();
    }
    if (this.#up) {
      this.#up = false;
      this.onState({ up: false, heard_ms: this.#heard_ms });
    }
  }

  #lose() {
    const was_up = this.#up;
    this.#drop();
    if (!this.#running) return;
    if (!was_up) this.onRefused();
    const jitter = 0.8 + Math.random() * 0.4;
    this.#retry = setTimeout(() => this.#connect(), this.#retry_ms * jitter);
    this.#retry_ms = Math.min(RETRY_MAX_MS, this.#retry_ms * 1.8);
  }

  #retryNow() {
    if (this.#running && this.#retry !== null && !document.hidden) this.#connect();
  }
}
