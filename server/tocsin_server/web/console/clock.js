// The server's time, as well as this screen knows it. A dispatcher's PC may be minutes off;
// every age and countdown is reckoned on the server's clock, told anew by each snapshot and pulse.

let offset_ms = 0;

export function tellServerTime(now) {
  const server_ms = Date.parse(now);
  if (!Number.isNaN(server_ms)) offset_ms = server_ms - Date.now();
}

export function serverNow() {
  return Date.now() + offset_ms;
}
