"""Self-test: everything a press will need, tried one by one, each with its remedy.

`tocsin-button selftest` runs it; a running agent runs it on itself. Nothing here sends a
press, and nothing here takes the running agent's place at a broker.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from cryptography import x509

from tocsin_button import clock
from tocsin_button.config import Broker, Config
from tocsin_button.control import Finding, LinkState
from tocsin_button.errors import PinsUnusable
from tocsin_button.link import CONNECT_WITHIN_S, Identity, Link, TlsFiles, tls_context
from tocsin_button.materials import Materials
from tocsin_button.pins import Board, Levels
from tocsin_wire import signing
from tocsin_wire.errors import WireError
from tocsin_wire.messages import CASE_OPEN, CONTACTS_DISAGREE, Press, Pulse, new_id

PULSE_WITHIN_S = 12.0  # a replica pulses every 10 s
REFUSED_FOR_S = 5.0  # a broker that just restarts has taken us in by then
ASK_AGAIN_S = 0.05
EXPIRY_WARNED = timedelta(days=30)  # a fault earlier than that would be a fault for months


def check_files(config: Config, materials: Materials, *, now: datetime) -> list[Finding]:
    """Keys, certificate, disk. Blocks for an fsync."""
    return [
        _check_keys(config, materials),
        *([] if materials.tls is None else [_check_certificate(config, materials.tls, now)]),
        _check_disk(config.state_path),
    ]


def check_levels(levels: Levels) -> Finding:
    """The contacts, with nobody's finger on the button."""
    wrong = []
    if levels.button_no is True:
        wrong.append("the normally open contact is closed")
    if levels.button_nc is False:
        wrong.append("the normally closed contact is open")
    if levels.tamper is False:
        wrong.append("the enclosure is open")
    if levels.assist is True:
        wrong.append("the assist contact is closed")
    return Finding(
        check="contacts",
        ok=not wrong,
        detail="; ".join(wrong) or "at rest",
        remedy="let go of the button, close the enclosure, look for a cut or shorted wire"
        if wrong
        else None,
    )


def check_lamp(board: Board) -> Finding:
    """Switch the lamp's pin both ways and read it back; it is left as it was."""
    was = board.is_lit()
    readings = []
    for lit in (not was, was):
        board.light(lit)
        readings.append(board.is_lit())
    ok = readings == [not was, was]
    return Finding(
        check="lamp",
        ok=ok,
        detail="its pin follows" if ok else "its pin doesn't follow",
        remedy=None if ok else "look for a short at pins.lamp and its transistor",
    )


def check_pins(config: Config) -> list[Finding]:
    """Open the pins, for a button whose agent doesn't run."""
    try:
        board = Board(config.pins, edge=lambda _contact, _closed: None)
    except PinsUnusable as error:
        remedy = "run it on the board, as a user of the group gpio"
        return [Finding(check="pins", ok=False, detail=str(error), remedy=remedy)]
    try:
        found = [
            Finding(check="pins", ok=True, detail="open" + " (virtual)" * board.virtual),
            check_levels(board.levels()),
        ]
        return found if config.pins.lamp is None else [*found, check_lamp(board)]
    finally:
        board.close()


def check_reach(broker: Broker, tls: TlsFiles | None) -> Finding:
    """Connect to a broker as far as TLS goes, and leave. Blocks for 2 s at most."""
    check = f"broker {broker.url}"
    try:
        with socket.create_connection((broker.host, broker.port), CONNECT_WITHIN_S) as plain:
            if broker.tls and tls is not None:
                context = tls_context(tls, clock.clock_synced())
                with context.wrap_socket(plain, server_hostname=broker.host) as secure:
                    return Finding(check=check, ok=True, detail=f"reached, {secure.version()}")
            return Finding(check=check, ok=True, detail="reached, without TLS")
    except ssl.SSLError as error:
        remedy = "look at ca_file, at the broker's certificate and its names"
        return Finding(check=check, ok=False, detail=f"TLS: {error}", remedy=remedy)
    except OSError as error:
        remedy = "look at the network, the firewall, and whether the broker runs"
        return Finding(check=check, ok=False, detail=str(error), remedy=remedy)


def check_server(heard_s_ago: float | None) -> Finding:
    """The pulse that every replica signs."""
    if heard_s_ago is not None:
        return Finding(check="server", ok=True, detail=f"heard {heard_s_ago:.0f} s ago")
    return Finding(
        check="server",
        ok=False,
        detail="no pulse that a pinned key signed was heard",
        remedy="look whether a server runs at this broker, and at receipt_keys_file",
    )


