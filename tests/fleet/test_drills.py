"""Drill windows: who may open one, and which buttons are told of it."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.fleet.station import Site, Wall, Wire
from tests.offices import open_office
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet import drills
from tocsin_server.fleet.directory import Device, DrillWindow, Entries
from tocsin_server.fleet.drills import Begun, Drills, DrillView, end_drill, open_drill, orders
from tocsin_wire import signing
from tocsin_wire.messages import Command
from tocsin_wire.signing import SigningKey

KEY = SigningKey.generate()


class Frame(msgspec.Struct):
    """A frame with the open windows."""

    type: str
    drills: list[DrillView]


class Range:
    """An office's drills as one replica runs them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.wire = Wire(site.clock)
        self.wall = Wall()
        self.drills = Drills(
            site.connection, site.directory, KEY, lambda: [self.wire], show=self.wall.show
        )

    async def open(self, minutes: int = 10) -> DrillView:
        return await open_drill(
            self.site.pool,
            jurisdiction=self.site.office.jurisdiction,
            site_id=self.site.office.site_id,
            minutes=minutes,
            opened_by="Dana Ortiz",
        )

    async def end(self, drill_id: UUID) -> None:
        await end_drill(
            self.site.pool,
            jurisdiction=self.site.office.jurisdiction,
            drill_id=drill_id,
            by="Dana Ortiz",
        )

    async def boot(self, device_id: str) -> UUID:
        """A button starts, and is heard."""
        boot = uuid4()
        await self.site.pool.execute(
            "UPDATE device_health SET boot_id = $1 WHERE device_id = $2", boot, device_id
        )
        self.drills.connected(device_id)
        return boot

    async def commands(self) -> list[Command]:
        """What the buttons are told after the directory is read."""
        await self.site.directory.read()
        await self.drills.turn()
        sent, self.wire.sent = self.wire.sent, []
        assert {each.qos for each in sent} <= {1}
        heard = [signing.verify(each.body, Command, {KEY.kid: KEY.public}) for each in sent]
        assert [each.topic for each in sent] == [
            f"tocsin/v1/48453/{command.device_id}/command" for command in heard
        ]
        return heard

    def shown(self) -> list[list[str]]:
        """The windows in each frame, by who opened them."""
        return [
            [drill.opened_by for drill in msgspec.json.decode(body, type=Frame).drills]
            for _, body in self.wall.frames
        ]


@pytest.fixture
def range_(site: Site) -> Range:
    return Range(site)


@pytest.mark.parametrize("minutes", [1, 60])
async def test_a_drill_lasts_its_minutes(range_: Range, minutes: int) -> None:
    drill = await range_.open(minutes)
    opened, closes = (datetime.fromisoformat(text) for text in (drill.opened_at, drill.closes_at))
    assert (closes - opened).total_seconds() == pytest.approx(minutes * 60, abs=0.002)
    assert (drill.site, drill.opened_by) == ("County Clerk", "Dana Ortiz")


@pytest.mark.parametrize("minutes", [0, -5, 61, 10**9])
async def test_no_drill_lasts_longer_than_an_hour(range_: Range, minutes: int) -> None:
    with pytest.raises(Invalid, match="1 to 60 minutes"):
        await range_.open(minutes)


async def test_an_open_drill_is_not_opened_again(range_: Range) -> None:
    await range_.open(10)
    with pytest.raises(Refused, match="County Clerk for 10 more min, opened by Dana Ortiz"):
        await range_.open(60)


async def test_a_site_of_another_jurisdiction_is_not_there(range_: Range) -> None:
    foreign = await open_office(range_.site.pool, jurisdiction="48201")
    drill = await range_.open()
    with pytest.raises(NotFound):
        await open_drill(
            range_.site.pool,
            jurisdiction=foreign.jurisdiction,
            site_id=range_.site.office.site_id,
            minutes=5,
            opened_by="Eve",
        )
    with pytest.raises(NotFound):
        await end_drill(
            range_.site.pool,
            jurisdiction=foreign.jurisdiction,
            drill_id=UUID(str(drill.drill_id)),
            by="Eve",
        )
    await range_.site.directory.read()
    assert len(range_.drills.views("48453")) == 1
    assert range_.drills.views("48201") == []


async def test_a_drill_ends_once_and_may_follow_another(range_: Range) -> None:
    drill = await range_.open()
    await range_.end(drill.drill_id)
    await range_.end(drill.drill_id)
    await range_.site.directory.read()
    assert range_.drills.views("48453") == []
    again = await range_.open()
    await range_.end(drill.drill_id)  # whoever ends a drill there ends all drills there
    await range_.site.directory.read()
    assert again.drill_id != drill.drill_id
    assert range_.drills.views("48453") == []


async def test_buttons_that_were_heard_begin_a_drill_once(range_: Range) -> None:
    button, unheard = range_.site.office.device_id, await range_.site.add_button()
    boot = await range_.boot(button)
    assert await range_.commands() == []
    await range_.open(10)
    (command,) = await range_.commands()
    assert (command.device_id, command.boot_id) == (button, boot)
    assert command.name == "drill_begin"
    assert 590 <= (command.args.until_s or 0) <= 600
    assert await range_.commands() == []
    await range_.boot(unheard)
    (late,) = await range_.commands()
    assert late.device_id == unheard


