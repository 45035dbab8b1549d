"""Probes: the network as this board sees it, up to its gateway, from the kernel's own files.

Promise: nothing is changed, no right is needed that an ordinary user hasn't, and all of it is
over within 4 s. What can't be read is left out, never guessed.
"""

import contextlib
import fcntl
import ipaddress
import socket
import struct
import time
from pathlib import Path

import msgspec

from tocsin_button import health
from tocsin_button.facts import Gateway, Interface

GATEWAY_WITHIN_S = 3.5  # the kernel asks three times, once a second
ASK_AGAIN_S = 0.05
DISCARD_PORT = 9  # RFC 863; the gateway need not listen, only its address is asked for

_SIOCGIFADDR = 0x8915  # linux/sockios.h: the IPv4 address
_ARP_KNOWN = 0x2  # linux/if_arp.h, ATF_COM
_GLOBAL_SCOPE = "00"  # of /proc/net/if_inet6
_EVERYWHERE = "00000000000000000000000000000000"


def interfaces(root: Path = Path("/")) -> tuple[Interface, ...]:
    """Every cable, Wi-Fi and modem of this board."""
    found = []
    for folder in sorted((root / "sys/class/net").glob("*")):
        name = folder.name
        kind = health.kind_of(root, name)
        if kind is None:
            continue
        carrier = _number(folder / "carrier") == 1
        speed_mbps = _number(folder / "speed")
        found.append(
            Interface(
                name=name,
                kind=kind,
                mac=(health.read(folder / "address") or "").strip() or None,
                carrier=carrier,
                blocked=kind == "wifi" and _radio_blocked(folder),
                speed_mbps=speed_mbps if carrier and speed_mbps and speed_mbps > 0 else None,
                signal_dbm=health.rssi_dbm(root, name),
                addresses=(*_ipv4(name), *_ipv6(root, name)),
            )
        )
    return tuple(found)


def default_route(root: Path = Path("/")) -> Gateway | None:
    """Where everything goes that isn't in this network; nobody is asked yet."""
    interface, address = health.default_route(root)
    if interface is None:
        return _ipv6_route(root)
    # A line without an address at its other end has 0.0.0.0 there.
    known = address if address is not None and any(socket.inet_aton(address)) else None
    return Gateway(interface=interface, address=known)


def ask_gateway(gateway: Gateway | None, root: Path = Path("/")) -> Gateway | None:
    """See whether somebody is there, where that can be seen. Blocks for 3.5 s at most."""
    if gateway is None or gateway.address is None or ":" in gateway.address:
        return gateway  # only IPv4 has a table of neighbours that everybody may read
    return msgspec.structs.replace(gateway, answers=_answers(root, gateway.address))


def name_servers(root: Path = Path("/")) -> tuple[str, ...]:
    """Who is asked for names: those behind systemd-resolved, where that stands before them."""
    behind = health.read(root / "run/systemd/resolve/resolv.conf")
    text = health.read(root / "etc/resolv.conf") if behind is None else behind
    lines = [line.split() for line in (text or "").splitlines()]
    return tuple(words[1] for words in lines if len(words) > 1 and words[0] == "nameserver")


def _number(path: Path) -> int | None:
    text = health.read(path)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _radio_blocked(folder: Path) -> bool:
    """A switch of the board or of its software keeps the radio off (rfkill)."""
    switches = [*folder.glob("phy80211/rfkill*"), *folder.glob("device/rfkill/rfkill*")]
    return any(_number(each / kind) == 1 for each in switches for kind in ("soft", "hard"))


def _ipv4(interface: str) -> tuple[str, ...]:
    request = struct.pack("16s16x", interface.encode()[:15])
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            answer = fcntl.ioctl(sock.fileno(), _SIOCGIFADDR, request)
    except OSError:
        return ()
    return (socket.inet_ntoa(answer[20:24]),)


def _ipv6(root: Path, interface: str) -> tuple[str, ...]:
    lines = (health.read(root / "proc/net/if_inet6") or "").splitlines()
    found = [line.split() for line in lines]
    return tuple(
        str(ipaddress.IPv6Address(int(words[0], 16)))
        for words in found
        if len(words) == 6 and words[3] == _GLOBAL_SCOPE and words[5] == interface
    )


def _ipv6_route(root: Path) -> Gateway | None:
    for line in (health.read(root / "proc/net/ipv6_route") or "").splitlines():
        words = line.split()
        if len(words) == 10 and words[0] == _EVERYWHERE and words[1] == "00":
            if words[9] == "lo":  # the kernel's own "nowhere"
                continue
            via = str(ipaddress.IPv6Address(int(words[4], 16)))
            return Gateway(interface=words[9], address=None if via == "::" else via)
    return None


def _answers(root: Path, address: str) -> bool | None:
    """Have the kernel look for the gateway, and see whether it found it."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"", (address, DISCARD_PORT))
    until_s = time.monotonic() + GATEWAY_WITHIN_S
    while True:
        known = _in_arp_table(root, address)
        if known or time.monotonic() >= until_s:
            return known
        time.sleep(ASK_AGAIN_S)


def _in_arp_table(root: Path, address: str) -> bool | None:
    for line in (health.read(root / "proc/net/arp") or "").splitlines()[1:]:
        words = line.split()
        if len(words) > 3 and words[0] == address:
            return bool(int(words[2], 16) & _ARP_KNOWN)
    return None
