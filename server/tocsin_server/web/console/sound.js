// The alarm: two tones in turn, made in code, looping in the audio engine itself so that a
// background tab's slowed timers cannot thin it out.
//
// A browser may refuse to sound before the first tap or key. `blocked()` says so, truthfully, and
// the page shows it in red: a silent screen that looks armed would be worse than none.

const HIGH_HZ = 960;
const LOW_HZ = 720;
const TONE_S = 0.32;
const PAUSE_S = 0.5;
const LOUDNESS = 0.5;

let context = null;
let alarm = null;
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

export function soundAlarm(on) {
  if (!context || on === (alarm !== null)) return;
  if (on) {
    alarm = play(twoTone(), { loop: true });
  } else {
    alarm.stop();
    alarm = null;
  }
}

// Once, for news that is not an alert: an unverified message, or the line going down.
export function chime() {
  if (!context || alarm || blocked()) return;
  const knock = { hz: LOW_HZ, s: 0.18 };
  play(tone([knock, { hz: 0, s: 0.06 }, knock]), { loop: false });
}

// What the alarm sounds like, for a dispatcher who wants to know that it would be heard.
export function trySound() {
  enableSound();
  if (context && !alarm) play(twoTone(), { loop: false });
}

function play(buffer, { loop }) {
  const source = new AudioBufferSourceNode(context, { buffer, loop });
  source.connect(context.destination);
  source.start();
  return source;
}

function twoTone() {
  return tone([
    { hz: HIGH_HZ, s: TONE_S },
    { hz: LOW_HZ, s: TONE_S },
    { hz: HIGH_HZ, s: TONE_S },
    { hz: LOW_HZ, s: TONE_S },
    { hz: 0, s: PAUSE_S },
  ]);
}

function tone(steps) {
  const rate = context.sampleRate;
  const total_s = steps.reduce((sum, step) => sum + step.s, 0);
  const buffer = context.createBuffer(1, Math.ceil(total_s * rate), rate);
  const samples = buffer.getChannelData(0);
  let at = 0;
  for (const { hz, s } of steps) {
    const count = Math.floor(s * rate);
    for (let i = 0; i < count; i += 1) {
      // A few milliseconds of fade at both ends, or every change of tone clicks.
      const fade = Math.min(1, i / (0.008 * rate), (count - i) / (0.008 * rate));
      const phase = (2 * Math.PI * hz * i) / rate;
      samples[at + i] = hz ? LOUDNESS * fade * (Math.sin(phase) + 0.3 * Math.sin(3 * phase)) : 0;
    }
    at += count;
  }
  return buffer;
}
