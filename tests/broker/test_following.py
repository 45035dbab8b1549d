"""What runs beside a Mosquitto takes over every list that holds, and no other."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from structlog.testing import capture_logs

from tests.broker.parties import JURISDICTION, Identity, Party, refused
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet import revocation_list
from tocsin_server.fleet.broker_follow import Follower, reload_by, reload_mosquitto, with_denials
from tocsin_server.fleet.certificates import Authority, DeploymentError
from tocsin_server.fleet.deployment import add_device, create_deployment, issuing_authority
from tocsin_server.fleet.revocation_list import Revoked
from tocsin_wire.topics import Leaf, every, topic

NOW = datetime.now(UTC)
LOST, STOLEN = "btn-0123456789", "btn-abcdefghjk"


def lost(device_id: str = LOST, serial: int = 1) -> Revoked:
    return Revoked(serial=serial, device_id=device_id, revoked_at=NOW)


@dataclass
class Server:
    """What a server would answer; None: it is away."""

    url: str
    pem: bytes | None
    said: list[str] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)

    async def give(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers.get("If-None-Match"))
        if self.pem is None:
            raise web.HTTPBadGateway
        return web.Response(body=self.pem)

    async def hear(self, request: web.Request) -> web.Response:
        self.said.append(await request.text())
        return web.Response(status=204)


@dataclass
class Beside:
    """A broker's folder with a follower in it, which a test turns by hand."""

    folder: Path
    authority: Authority
    server: Server
    session: aiohttp.ClientSession
    reloads: list[bytes] = field(default_factory=list)  # what crl.pem held

    def follower(self, servers: Sequence[str] = ()) -> Follower:
        async def reload() -> None:
            self.reloads.append(self.crl)

        urls = servers or [self.server.url]
        return Follower(self.folder, servers=urls, name="broker-a", reload=reload)

    def signed(self, *revoked: Revoked, number: int, now: datetime = NOW) -> bytes:
        return revocation_list.sign(self.authority, revoked, number=number, now=now)

    @property
    def crl(self) -> bytes:
        return (self.folder / "crl.pem").read_bytes()

    @property
    def acl(self) -> str:
        return (self.folder / "acl").read_text()


