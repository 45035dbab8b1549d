"""Who looks at which alert: colleagues see it on every replica, no one else does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiohttp import ClientWebSocketResponse

from tests import parts
from tests.parts import DANA, LUIS, MAYA
from tests.walk.house import House
from tests.web.client import Client, client

BEATS = 2

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def line(one: Client) -> AsyncIterator[ClientWebSocketResponse]:
    """A live line, and nobody on it looks at anything yet."""
    async with one.session.ws_connect(f"{one.url}/api/v1/live") as socket:
        assert (await socket.receive_json())["lookers"] == []
        yield socket


async def look(socket: ClientWebSocketResponse, alert_id: str | None) -> None:
    await socket.send_json({"type": "looking", "alert_id": alert_id})


async def until_looked_at(socket: ClientWebSocketResponse, *lookers: tuple[str, str]) -> None:
    """Until it is said that these look, each at an alert, and nobody else."""
    wanted = sorted(lookers)
    found = None
    while found != wanted:
        frame = await socket.receive_json(timeout=parts.WAIT_S)
        if frame["type"] == "looking":
            found = sorted((each["name"], each["alert_id"]) for each in frame["lookers"])


async def until_now(socket: ClientWebSocketResponse) -> list[str]:
    """The types of all that has come. The first beat may be old, the second one can't be."""
    types: list[str] = []
    while types.count("pulse") < BEATS:
        types.append((await socket.receive_json(timeout=parts.WAIT_S))["type"])
    return types


async def test_colleagues_see_it_and_no_one_who_may_not_see_the_alert(
    everybody: dict[str, Client],
) -> None:
    alert_id, other_id = str(uuid4()), str(uuid4())
    async with (
        line(everybody["dispatcher"]) as dana,
        line(everybody["supervisor"]) as maya,
        line(everybody["facilities"]) as sam,
        line(everybody["next door"]) as nia,
    ):
        await look(sam, alert_id)  # who sees no emergency looks at none
        await look(dana, "7")  # odd, and changes nothing
        await look(dana, alert_id)
        await until_looked_at(maya, (DANA.name, alert_id))
        amos = everybody["auditor"]
        async with amos.session.ws_connect(f"{amos.url}/api/v1/live") as late:
            snapshot = await late.receive_json()
            assert snapshot["lookers"] == [{"alert_id": alert_id, "name": DANA.name}]
        await look(maya, other_id)
        await until_looked_at(maya, (DANA.name, alert_id), (MAYA.name, other_id))
        await look(maya, None)
        await until_looked_at(maya, (DANA.name, alert_id))
        await dana.close()
        await until_looked_at(maya)
        for socket in (sam, nia):
            assert "looking" not in await until_now(socket)


async def test_it_is_seen_on_the_other_replica_and_forgotten_with_one_that_dies(
    house: House,
) -> None:
    alert_id = str(uuid4())
    other = await house.walk.another_server()
    async with (
        client(other.url, email=LUIS.email) as luis,
        client(house.walk.server.url, email=MAYA.email) as maya,
        line(luis) as there,
        line(maya) as here,
    ):
        await look(there, alert_id)
        await until_looked_at(here, (LUIS.name, alert_id))
        await look(here, alert_id)
        for socket in (there, here):
            await until_looked_at(socket, (LUIS.name, alert_id), (MAYA.name, alert_id))
        await other.kill()
        await until_looked_at(here, (MAYA.name, alert_id))
