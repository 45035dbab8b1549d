"""The database is gone, or it hangs: a press is shown, told from memory, and stored once."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from tests.parts import DANA, LUIS, MAYA, WAIT_S, Frame, Screen, Walk
from tests.standstill import standstill
from tests.walk.house import detail, told, until
from tocsin_server.demo.postgres import EmbeddedPostgres
from tocsin_server.demo.virtual_button import VirtualButton

SHOWN_WITHIN_S = 2.0  # acceptance
PAGE_WAITS_S = 6.0  # the console gives a socket this long until its snapshot
PAGED_AFTER_S = 5.0  # architecture, step 3 of the walk

Trouble = Callable[[EmbeddedPostgres], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def stopped(postgres: EmbeddedPostgres) -> AsyncIterator[None]:
    """Connections are refused."""
    await postgres.stop()
    try:
        yield
    finally:
        await postgres.start()


@asynccontextmanager
async def hanging(postgres: EmbeddedPostgres) -> AsyncIterator[None]:
    """Connections stand, new ones are taken by the kernel, and nobody answers."""
    assert postgres._child is not None
    first = postgres._child.pid
    os.kill(first, signal.SIGSTOP)  # before its children are counted: it makes no more of them
    processes = [first, *children_of(first)]
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


def children_of(process: int) -> list[int]:
    """All of them, and theirs."""
    direct = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [each for child in map(int, direct) for each in (child, *children_of(child))]


async def status(walk: Walk, path: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{walk.server.url}/{path}") as answer,
    ):
        return answer.status


async def snapshot_of_a_new_page(screen: Screen) -> Frame:
    """What somebody who is signed in gets to see on opening the console now, in time."""
    began = time.monotonic()
    async with (
        standstill() as machine,
        asyncio.timeout(WAIT_S),
        screen._session.ws_connect(f"{screen.url}/api/v1/live") as socket,
    ):
        snapshot = msgspec.json.decode(await socket.receive_str(), type=Frame)
        assert time.monotonic() - began < PAGE_WAITS_S + machine.so_far_s
        return snapshot


@pytest.mark.parametrize("trouble", [stopped, hanging])
async def test_a_press_without_the_database_is_shown_told_from_memory_and_stored_once_it_is_back(
    walk: Walk, screen: Screen, button: VirtualButton, trouble: Trouble
) -> None:
    async with trouble(walk.database.postgres), standstill() as machine:
        before = time.monotonic()
        press = await button.press()
        await screen.until(lambda _: screen.held)
        assert time.monotonic() - before < SHOWN_WITHIN_S + machine.so_far_s
        assert list(screen.held) == [(button.device_id, press.press_id)]
        assert screen.alerts == {}

        for person in (DANA, LUIS):
            text = await walk.phone(person).until_received("NOT YET STORED")
            assert "Front counter" in text.body
        assert time.monotonic() - before >= PAGED_AFTER_S
        assert told(walk.phone(MAYA), "") == []
        state = await button.state()
        assert state.pattern in {"pressed", "sos"}  # no receipt, for however long
        assert state.open[0].state == "pressed"

        shown = await snapshot_of_a_new_page(screen)
        assert isinstance(shown.held, tuple)
        assert [held.press_id for held in shown.held] == [press.press_id]
        await until(lambda: not_ready(walk))
        assert await status(walk, "healthz") == 200

    alert = await screen.until_alert()
    await screen.until(lambda _: not screen.held)
    await button.until_lamp("stored")
    await walk.phone(DANA).until_received(f"Reply {alert.code} ")
    assert (len(screen.alerts), alert.presses, alert.drill) == (1, 1, False)
    assert len(told(walk.phone(DANA), "NOT YET STORED")) == 1

    async def on_record() -> bool:
        return bool((await detail(screen, alert)).named("paged_from_memory"))

    await until(on_record)
    assert len((await detail(screen, alert)).presses) == 1
    await until(lambda: ready(walk))


async def not_ready(walk: Walk) -> bool:
    return await status(walk, "readyz") == 503


async def ready(walk: Walk) -> bool:
    return await status(walk, "readyz") == 200


@pytest.mark.parametrize("trouble", [stopped, hanging])
async def test_what_was_open_stays_on_the_screens_and_who_answers_learns_that_it_was_not_done(
    walk: Walk, screen: Screen, button: VirtualButton, trouble: Trouble
) -> None:
    await button.press()
    alert = await screen.until_alert()
    await button.until_lamp("stored")
    async with trouble(walk.database.postgres):
        refused = await screen.acknowledge(alert)
        assert refused.status == 503
        assert b"was not done" in refused.body
        shown = await snapshot_of_a_new_page(screen)
        assert [each.alert_id for each in shown.alerts] == [alert.alert_id]

    async def taken() -> bool:
        return (await screen.acknowledge(alert)).status == 200

    await until(taken)
    await button.until_lamp("acknowledged")


async def test_a_text_that_can_not_be_dealt_with_is_told_so(
    walk: Walk, screen: Screen, button: VirtualButton
) -> None:
    await button.press()
    alert = await screen.until_alert()
    dana = walk.phone(DANA)
    await dana.until_received(f"Reply {alert.code} ")
    async with stopped(walk.database.postgres):
        (said,) = (await dana.reply(alert.code)).texts
        assert "may not have been taken. Text it again in a minute" in said
    await until(lambda: ready(walk))
    (said,) = (await dana.reply(alert.code)).texts
    assert said.startswith("You have it")
