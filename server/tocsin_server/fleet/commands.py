"""Commands to buttons: signed, numbered within the button's boot, on every broker that stands."""

from collections.abc import Iterable
from uuid import UUID

import asyncpg

from tocsin_server.ports import Carrier
from tocsin_wire import topics
from tocsin_wire.messages import Command, CommandArguments
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf


def publish(
    brokers: Iterable[Carrier],
    key: SigningKey,
    numbers: asyncpg.Record,
    *,
    jurisdiction: str,
    command_id: UUID,
    name: str,
    args: CommandArguments,
) -> None:
    """Say it to one button; `numbers` are its device_id, boot_id and command_seq."""
    command = Command(
        command_id=command_id,
        device_id=numbers["device_id"],
        boot_id=numbers["boot_id"],
        command_seq=numbers["command_seq"],
        name=name,
        args=args,
    )
    body = key.sign(command)
    topic = topics.topic(jurisdiction, command.device_id, Leaf.COMMAND)
    for broker in brokers:
        if broker.connected:
            broker.publish(topic, body, qos=1)
