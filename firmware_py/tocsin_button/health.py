"""Health: what the board says of itself. What can't be read is None, never a guess.

Everything is read from the kernel's own files; only the switch port comes from lldpd,
where that is installed. May block for a moment: call it from a thread.
"""

import fcntl
import hashlib
import hmac
import socket
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tocsin_button.clock import clock_synced

LLDP_WITHIN_S = 1.0  # lldpcli asks a daemon on this board; it answers in 10 ms or hangs
_SIOCGIWAP = 0x8B15  # linux/wireless.h: the access point's address
_WIRELESS_UP = 2  # lines of /proc/net/wireless before the first interface
_DEFAULT_ROUTE = "00000000"

Kind = Literal["ethernet", "wifi", "cellular"]


@dataclass(frozen=True, slots=True)
class Health:
    """One look at the board."""

    uptime_s: int | None
    cpu_temp_c: float | None
    undervoltage: bool | None
    clock_synced: bool | None
    network: str | None
    rssi_dbm: int | None
    place: str | None


def look(*, place_key: bytes, root: Path = Path("/")) -> Health:
    """Read all of it. `place_key` keys the digest of the place, so that it tells no address."""
    interface, gateway = default_route(root)
    return Health(
        uptime_s=_uptime_s(root),
        cpu_temp_c=_cpu_temp_c(root),
        undervoltage=_undervoltage(root),
        clock_synced=clock_synced(),
        network=kind_of(root, interface),
        rssi_dbm=rssi_dbm(root, interface),
        place=_place(root, interface, gateway, place_key),
    )


def read(path: Path) -> str | None:
    """Read one of the kernel's files; None where it isn't there or can't be read now."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return None


def _uptime_s(root: Path) -> int | None:
    text = read(root / "proc/uptime")
    try:
        return None if text is None else int(float(text.split()[0]))
    except (ValueError, IndexError):
        return None


def _cpu_temp_c(root: Path) -> float | None:
    text = read(root / "sys/class/thermal/thermal_zone0/temp")
    try:
        return None if text is None else int(text) / 1000
    except ValueError:
        return None


def _undervoltage(root: Path) -> bool | None:
    """The Pi's firmware raises an alarm in its hwmon device `rpi_volt`."""
    for name in sorted((root / "sys/class/hwmon").glob("*/name")):
        if (read(name) or "").strip() == "rpi_volt":
            alarm = read(name.with_name("in0_lcrit_alarm"))
            return None if alarm is None else alarm.strip() == "1"
    return None


def default_route(root: Path) -> tuple[str | None, str | None]:
    """Name the interface that leads outside and its gateway's address, by the lowest metric."""
    routes = []
    for line in (read(root / "proc/net/route") or "").splitlines()[1:]:
        fields = line.split()
        if len(fields) > 6 and fields[1] == _DEFAULT_ROUTE and fields[6].isdigit():
            routes.append((int(fields[6]), fields[0], fields[2]))
    if not routes:
        return None, None
    _, interface, gateway = min(routes)
    try:
        return interface, socket.inet_ntoa(struct.pack("=L", int(gateway, 16)))
    except (ValueError, struct.error):
        return interface, None


def kind_of(root: Path, interface: str | None) -> Kind | None:
    """Say what an interface is, by its name where the kernel doesn't tell; None for any other."""
    if interface is None:
        return None
    if (root / "sys/class/net" / interface / "wireless").is_dir():
        return "wifi"
    if interface.startswith(("wwan", "ppp", "usb")):
        return "cellular"
    return "ethernet" if interface.startswith(("eth", "en")) else None


def rssi_dbm(root: Path, interface: str | None) -> int | None:
    """How strong the Wi-Fi is there."""
    for line in (read(root / "proc/net/wireless") or "").splitlines()[_WIRELESS_UP:]:
        name, _, fields = line.partition(":")
        if name.strip() == interface:
            try:
                return int(float(fields.split()[2]))
            except (ValueError, IndexError):
                return None
    return None


def _place(root: Path, interface: str | None, gateway: str | None, place_key: bytes) -> str | None:
    """Digest where this board hangs on the network; it changes when somebody moves it."""
    if interface is None:
        return None
    where = _switch_port(interface) or _gateway_mac(root, gateway)
    facts = [fact for fact in (where, _bssid(interface)) if fact is not None]
    if not facts:
        return None
    return hmac.new(place_key, "|".join(facts).encode(), hashlib.sha256).hexdigest()[:32]


def _gateway_mac(root: Path, gateway: str | None) -> str | None:
    for line in (read(root / "proc/net/arp") or "").splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[0] == gateway and fields[3] != "00:00:00:00:00:00":
            return f"gateway {fields[3]}"
    return None


def _bssid(interface: str) -> str | None:
    request = struct.pack("16s16x", interface.encode()[:15])
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            answer = fcntl.ioctl(sock.fileno(), _SIOCGIWAP, request)
    except OSError:
        return None  # not on Wi-Fi, or a kernel without the wireless extensions
    address = answer[18:24]
    return f"bssid {address.hex(':')}" if any(address) else None


def _switch_port(interface: str) -> str | None:
    """The switch and the port at the other end of the cable, where lldpd hears it."""
    try:
        answer = subprocess.run(
            ["lldpcli", "-f", "keyvalue", "show", "neighbors"],
            capture_output=True,
            timeout=LLDP_WITHIN_S,
            check=True,
            text=True,
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    wanted = (f"lldp.{interface}.chassis.mac=", f"lldp.{interface}.port.")
    facts = sorted(line for line in answer.splitlines() if line.startswith(wanted))
    lasting = (".mac", ".ifname", ".local")  # not the age, nor a description
    named = [fact for fact in facts if fact.partition("=")[0].endswith(lasting)]
    return " ".join(named) or None
