// What is heard: for each kind of alert a sound of its own, made in code, looping in the audio engine
// itself so that a background tab's slowed timers cannot thin it out. What waits becomes faster and
// louder.
//
// A browser may refuse to sound before the first tap or key. `blocked()` says so, truthfully, and
// the page shows it in red: a silent screen that looks armed would be worse than none.

const HIGH_HZ = 960;
const LOW_HZ = 720;
const DEEP_HZ = 440;
const SILENCE_HZ = 0;

// Danger is two tones in turn; a case that was opened three deep knocks; help without danger one call.
const SOUNDS = {
  duress: [
    { hz: HIGH_HZ, s: 0.32 },
    { hz: LOW_HZ, s: 0.32 },
    { hz: HIGH_HZ, s: 0.32 },
    { hz: LOW_HZ, s: 0.32 },
    { hz: SILENCE_HZ, s: 0.5 },
  ],
  tamper: [
    ...[1, 2, 3].flatMap(() => [
      { hz: DEEP_HZ, s: 0.16 },
      { hz: SILENCE_HZ, s: 0.12 },
    ]),
    { hz: SILENCE_HZ, s: 1.1 },
  ],
  assist: [
    { hz: DEEP_HZ, s: 0.3 },
    { hz: LOW_HZ, s: 0.45 },
    { hz: SILENCE_HZ, s: 1.8 },
  ],
};
const URGENCIES = [
  { speed: 1, loudness: 0.5 },
  { speed: 1.4, loudness: 0.75 },
  { speed: 2, loudness: 1 },
];
const KNOCK = [
  { hz: LOW_HZ, s: 0.18 },
  { hz: SILENCE_HZ, s: 0.06 },
  { hz: LOW_HZ, s: 0.18 },
];

let context = null;
let playing = null; // { kind, urgency, source } of the alarm
let onChange = () => {};

export function startSound(changed) {
  onChange = changed;
  const Context = globalThis.AudioContext ?? globalThis.webkitAudioContext;
  if (!Context) return;
  context = new Context();
  context.onstatechange = () => onChange();
  for (const act of ["pointerdown", "keydown"]) {
    document.addEventListener(act, () => blocked() && enableSound(), { capture: true });
  }
}

export function canEverSound() {
  return context !== null;
}

export function blocked() {
  return context === null || context.state !== "running";
}

export function enableSound() {
  context?.resume().then(onChange, onChange);
}

// `alarm`: what alarm.js decided; null: silence. Gives what is heard, for the page to show.
export function soundAlarm(alarm) {
  if (!context) return null;
  const same = playing?.kind === alarm?.kind && playing?.urgency === alarm?.urgency;
  if (!same) {
    playing?.source.stop();
    playing = alarm && { ...alarm, source: play(tone(SOUNDS[alarm.kind], alarm), { loop: true }) };
  }
  return playing;
}

// Once, for news that is not an alert: an unverified message, or the line going down.
export function chime() {
  if (!context || playing || blocked()) return;
  play(tone(KNOCK), { loop: false });
}

// What the alarm sounds like, for a dispatcher who wants to know that it would be heard.
export function trySound() {
  enableSound();
  if (context && !playing) play(tone(SOUNDS.duress), { loop: false });
}

// The beginning of it, no longer than somebody who has just signed in will bear. Gives whether it is heard.
export function playSample() {
  if (!context || playing) return false;
  play(tone(SOUNDS.duress.slice(0, 2)), { loop: false });
  return true;
}

function play(buffer, { loop }) {
  const source = new AudioBufferSourceNode(context, { buffer, loop });
  source.connect(context.destination);
  source.start();
  return source;
}

function tone(steps, { urgency = 0 } = {}) {
  const { speed, loudness } = URGENCIES[urgency];
  const rate = context.sampleRate;
  const total_s = steps.reduce((sum, step) => sum + step.s, 0) / speed;
  const buffer = context.createBuffer(1, Math.ceil(total_s * rate), rate);
  const samples = buffer.getChannelData(0);
  let at = 0;
  for (const { hz, s } of steps) {
    const count = Math.floor((s / speed) * rate);
    for (let i = 0; i < count; i += 1) {
      // A few milliseconds of fade at both ends, or every change of tone clicks.
      const fade = Math.min(1, i / (0.008 * rate), (count - i) / (0.008 * rate));
      const phase = (2 * Math.PI * hz * i) / rate;
      samples[at + i] = hz ? loudness * fade * (Math.sin(phase) + 0.3 * Math.sin(3 * phase)) : 0;
    }
    at += count;
  }
  return buffer;
}
