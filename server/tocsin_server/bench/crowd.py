"""The crowd: buttons that share one connection, because a machine has no room for all of theirs.

Promise: supervision goes by topic and heartbeat, and those are each button's own, written by the
wire's own code; the server can't tell them from buttons with a connection each.

Refused: presses. Whoever presses in the benchmark has a certificate and a connection of his own.
"""

import time
from pathlib import Path
from uuid import UUID, uuid4

from tocsin_server import __version__
from tocsin_server.bench.mqtt import Connection
from tocsin_server.fleet.certificates import client_context
from tocsin_wire import messages, topics
from tocsin_wire.messages import Contacts, Heartbeat
from tocsin_wire.topics import Leaf

NAME = "crowd"  # of its certificate

# Beside what the shipped ACL grants: one connection that speaks for many, in the benchmark alone.
ACL = f"""
user {NAME}
topic write {topics.every(Leaf.HEARTBEAT)}
"""


class Voice:
    """One button of the crowd."""

    __slots__ = ("_boot_id", "_connection", "_topic", "beat_ns", "device_id", "silent")

    def __init__(self, device_id: str, *, jurisdiction: str, connection: Connection) -> None:
        self.device_id = device_id
        self.beat_ns = 0
        self.silent = False
        self._topic = topics.topic(jurisdiction, device_id, Leaf.HEARTBEAT)
        self._boot_id = uuid4()
        self._connection = connection

    def beat(self) -> None:
        """Say that all is well."""
        if not self.silent and not self._connection.lost:
            self._connection.publish(self._topic, heartbeat(self._boot_id), qos=0)
            self.beat_ns = time.monotonic_ns()


async def join(broker: str, *, ca_file: Path, certificate_file: Path, key_file: Path) -> Connection:
    """Open the crowd's connection. Raises BenchFailed."""
    tls = client_context(ca_file=ca_file, certificate_file=certificate_file, key_file=key_file)
    connection = Connection(NAME, tls, on_message=_ignore)
    await connection.open(broker, [topics.PULSES])
    return connection


def heartbeat(boot_id: UUID) -> bytes:
    """Write what a button says that is well."""
    return messages.encode(
        Heartbeat(
            boot_id=boot_id,
            connection=1,
            uptime_s=time.monotonic_ns() // 1_000_000_000,
            firmware=__version__,
            network="ethernet",
            clock_synced=True,
            contacts=Contacts(no_closed=False, nc_closed=True),
            selftest="ok",
        )
    )


def _ignore(_topic: str, _body: bytes) -> None:
    """Only an open subscription says that the connection stands."""
