"""The live line: who may hold it, and what a page that says odd things does to the others."""

import aiohttp
import pytest

from tests.parts import MAYA, WAIT_S
from tests.walk.house import House
from tests.web.client import client, problem
from tocsin_server.web.live import FRAME_BYTES_MAX

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIVE = "/api/v1/live"


async def test_nobody_listens_without_a_session(house: House) -> None:
    async with client(house.walk.server.url) as nobody:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await nobody.session.ws_connect(f"{nobody.url}{LIVE}")
    assert refused.value.status == 401


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1", "null", "http://localhost:1", "file://"]
)
async def test_a_page_of_another_origin_gets_no_line(house: House, origin: str) -> None:
    async with client(house.walk.server.url, email=MAYA.email) as maya:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await maya.session.ws_connect(f"{maya.url}{LIVE}", headers={"Origin": origin})
    assert refused.value.status == 403


async def test_a_page_that_came_by_way_of_a_proxy_gets_its_line(house: House) -> None:
    async with client(house.walk.server.url, email=MAYA.email) as maya:
        headers = {"Origin": house.walk.server.url, "Host": "behind-the-proxy"}
        async with maya.session.ws_connect(f"{maya.url}{LIVE}", headers=headers) as socket:
            assert (await socket.receive_json())["type"] == "snapshot"


async def test_a_page_of_our_own_origin_gets_a_snapshot_first(house: House) -> None:
    async with (
        client(house.walk.server.url, email=MAYA.email) as maya,
        maya.session.ws_connect(f"{maya.url}{LIVE}", headers={"Origin": maya.url}) as socket,
    ):
        first = await socket.receive_json()
    assert first["type"] == "snapshot"
    assert first["replica_id"] == "server-1"
    assert {site["name"] for site in first["sites"]}


@pytest.mark.parametrize(
    "said",
    [
        "",
        "{",
        "[]",
        '{"type": "painted"}',
        '{"type": "painted", "alert_id": "7", "version": 1}',
        '{"type": "painted", "alert_id": "\\u0000", "version": -1}',
        '{"type": "acknowledge", "alert_id": "x"}',
        '{"type": "looking"}',
        '{"type": "looking", "alert_id": "7"}',
        "[" * 2000,
    ],
)
async def test_a_page_that_says_odd_things_still_gets_the_next_alert(
    house: House, said: str
) -> None:
    sender = await house.sender()
    async with (
        client(house.walk.server.url, email=MAYA.email) as maya,
        maya.session.ws_connect(f"{maya.url}{LIVE}") as socket,
    ):
        await socket.receive_json()
        await socket.send_str(said)
        await socket.send_bytes(said.encode())
        await sender.send(sender.press())
        while True:
            frame = await socket.receive_json()
            if frame["type"] == "alert" and frame["alert"]["device_id"] == sender.device_id:
                break


async def test_a_page_that_says_too_much_loses_its_line_and_no_other_does(house: House) -> None:
    sender = await house.sender()
    async with (
        client(house.walk.server.url, email=MAYA.email) as maya,
        maya.session.ws_connect(f"{maya.url}{LIVE}") as socket,
    ):
        await socket.receive_json()
        await socket.send_str("x" * (FRAME_BYTES_MAX + 1))
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    await sender.send(sender.press())
    await house.alert_of(sender.device_id)


async def test_a_line_pulses_by_itself(house: House) -> None:
    async with (
        client(house.walk.server.url, email=MAYA.email) as maya,
        maya.session.ws_connect(f"{maya.url}{LIVE}") as socket,
    ):
        while (await socket.receive_json())["type"] != "pulse":
            pass


async def test_the_line_of_an_account_that_ends_is_cut_within_seconds(house: House) -> None:
    async with (
        client(house.walk.server.url, email=MAYA.email) as maya,
        house.walk.database.connected() as connection,
        maya.session.ws_connect(f"{maya.url}{LIVE}") as socket,
    ):
        await socket.receive_json()
        ends = "UPDATE person SET ends_on = current_date - 2 WHERE email = $1"
        await connection.execute(ends, MAYA.email)
        try:
            while (await socket.receive(timeout=WAIT_S)).type is aiohttp.WSMsgType.TEXT:
                pass
            answer = await maya.ask("GET", "/api/v1/session")
            assert answer.status == 401
            refused = await maya.sign_in(MAYA.email)
            assert refused.status == 401
            assert "Your account ended on" in problem(refused).message
        finally:
            never = "UPDATE person SET ends_on = NULL WHERE email = $1"
            await connection.execute(never, MAYA.email)
