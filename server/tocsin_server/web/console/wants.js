// What an alert wants of the person before this screen. It decides what is on top, what sounds,
// what `A` takes, and which acts are offered.
//
//   "take"       nobody has it
//   "take_over"  whoever has it asks for more help, or does not answer any more
//   "still"      they have it, and were asked whether they still do
//   "offered"    whoever has it hands it over to them
//   null         nothing
//
// `name` is theirs; null: nobody is signed in.

export function wantOf(alert, name) {
  if (alert.state === "resolved") return null;
  if (alert.state === "open") return "take";
  if (alert.acknowledged_by === name) return alert.asked_at || isSilent(alert) ? "still" : null;
  if (alert.again_at) return "take_over";
  return alert.offered_to && alert.offered_to === name ? "offered" : null;
}

// An offer is no alarm: somebody has the alert, and nothing but taking it would end the sound.
export function isLoud(want) {
  return want !== null && want !== "offered";
}

// Whoever has it was asked, and did not answer.
export function isSilent(alert) {
  return alert.again_why === "silent";
}

// Whoever could take it does that first, and whoever is silent first says that they are there.
export function mayRespond(alert, name) {
  return alert.state === "acknowledged" && isSettled(alert, name);
}

export function mayArrive(alert, name) {
  return isHeld(alert) && !alert.on_scene_at && isSettled(alert, name);
}

export function mayHandOver(alert) {
  return isHeld(alert);
}

function isHeld(alert) {
  return alert.state === "acknowledged" || alert.state === "responding";
}

function isSettled(alert, name) {
  return [null, "still"].includes(wantOf(alert, name)) && !isSilent(alert);
}
