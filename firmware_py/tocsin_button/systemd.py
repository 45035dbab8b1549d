"""systemd: sd_notify(3) in the few lines that it is. Silent where nobody listens."""

import os
import socket


def notify(**fields: str) -> None:
    """Tell the service manager, e.g. `notify(READY="1", STATUS="armed")`."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    body = "\n".join(f"{name}={value}" for name, value in fields.items())
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.sendto(body.encode(), address)
    except OSError:
        return  # a deaf manager must not stop the button; its watchdog will


def watchdog_s() -> float | None:
    """How often the watchdog wants to be told, in seconds; None where there is none."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 1_000_000 / 3 if text.isdigit() and int(text) > 0 else None
