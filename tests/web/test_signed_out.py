"""A screen stays live only as long as its reader is signed in, as what he signed in as."""

import aiohttp
import pytest

from tests.parts import LUIS, WAIT_S
from tests.walk.house import House
from tests.web.client import client

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def until_closed(socket: aiohttp.ClientWebSocketResponse) -> None:
    while (await socket.receive(timeout=WAIT_S)).type is aiohttp.WSMsgType.TEXT:
        pass


async def test_whoever_is_signed_out_elsewhere_sees_no_more(house: House) -> None:
    async with (
        client(house.walk.server.url, email=LUIS.email) as luis,
        luis.session.ws_connect(f"{luis.url}/api/v1/live") as socket,
    ):
        assert (await socket.receive_json())["type"] == "snapshot"
        async with house.walk.database.connected() as connection:
            await connection.execute(
                "DELETE FROM session USING person p"
                " WHERE p.person_id = session.person_id AND p.email = $1",
                LUIS.email,
            )
        await until_closed(socket)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await luis.session.ws_connect(f"{luis.url}/api/v1/live")
