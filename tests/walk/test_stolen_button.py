"""A stolen button: one command, and it speaks for nobody any more, at the real broker and server."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from tests import parts
from tests.broker.parties import Identity, Party, raw_connect
from tests.parts import PASSWORD, SAM, Answer, Screen
from tests.walk.house import House, Sender, until
from tests.web.client import client, problem
from tocsin_server.demo import example
from tocsin_server.demo.broker import Follower
from tocsin_server.fleet import following
from tocsin_server.fleet.certificates import read_certificate
from tocsin_server.fleet.revocation import record_certificate

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROKER = "broker-a"


class Broker(msgspec.Struct, frozen=True):
    name: str
    number: int
    in_force: bool
    says: str


class Revoked(msgspec.Struct, frozen=True):
    device_id: str
    fresh: bool
    revoked_by: str
    revoked_because: str
    in_force: bool
    brokers: list[Broker]
    remarks: list[str]


@pytest_asyncio.fixture(loop_scope="module")
async def follower(house: House) -> AsyncIterator[Follower]:
    beside = Follower(house.walk.broker.folder, servers=[house.walk.server.url], name=BROKER)
    await beside.start()

    async def heard() -> bool:
        async with house.walk.database.pool() as pool:
            return bool(await following.brokers(pool, number=None))

    await until(heard)
    yield beside
    await beside.stop()


async def certified(house: House) -> Sender:
    """A button whose certificate is on record, connected."""
    sender = await house.sender()
    async with house.walk.database.pool() as pool:
        await record_certificate(
            pool,
            jurisdiction=example.JURISDICTION,
            device_id=sender.device_id,
            certificate=read_certificate(sender._folder / "client.crt"),
        )
    return sender


async def revoke(screen: Screen, device_id: str, reason: str = "stolen") -> Answer:
    return await screen.post(f"devices/{device_id}/revoke", {"because": reason})


@pytest_asyncio.fixture(loop_scope="module")
async def maya(house: House) -> AsyncIterator[Screen]:
    """A supervisor: dispatchers don't take buttons out."""
    screen = Screen(house.walk.server.url, email=parts.MAYA.email, password=PASSWORD)
    await screen.sign_in()
    yield screen
    await screen.close()


async def test_a_stolen_button_is_mute_shut_out_and_doubted_and_nobody_else_notices(
    house: House, follower: Follower, maya: Screen
) -> None:
    stolen, kept = await certified(house), await certified(house)
    answer = await revoke(maya, stolen.device_id)
    view = msgspec.json.decode(answer.body, type=Revoked)
    assert (view.fresh, view.revoked_by, view.revoked_because) == (True, parts.MAYA.name, "stolen")
    assert view.in_force, view
    assert [broker.says for broker in view.brokers] == [f"in force at {BROKER}"]

    # Mute: the broker acknowledges what it sends, and gives it to nobody.
    await stolen.send(stolen.press())
    press = await kept.send(kept.press())
    await kept.until_receipt(press, "stored")
    assert house.alerts_of(stolen.device_id) == []
    assert all(each.device_id != stolen.device_id for each in house.screen.doubtful.values())

    # Shut out.
    identity = Identity.device(stolen._folder)
    with pytest.raises(ssl.SSLError, match="REVOKED"):
        await asyncio.to_thread(raw_connect, stolen._port, identity.context())
    assert not kept._party.put_out.is_set()

    # Doubted, where what it signs comes in by another way: past an ACL, as a server could send it.
    server = Identity.server(house.walk.deployment.folder, "server-3")
    del server
    body = stolen.key.sign(stolen.press())