async def check_alone(config: Config, materials: Materials) -> list[Finding]:
    """Everything, for a button whose agent doesn't run (its state folder must be locked)."""
    findings = check_pins(config)
    findings += check_files(config, materials, now=datetime.now(UTC))
    reached = [
        check_reach(node, materials.tls) for broker in config.brokers for node in broker.nodes
    ]
    findings += reached
    if any(finding.ok for finding in reached):
        heard = await listen(config, materials, within_s=PULSE_WITHIN_S)
        findings.append(check_server(None if heard.ahead_s is None else 0.0))
    return findings


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of listening. `ahead_s`: this board's clock against the pulse's, if one came."""

    links: tuple[LinkState, ...]
    ahead_s: float | None = None


async def listen(config: Config, materials: Materials, *, within_s: float) -> Heard:
    """Connect to every broker as this button does, until a server's pulse is heard.

    It would put out a running agent: the state folder must be locked.
    """
    ear = _Ear(materials)
    links = [
        Link(
            broker=broker,
            identity=Identity(config.jurisdiction, config.device_id, uuid4()),
            listener=ear,
            tls=materials.tls,
            clock_synced=clock.clock_synced,
            proxy=config.proxy,
        )
        for broker in config.brokers
    ]
    tasks = [asyncio.create_task(link.run()) for link in links]
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await _until_settled(ear, links)
        return Heard(
            tuple(_state(link, stood=link.url in ear.stood) for link in links), ear.ahead_s
        )
    finally:
        await asyncio.gather(*(link.farewell(within_s=0.5) for link in links))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_settled(ear: "_Ear", links: list[Link]) -> None:
    """Until a pulse came and every broker has said yes or no; or all have gone on saying no."""
    began_s = asyncio.get_running_loop().time()
    while True:
        answered = all(link.url in ear.stood or link.trouble for link in links)
        refused_s = 0.0 if ear.stood else asyncio.get_running_loop().time() - began_s
        if answered and (ear.ahead_s is not None or refused_s >= REFUSED_FOR_S):
            return
        await asyncio.sleep(ASK_AGAIN_S)


def _state(link: Link, *, stood: bool) -> LinkState:
    return LinkState(
        url=link.url, connected=stood, connection=link.connection, trouble=link.trouble
    )


class _Ear:
    """Listens on links for a pulse, and notes which of them stood."""

    def __init__(self, materials: Materials) -> None:
        self._materials = materials
        self.stood: set[str] = set()
        self.ahead_s: float | None = None

    def link_up(self, link: Link) -> None:
        """Nothing is owed."""
        self.stood.add(link.url)

    def link_down(self, link: Link) -> None:
        """It will come again, or the time will be over."""

    def heard(self, link: Link, topic: str, body: bytes, *, retained: bool) -> None:  # noqa: ARG002
        """Take a pulse that is genuine and fresh."""
        if not topic.endswith("/pulse") or retained:
            return
        try:
            pulse = signing.verify(body, Pulse, self._materials.server_keys.believed)
        except WireError:
            return
        self.ahead_s = clock.ahead_s(pulse.at)


def _check_keys(config: Config, materials: Materials) -> Finding:
    press = Press(press_id=new_id(), device_id=config.device_id, kind="test")
    key = materials.press_key
    try:
        signing.verify(key.sign(press), Press, {key.kid: key.public})
    except WireError as error:
        remedy = "add a button with 'tocsin device add' and copy its folder here"
        return Finding(check="keys", ok=False, detail=str(error), remedy=remedy)
    pinned = len(materials.server_keys.believed)
    return Finding(
        check="keys",
        ok=True,
        detail=f"signs as {key.kid[:8]}…; {pinned} server key{'s' * (pinned != 1)} pinned",
    )


def _check_certificate(config: Config, tls: TlsFiles, now: datetime) -> Finding:
    check = "certificate"
    remedy = "have a new certificate issued for this button"
    try:
        certificate = x509.load_pem_x509_certificate(tls.certificate.read_bytes())
        tls_context(tls, clock_synced=None)  # the key fits the certificate
        names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    except (OSError, ValueError, ssl.SSLError) as error:
        return Finding(check=check, ok=False, detail=str(error), remedy=remedy)
    if [name.value for name in names] != [config.device_id]:
        detail = f"it is {certificate.subject.rfc4514_string()}, not CN={config.device_id}"
        return Finding(check=check, ok=False, detail=detail, remedy=remedy)
    until = certificate.not_valid_after_utc
    detail = f"valid until {until:%Y-%m-%d}"
    if clock.clock_synced() is False:
        return Finding(check=check, ok=True, detail=f"{detail}; the clock is unsynced")
    if not certificate.not_valid_before_utc <= now <= until - EXPIRY_WARNED:
        detail += f", from {certificate.not_valid_before_utc:%Y-%m-%d}; today is {now:%Y-%m-%d}"
        return Finding(check=check, ok=False, detail=detail, remedy=remedy)
    return Finding(check=check, ok=True, detail=detail)


def _check_disk(folder: Path) -> Finding:
    probe = folder / "selftest.probe"
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, b"\0" * 4096)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            probe.unlink()
    except OSError as error:
        return Finding(
            check="outbox",
            ok=False,
            detail=f"{folder} can't be written: {error.strerror}",
            remedy="make room on the card, or change it: cards wear out",
        )
    return Finding(check="outbox", ok=True, detail=f"{folder} takes a write and an fsync")


def remedy_for(fault: str) -> str:
    """Say what to do about a fault that the agent tells of."""
    for start, remedy in _REMEDIES.items():
        if fault.startswith(start):
            return remedy
    return "look at the agent's log"


_REMEDIES = {
    CONTACTS_DISAGREE: "look for a cut or shorted wire at the button, then press it in a drill: "
    "the fault ends with a press that moves both contacts",
    "button is held down": "free the button; while it is jammed it can't be pressed",
    CASE_OPEN: "close the enclosure; find out who opened it",
    "no server": "look at the links and whether the server runs; in danger, call 911 by phone",
    "outbox": "make room on the card, or change it: cards wear out",
    "self-test": "run 'tocsin-button selftest' and do what it says",
}