async def test_a_button_that_starts_in_a_drill_is_told_and_numbers_rise(range_: Range) -> None:
    button = range_.site.office.device_id
    await range_.boot(button)
    await range_.open()
    (first,) = await range_.commands()
    boot = await range_.boot(button)
    (second,) = await range_.commands()
    assert second.boot_id == boot
    assert second.command_seq > first.command_seq
    assert second.command_id != first.command_id


async def test_a_drill_that_is_ended_early_ends_at_the_buttons(range_: Range) -> None:
    button = range_.site.office.device_id
    await range_.boot(button)
    drill = await range_.open()
    (begin,) = await range_.commands()
    await range_.end(drill.drill_id)
    (end,) = await range_.commands()
    assert (end.name, end.device_id) == ("drill_end", button)
    assert end.command_seq > begin.command_seq
    assert await range_.commands() == []


async def test_a_button_that_connects_as_its_drill_is_ended_is_told_of_the_end(
    range_: Range,
) -> None:
    button = range_.site.office.device_id
    await range_.boot(button)
    drill = await range_.open()
    await range_.commands()
    range_.drills.connected(button)
    await range_.end(drill.drill_id)
    (end,) = await range_.commands()
    assert (end.name, end.device_id) == ("drill_end", button)


async def test_another_site_hears_nothing_of_a_drill(range_: Range) -> None:
    other = await open_office(range_.site.pool, jurisdiction="48201")
    await range_.boot(other.device_id)
    await range_.open()
    assert await range_.commands() == []


async def test_a_revoked_button_hears_nothing_of_a_drill(range_: Range) -> None:
    await range_.boot(range_.site.office.device_id)
    await range_.site.pool.execute("UPDATE device SET state = 'revoked'")
    await range_.open()
    assert await range_.commands() == []


async def test_screens_see_a_drill_begin_and_end(range_: Range) -> None:
    drill = await range_.open()
    await range_.commands()
    await range_.end(drill.drill_id)
    await range_.commands()
    await range_.commands()
    assert range_.shown() == [["Dana Ortiz"], []]
    assert {jurisdiction for jurisdiction, _ in range_.wall.frames} == {"48453"}


def test_a_drill_that_closes_by_itself_is_forgotten_without_a_command() -> None:
    now = time.monotonic()
    begun = {
        "btn-closes": Begun(uuid4(), now + 0.1),
        "btn-ended0": Begun(uuid4(), now + 100),
    }
    due = orders(Entries(), begun)
    assert (due.begin, due.end, due.forget) == ({}, ["btn-ended0"], ["btn-closes"])


class Untouched(dict[str, Device]):
    """Buttons of which one may be looked up, and all of them may not."""

    def __iter__(self) -> NoReturn:
        pytest.fail("all buttons are looked at")

    values = items = keys = __iter__


async def test_only_buttons_that_a_window_is_of_are_looked_at(range_: Range) -> None:
    await open_office(range_.site.pool, jurisdiction="48201")
    drill = await range_.open()
    await range_.site.directory.read()
    entries = range_.site.directory.entries
    assert len(entries.devices) == 2
    due = orders(replace(entries, devices=Untouched(entries.devices)), {})
    found = {device_id: window.drill_id for device_id, window in due.begin.items()}
    assert found == {range_.site.office.device_id: drill.drill_id}


async def until_shown(range_: Range, *frames: list[str]) -> None:
    async with asyncio.timeout(20):
        while range_.shown() != [*frames]:  # noqa: ASYNC110 (frames are kept, not told)
            await asyncio.sleep(0.02)


async def test_screens_see_a_drill_close_by_itself(range_: Range) -> None:
    """Once it is shown, nothing else tells of its end."""
    await range_.site.directory.read()
    window = put_a_window(range_, left_s=600.0)
    await range_.drills.turn()
    put_a_window(range_, left_s=0.5, of=window)
    running = asyncio.create_task(range_.drills.run())
    try:
        await until_shown(range_, ["Sam"], [])
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_screens_see_a_drill_that_closes_while_the_database_takes_its_time(
    range_: Range, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = asyncio.Event()

    async def take_time(_: object) -> None:
        await answers.wait()

    monkeypatch.setattr(drills, "finish_what_is_over", take_time)
    await range_.site.directory.read()
    window = put_a_window(range_, left_s=600.0)
    running = asyncio.create_task(range_.drills.run())
    try:
        await until_shown(range_, ["Sam"])
        put_a_window(range_, left_s=0.0, of=window)
        answers.set()
        await until_shown(range_, ["Sam"], [])
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def put_a_window(range_: Range, *, left_s: float, of: DrillWindow | None = None) -> DrillWindow:
    """As if the directory had read it; `of`: one that it has read before."""
    now, site_id = datetime.now(UTC), range_.site.office.site_id
    closes = time.monotonic() + left_s
    window = DrillWindow(uuid4(), "48453", site_id, "County Clerk", "Sam", now, now, closes)
    window = window if of is None else replace(of, closes_monotonic=closes)
    directory = range_.site.directory
    directory.entries = replace(directory.entries, drills=(window,))
    return window