@pytest_asyncio.fixture
async def beside(tmp_path: Path) -> AsyncIterator[Beside]:
    create_deployment(tmp_path / "d", jurisdiction=JURISDICTION)
    port = free_port()
    server = Server(f"http://127.0.0.1:{port}", None)
    app = web.Application()
    app.router.add_get("/api/v1/revocations", server.give)
    app.router.add_post("/api/v1/revocations/following", server.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with aiohttp.ClientSession() as session:
        yield Beside(tmp_path / "d/broker", issuing_authority(tmp_path / "d"), server, session)
    await runner.cleanup()


FUTURE = 2**33  # above what init wrote: a number is a time in seconds


async def test_a_new_list_is_written_read_in_and_told_of(beside: Beside) -> None:
    before = beside.acl
    beside.server.pem = beside.signed(lost(), number=FUTURE)
    await beside.follower().turn(beside.session)
    first, second = revocation_list.split(beside.crl)
    assert second == beside.server.pem
    root = beside.folder.parent / "ca"
    issuer = Authority.load(root / "ca.crt", root / "ca.key").certificate
    assert revocation_list.is_signed_by(first, issuer)  # the root's own stays
    assert beside.acl.startswith(before)
    assert f"\nuser {LOST}\ntopic deny #\n" in beside.acl
    assert beside.reloads == [beside.crl]
    assert len(beside.server.said) == 1


def hostile(beside: Beside) -> dict[str, tuple[bytes, str]]:
    stranger = Authority.create(f"Tocsin {JURISDICTION} issuing", now=NOW)
    decade = timedelta(days=3660)
    good = beside.signed(lost(STOLEN), number=FUTURE + 1)
    return {
        "of somebody else": (
            revocation_list.sign(stranger, [lost(STOLEN)], number=FUTURE + 1, now=NOW),
            "isn't signed by the authority",
        ),
        "with a byte changed": (good[:200] + b"A" + good[201:], "no revocation list|isn't signed"),
        "older": (beside.signed(number=FUTURE - 1), "is older than"),
        "over": (beside.signed(number=FUTURE + 1, now=NOW - decade), "it ended on"),
        "yet to come": (beside.signed(number=FUTURE + 1, now=NOW + decade), "set that clock"),
        "garbage": (b"\x00garbage\xff", "no revocation list"),
        "nothing": (b"", "no revocation list"),
        "cut short": (good[: len(good) // 2], "no revocation list"),
        "a page of a proxy": (b"<html>Sign in to the Wi-Fi</html>", "no revocation list"),
        "without end": (b"x" * (revocation_list.LIST_BYTES_MAX + 1), "is longer than"),
    }


async def test_a_list_that_does_not_hold_is_refused_aloud_and_changes_nothing(
    beside: Beside,
) -> None:
    follower = beside.follower()
    beside.server.pem = beside.signed(lost(), number=FUTURE)
    await follower.turn(beside.session)
    crl, acl, reloads = beside.crl, beside.acl, list(beside.reloads)
    for what, (pem, reason) in hostile(beside).items():
        beside.server.pem = pem
        with capture_logs() as lines:
            await follower.turn(beside.session)
            await follower.turn(beside.session)
        told = [line for line in lines if "no list from" in line["event"]]
        assert len(told) == 1, what
        assert any(word in told[0]["because"] for word in reason.split("|")), (what, told)
        assert (beside.crl, beside.acl, beside.reloads) == (crl, acl, reloads), what
        beside.server.pem = beside.signed(lost(), number=FUTURE)
        await follower.turn(beside.session)


async def test_a_server_that_is_away_is_told_of_once_and_so_is_its_return(beside: Beside) -> None:
    follower = beside.follower()
    with capture_logs() as lines:
        for _ in range(3):
            await follower.turn(beside.session)
    away = [line for line in lines if "NO SERVER GIVES A LIST" in line["event"]]
    assert len(away) == 1
    assert "since" in away[0]
    beside.server.pem = beside.signed(lost(), number=FUTURE)
    with capture_logs() as lines:
        await follower.turn(beside.session)
    assert any("NO SERVER" in line.get("trouble", "") for line in lines)
    assert LOST in beside.acl


async def test_of_several_servers_one_that_answers_is_enough(beside: Beside) -> None:
    beside.server.pem = beside.signed(lost(), number=FUTURE)
    follower = beside.follower([f"http://127.0.0.1:{free_port()}", beside.server.url])
    await follower.turn(beside.session)
    await follower.turn(beside.session)
    assert LOST in beside.acl
    assert beside.server.asked == [beside.server.asked[0], f'"{FUTURE}"']


async def test_a_hand_s_edits_of_the_acl_stay_and_a_button_that_is_off_the_list_speaks_again(
    beside: Beside,
) -> None:
    follower = beside.follower()
    by_hand = "\nuser plotter\ntopic read tocsin/v1/+/+/status\n"
    (beside.folder / "acl").write_text(beside.acl + by_hand)
    shipped_and_hand = beside.acl
    beside.server.pem = beside.signed(lost(), lost(STOLEN, 2), number=FUTURE)
    await follower.turn(beside.session)
    appended = "\nuser b\ntopic deny #\n"
    (beside.folder / "acl").write_text(beside.acl + appended)
    beside.server.pem = beside.signed(lost(STOLEN, 2), number=FUTURE + 1)
    await follower.turn(beside.session)
    assert STOLEN in beside.acl
    assert LOST not in beside.acl
    beside.server.pem = beside.signed(number=FUTURE + 2)
    await follower.turn(beside.session)
    assert beside.acl == shipped_and_hand + appended


async def test_what_somebody_breaks_in_its_files_is_mended_at_once(beside: Beside) -> None:
    follower = beside.follower()
    beside.server.pem = beside.signed(lost(), number=FUTURE)
    await follower.turn(beside.session)
    good = beside.crl, beside.acl
    (beside.folder / "crl.pem").write_bytes(b"garbage")
    await follower.turn(beside.session)
    first, second = revocation_list.split(good[0])
    assert beside.crl == second  # what the root signed is lost, and no broker asks for it
    (beside.folder / "acl").write_text(good[1].replace("topic deny #", ""))
    await follower.turn(beside.session)
    assert beside.acl == good[1]
    assert len(beside.reloads) == 3
    del first


async def test_what_was_written_before_a_crash_is_read_in_at_the_next_start(
    beside: Beside,
) -> None:
    beside.server.pem = beside.signed(lost(), number=FUTURE)

    async def crash() -> None:
        raise KeyboardInterrupt

    follower = Follower(beside.folder, servers=[beside.server.url], name="broker-a", reload=crash)
    with pytest.raises(KeyboardInterrupt):
        await follower.turn(beside.session)
    assert LOST in beside.acl
    beside.server.pem = None  # not even the server is needed
    await beside.follower().turn(beside.session)
    assert beside.reloads == [beside.crl]


async def test_a_broker_that_cannot_be_told_is_not_said_to_follow(beside: Beside) -> None:
    beside.server.pem = beside.signed(lost(), number=FUTURE)
    for reload, reason in (
        (lambda: reload_mosquitto(beside.folder), "no Mosquitto of ours runs"),
        (lambda: reload_by("exit 3"), "ended with 3"),
    ):
        follower = Follower(
            beside.folder, servers=[beside.server.url], name="broker-a", reload=reload
        )
        with capture_logs() as lines:
            await follower.turn(beside.session)
            await follower.turn(beside.session)
        told = [line for line in lines if "CAN'T BE PUT IN FORCE" in line["event"]]
        assert len(told) == 1
        assert reason in told[0]["because"]
    assert beside.server.said == []
    (beside.folder / "acl").unlink()
    with capture_logs() as lines:
        await beside.follower().turn(beside.session)
    assert any("CAN'T BE PUT IN FORCE" in line["event"] for line in lines)


def test_a_block_that_a_hand_has_damaged_keeps_its_denials() -> None:
    whole = with_denials("pattern read a\n", [LOST])
    damaged = "".join(whole.splitlines(keepends=True)[:-1])
    again = with_denials(damaged, [STOLEN])
    assert f"user {LOST}\ntopic deny #\n" in again
    assert f"user {STOLEN}\ntopic deny #\n" in again
    assert with_denials(again, [STOLEN]) == again


@pytest.mark.parametrize("missing", ["ca.crt", "broker.crt", "broker.key"])
async def test_a_folder_that_is_no_brokers_is_refused(beside: Beside, missing: str) -> None:
    (beside.folder / missing).unlink()
    with pytest.raises(DeploymentError, match=missing):
        beside.follower()


async def test_a_folder_of_two_deployments_is_refused(beside: Beside, tmp_path: Path) -> None:
    create_deployment(tmp_path / "other", jurisdiction=JURISDICTION)
    shutil.copy(tmp_path / "other/broker/ca.crt", beside.folder / "ca.crt")
    with pytest.raises(DeploymentError, match="not of the deployment"):
        beside.follower()


async def test_a_real_mosquitto_shuts_out_and_silences_and_disturbs_nobody_else(
    beside: Beside,
) -> None:
    deployment = beside.folder.parent
    new = [
        add_device(deployment, jurisdiction=JURISDICTION, brokers=["mqtts://127.0.0.1:8883"])
        for _ in range(2)
    ]
    thief, kept = (Identity.device(each.folder) for each in new)
    broker = Mosquitto(beside.folder, port=free_port())
    await broker.start()
    follower = Follower(
        beside.folder,
        servers=[beside.server.url],
        name="broker-a",
        reload=lambda: reload_mosquitto(beside.folder),
    )
    try:
        with (
            Party(Identity.server(deployment, "server-1"), broker.port) as server,
            Party(thief, broker.port) as thiefs,
            Party(kept, broker.port) as others,
        ):
            server.subscribe(every(Leaf.PRESS))
            server.subscribe(every(Leaf.STATUS))
            thiefs.subscribe(topic(JURISDICTION, thief.name, Leaf.RECEIPT))
            beside.server.pem = beside.signed(
                lost(thief.name, new[0].certificate.serial_number), number=FUTURE
            )
            await follower.turn(beside.session)
            thiefs.publish(topic(JURISDICTION, thief.name, Leaf.PRESS), b"from a thief")
            thiefs.publish(topic(JURISDICTION, thief.name, Leaf.STATUS), b"kept", retain=True)
            server.publish(topic(JURISDICTION, thief.name, Leaf.RECEIPT), b"not for a thief")
            others.publish(topic(JURISDICTION, kept.name, Leaf.PRESS), b"from a poll worker")
            assert server.next().payload == b"from a poll worker"
            assert await asyncio.to_thread(refused, broker.port, thief.context())
            assert thiefs.heard.empty()
            assert not server.put_out.is_set()
            assert not others.put_out.is_set()
    finally:
        await broker.stop()
