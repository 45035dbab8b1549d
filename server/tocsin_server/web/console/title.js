// The tab's title: flashes while anything waits for a person, and says when the line is down.

const CALM = "Tocsin";
let calm = CALM;
let alarming = null;
let shown_alarm = false;

export function startTitle() {
  setInterval(() => {
    shown_alarm = alarming !== null && !shown_alarm;
    write(shown_alarm ? alarming : calm);
  }, 900);
}

export function tellTitle({ alarm, connected }) {
  calm = connected ? CALM : `NOT CONNECTED – ${CALM}`;
  if (alarm !== alarming) {
    alarming = alarm;
    shown_alarm = alarm !== null;
    write(alarm ?? calm);
  }
}

function write(text) {
  if (document.title !== text) document.title = text;
}
