"""A stolen button: one command, and it speaks for nobody any more, at the real broker."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from tests import parts
from tests.broker.parties import Identity, refused
from tests.parts import PASSWORD, Answer, Screen
from tests.walk.house import House, Sender, until
from tests.web.client import client, problem
from tocsin_server.config import load_config
from tocsin_server.demo import example
from tocsin_server.demo.broker import Follower
from tocsin_server.demo.postgres import free_port
from tocsin_server.errors import NotFound
from tocsin_server.fleet import following, revocation_list
from tocsin_server.fleet.certificates import Authority, Certified, read_certificate
from tocsin_server.fleet.revocation import record_certificate, revoke_device

pytestmark = pytest.mark.asyncio(loop_scope="session")

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


@pytest_asyncio.fixture(loop_scope="session")
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


async def until_in_force(screen: Screen, device_id: str) -> Revoked:
    """Ask again what was answered; on a busy machine the answer may have been "not yet"."""

    async def in_force() -> Revoked | None:
        said = msgspec.json.decode((await revoke(screen, device_id)).body, type=Revoked)
        return said if said.in_force else None

    return await until(in_force)


async def revoke(screen: Screen, device_id: str, reason: str = "stolen") -> Answer:
    return await screen.post(f"devices/{device_id}/revoke", {"because": reason})


@pytest_asyncio.fixture(loop_scope="session")
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
    view = await until_in_force(maya, stolen.device_id)
    assert [broker.says for broker in view.brokers] == [f"in force at {BROKER}"]
    assert (view.fresh, view.revoked_because) == (False, "stolen")

    # Mute: the broker acknowledges what it sends, and gives it to nobody.
    await stolen.send(stolen.press())
    press = await kept.send(kept.press())
    await kept.until_receipt(press, "stored")
    assert house.alerts_of(stolen.device_id) == []
    assert all(each.device_id != stolen.device_id for each in house.screen.doubtful.values())

    # Shut out.
    identity = Identity.device(stolen._folder)
    assert await asyncio.to_thread(refused, stolen._port, identity.context())
    assert not kept._party.put_out.is_set()
    assert not stolen._party.put_out.is_set()


async def test_while_a_broker_does_not_follow_its_press_is_doubted_and_that_is_said(
    house: House, follower: Follower, maya: Screen
) -> None:
    stolen = await certified(house)
    await follower.stop()

    async def says_so() -> bool:
        async with house.walk.database.connected() as connection:
            # Its last word may still be on its way into the database.
            await connection.execute(
                "UPDATE broker_following SET at = clock_timestamp() - interval '3 hours'"
            )
        said = msgspec.json.decode((await revoke(maya, stolen.device_id)).body, type=Revoked)
        assert not said.in_force
        silent = f"{BROKER} was last heard 3 h ago: there it is NOT in force"
        return any(silent in broker.says for broker in said.brokers)

    await until(says_so)
    await house.until_forgotten(stolen.device_id)
    await stolen.send(stolen.press())
    await house.screen.until(
        lambda screen: any(
            each.device_id == stolen.device_id and "revoked" in each.reason
            for each in screen.doubtful.values()
        )
    )
    assert house.alerts_of(stolen.device_id) == []

    await follower.start()
    await until_in_force(maya, stolen.device_id)


async def test_a_button_without_a_certificate_on_record_is_revoked_and_the_rest_is_said(
    house: House, maya: Screen
) -> None:
    unknown = await house.sender()
    view = msgspec.json.decode((await revoke(maya, unknown.device_id, "lost")).body, type=Revoked)
    assert view.fresh
    assert not view.in_force
    assert "No certificate of this button" in view.remarks[0]
    assert "by hand" in view.remarks[0]


async def test_dispatchers_and_neighbours_revoke_nothing(house: House, maya: Screen) -> None:
    button = await certified(house)
    refused = await revoke(house.screen, button.device_id)
    assert refused.status == 403
    assert "ask one of administrator, facilities, supervisor" in problem(refused).message
    assert (await revoke(maya, button.device_id, "bored")).status == 400
    for device_id in ("btn-0000000000", "nonsense", "00000000-0000-7000-8000-000000000000"):
        assert (await revoke(maya, device_id)).status == 404
    async with house.walk.database.pool() as pool:
        with pytest.raises(NotFound, match="no button"):
            await revoke_device(
                pool,
                config=load_config(house.walk.server.config),
                jurisdiction="48491",
                device_id=button.device_id,
                by="Nia Brooks",
                reason="stolen",
            )
    press = await button.send(button.press())
    await button.until_receipt(press, "stored")


async def test_the_list_is_given_to_anybody_and_only_when_it_is_new(house: House) -> None:
    url = f"{house.walk.server.url}/api/v1/revocations"
    async with aiohttp.ClientSession() as anybody:
        async with anybody.get(url) as answer:
            issuer = read_certificate(house.walk.deployment.folder / "ca" / "issuing.crt")
            body = await answer.read()
            found = revocation_list.read(body, issuer=issuer, now=datetime.now(UTC))
            assert answer.headers["ETag"] == f'"{found.number}"'
        async with anybody.get(url, headers={"If-None-Match": answer.headers["ETag"]}) as same:
            assert (same.status, await same.read()) == (304, b"")
        async with anybody.get(url, headers={"If-None-Match": '"1"'}) as newer:
            assert (newer.status, await newer.read()) == (200, body)


async def test_only_a_broker_can_say_what_holds_at_a_broker(house: House) -> None:
    folder = house.walk.deployment.folder
    button = (await house.sender())._folder
    liar = Certified.load(button / "client.crt", button / "client.key")
    root = Authority.load(folder / "ca" / "ca.crt", folder / "ca" / "ca.key")
    broker = Certified.load(folder / "broker" / "broker.crt", folder / "broker" / "broker.key")
    stranger = root.certify_broker(["localhost"], now=datetime.now(UTC))
    said = following.Following(broker="broker-z", number=2**40)
    genuine = following.stated(said, broker)
    nameless = following.stated(following.Following(broker="../", number=1), broker)
    lies = [
        following.stated(said, liar),
        following.stated(said, stranger),
        genuine[:-8] + "AAAAAAAA",
        nameless,
        "",
        "nonsense",
        base64.urlsafe_b64encode(b"[" * 2900).decode() + ".e30.e30",
        "\x00" * 5000,
    ]
    async with client(house.walk.server.url) as anybody, house.walk.database.pool() as pool:
        for lie in lies:
            path = "/api/v1/revocations/following"
            answer = await anybody.ask("POST", path, data=lie.encode())
            assert answer.status in {400, 413}, lie
            problem(answer)
        assert "broker-z" not in {each.name for each in await following.brokers(pool, number=1)}
        answer = await anybody.ask("POST", path, data=genuine.encode())
        assert answer.status == 204
        assert "broker-z" in {each.name for each in await following.brokers(pool, number=1)}
        await following.forget_broker(pool, "broker-z")


async def test_a_server_without_an_authority_says_so_and_still_refuses_the_button(
    house: House,
) -> None:
    config = house.walk.deployment.server_config(
        replica_id="server-2",
        port=free_port(),
        dsn=house.walk.database.dsn,
        brokers=house.walk.deployment.broker_urls,
    )
    text = config.read_text()
    head, _, tail = text.partition("[authority]")
    config.write_text(head + tail[tail.index("[keys]") :])
    button = await certified(house)
    async with (
        parts.running_server(parts.Server(config)) as server,
        client(server.url, email=parts.MAYA.email) as maya,
    ):
        told = problem(await maya.ask("GET", "/api/v1/revocations"))
        assert "no [authority]" in told.message
        path = f"/api/v1/devices/{button.device_id}/revoke"
        answer = await maya.ask("POST", path, json={"because": "retired"})
        view = msgspec.json.decode(answer.body, type=Revoked)
    assert view.fresh
    assert "Deny the button at each broker by hand" in view.remarks[0]
    await house.until_forgotten(button.device_id)
