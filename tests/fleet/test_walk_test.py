"""Walk tests: the first press of each button is a test, once, and everything else is real."""

import asyncio
from datetime import timedelta
from typing import TypedDict
from uuid import UUID, uuid4

import pytest

from tests.alert.presses import Said, store
from tests.fleet.station import Site, Wall, Wire
from tests.offices import open_office
from tocsin_server.alert.escalate import Escalate
from tocsin_server.alert.lifecycle import PROVING_S
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.drills import Drills, end_drill, open_drill
from tocsin_server.fleet.sites import add_place, place_device
from tocsin_server.fleet.walk_test import (
    WalkButton,
    WalkTest,
    WalkTestStarted,
    end_walk_test,
    finish_what_is_over,
    held_walk_test,
    read_walk_test,
    start_walk_test,
)
from tocsin_wire import signing
from tocsin_wire.messages import Command
from tocsin_wire.signing import SigningKey

KEY = SigningKey.generate()
SAM = "Sam Novak"
BEFORE_MS = 5 * 60_000


class Where(TypedDict):
    """Which site is meant."""

    jurisdiction: str
    site_id: UUID


class Round:
    """Somebody with a phone who goes round an office, and its buttons' presses."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.pool = site.pool
        self.button = site.office.device_id
        self.boot_id = uuid4()
        self.seq = 0

    async def start(self, minutes: int = 60, *, by: str = SAM) -> WalkTestStarted:
        return await start_walk_test(self.pool, **self.where, minutes=minutes, by=by)

    async def end(self) -> WalkTest:
        return await end_walk_test(self.pool, **self.where, by=SAM)

    async def end_drill(self, drill_id: UUID, *, by: str) -> None:
        """As the console ends any drill."""
        jurisdiction = self.site.office.jurisdiction
        await end_drill(self.pool, jurisdiction=jurisdiction, drill_id=drill_id, by=by)

    @property
    def where(self) -> Where:
        return Where(jurisdiction=self.site.office.jurisdiction, site_id=self.site.office.site_id)

    def press(self, device_id: str | None = None, /, **fields: object) -> Said:
        """What a button in the drill says next; `fields` say otherwise."""
        self.seq += 1
        usual = {"said_drill": True, "boot_id": self.boot_id, "seq": self.seq}
        return Said(device_id=device_id or self.button, **(usual | fields))  # type: ignore[arg-type]

    async def store(self, *presses: Said) -> list[UUID]:
        return await store(self.pool, self.site.office, *presses)

    async def drills(self, *presses: Said) -> list[bool]:
        """What the server decided of these presses."""
        query = "SELECT drill FROM press WHERE device_id = $1 AND press_id = $2"
        return [
            await self.pool.fetchval(query, press.device_id, press.press_id) for press in presses
        ]

    async def until_one_waits(self, waiting: asyncio.Task[object]) -> None:
        """Until it stands behind a lock of ours: only then is there a race to be won or lost."""
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        async with asyncio.timeout(20):
            while not await self.pool.fetchval(waits):
                assert not waiting.done()
                await asyncio.sleep(0.01)

    async def acknowledge(self, alert_id: UUID) -> None:
        await self.pool.fetchrow(
            "SELECT * FROM acknowledge($1, $2, $3, $4, 'console', NULL)",
            *(alert_id, self.site.office.jurisdiction, self.site.office.dispatcher, SAM),
        )

    async def walk_test(self) -> WalkTest:
        return await held_walk_test(self.pool, **self.where)

    async def one(self, device_id: str | None = None) -> WalkButton:
        """A button of the walk test."""
        buttons = (await self.walk_test()).buttons
        return next(each for each in buttons if each.device_id == (device_id or self.button))

    async def its_time_passes(self) -> None:
        for table, columns in (
            ("drill_window", ("opened_at", "closes_at")),
            ("press", ("pressed_at", "received_at")),
            ("alert", ("pressed_at", "received_at", "stored_at")),
        ):
            earlier = ", ".join(f"{each} = {each} - $1::interval" for each in columns)
            await self.pool.execute(f"UPDATE {table} SET {earlier}", timedelta(hours=1))  # noqa: S608


@pytest.fixture
def round_(site: Site) -> Round:
    return Round(site)


async def test_the_first_press_is_a_test_and_the_second_is_real(round_: Round) -> None:
    await round_.start()
    first, second, third = round_.press(), round_.press(), round_.press()
    (test,) = await round_.store(first)
    (real,) = await round_.store(second)
    assert await round_.store(third) == [real]
    assert await round_.drills(first, second, third) == [True, False, False]
    assert real != test
    button = await round_.one()
    assert (button.state, button.alert_id) == ("pressed", test)
    assert button.stored_ms is not None


async def test_two_presses_that_come_together_are_one_test(round_: Round) -> None:
    await round_.start()
    presses = [round_.press() for _ in range(3)]
    await round_.store(*presses)
    assert sorted(await round_.drills(*presses)) == [False, False, True]


async def test_replicas_that_hear_different_presses_at_once_call_one_of_them_the_first(
    round_: Round,
) -> None:
    buttons = [round_.button, *[await round_.site.add_button() for _ in range(9)]]
    await round_.start()
    presses = [[round_.press(each) for each in buttons] for _ in range(4)]
    await asyncio.gather(*(round_.store(*each) for each in presses), round_.store(*presses[0]))
    decided = [await round_.drills(*each) for each in presses]
    assert [sum(of_button) for of_button in zip(*decided, strict=True)] == [1] * len(buttons)


async def test_the_same_press_again_stays_a_test(round_: Round) -> None:
    await round_.start()
    press = round_.press()
    (alert,) = await round_.store(press)
    assert await round_.store(press) == [alert]
    assert await round_.pool.fetchval("SELECT count(*) FROM alert") == 1


@pytest.mark.parametrize("order", ["as pressed", "together", "hold first"])
async def test_a_press_that_is_held_is_one_press(round_: Round, order: str) -> None:
    await round_.start()
    press, hold = round_.press(), round_.press(gesture="hold")
    if order == "together":
        await round_.store(press, hold)
    else:
        for each in (press, hold) if order == "as pressed" else (hold, press):
            await round_.store(each)
    assert await round_.drills(press, hold) == [True, True]
    assert await round_.pool.fetchval("SELECT count(*) FROM alert") == 1
    second, held = round_.press(), round_.press(gesture="hold")
    await round_.store(second)
    await round_.store(held)
    assert await round_.drills(second, held) == [False, False]


@pytest.mark.parametrize("order", ["as pressed", "hold first"])
async def test_a_press_and_its_hold_that_two_replicas_store_at_once_are_one_test(
    round_: Round, order: str
) -> None:
    await round_.start()
    press, hold = round_.press(), round_.press(gesture="hold")
    first, second = (press, hold) if order == "as pressed" else (hold, press)
    async with round_.pool.acquire() as replica, replica.transaction():
        await store(replica, round_.site.office, first)
        other = asyncio.create_task(round_.store(second))
        await round_.until_one_waits(other)
    await other
    assert await round_.drills(press, hold) == [True, True]
    assert await round_.pool.fetchval("SELECT count(*) FROM alert") == 1


async def test_a_hold_of_a_test_that_was_acknowledged_meanwhile_opens_no_other(
    round_: Round,
) -> None:
    await round_.start()
    (alert,) = await round_.store(round_.press())
    await round_.acknowledge(alert)
    assert await round_.store(round_.press(gesture="hold")) == [alert]
    assert (await round_.one()).state == "proven"


async def test_a_cancel_of_a_test_belongs_to_it(round_: Round) -> None:
    await round_.start()
    press = round_.press()
    (alert,) = await round_.store(press)
    cancel = round_.press(kind="cancel", gesture="hold", cancels=press.press_id)
    assert await round_.store(cancel) == [alert]
    assert await round_.drills(cancel) == [True]


@pytest.mark.parametrize(
    ("fields", "then"),
    [
        ({"kind": "tamper"}, [False, True]),
        ({"said_drill": False}, [False, True]),
        ({"age_ms": BEFORE_MS}, [False, True]),
        ({"gesture": "double"}, [True, False]),
        ({"kind": "assist"}, [True, False]),
        ({"kind": "test"}, [True, False]),
    ],
    ids=str,
)
async def test_what_is_no_press_of_the_round_uses_up_no_test(
    round_: Round, fields: dict[str, object], then: list[bool]
) -> None:
    """The opened case, a button that knows nothing of the drill, a press from before it began."""
    await round_.start()
    odd, press = round_.press(**fields), round_.press()
    for each in (odd, press):
        await round_.store(each)
    assert await round_.drills(odd, press) == then


async def test_a_press_that_was_stored_before_uses_up_no_test(round_: Round) -> None:
    """Its button restarted: it says the press again, and no longer knows how old it is."""
    old = round_.press()
    await round_.store(old)
    await round_.start()
    await round_.store(old)
    assert (await round_.one()).state == "not_pressed"
    press = round_.press()
    await round_.store(press)
    assert await round_.drills(old, press) == [False, True]


async def test_a_second_press_says_why_it_is_real(round_: Round) -> None:
    await round_.start()
    await round_.store(round_.press())
    (real,) = await round_.store(round_.press())
    remarks = await round_.pool.fetchval("SELECT remarks FROM alert WHERE alert_id = $1", real)
    assert remarks == ["The button says this is a drill, but it is none here: treat it as real."]


async def test_a_test_pages_nobody_and_a_second_press_does(round_: Round) -> None:
    await round_.start()
    (test,) = await round_.store(round_.press())
    (real,) = await round_.store(round_.press())
    proving = "SELECT proves_button(a) FROM alert a WHERE alert_id = $1"
    assert await round_.pool.fetchval(proving, test) is True
    assert await round_.pool.fetchval(proving, real) is False


async def test_a_test_that_nobody_answers_climbs_after_ten_minutes_and_says_when(
    round_: Round,
) -> None:
    """Somebody in danger may have pressed it, in a walk test that everybody forgot."""
    now = [1_000.0]
    escalate = Escalate(round_.site.connection, round_.site.directory, clock=lambda: now[0])
    said = "SELECT attempt, alert_view(a)->>'next_decision_at' AS next FROM alert a"
    await round_.start()
    await round_.store(round_.press())
    for elapsed_s in (0.0, PROVING_S - 2):
        now[0] = 1_000.0 + elapsed_s
        await escalate.turn()
        assert tuple(await round_.pool.fetchrow(said)) == (0, None)
    now[0] = 1_000.0 + PROVING_S
    await escalate.turn()
    row = await round_.pool.fetchrow(said)
    assert row["attempt"] > 0
    assert row["next"] is not None


async def test_a_button_is_proven_by_whoever_acknowledges_and_by_nothing_else(
    round_: Round,
) -> None:
    other = await round_.site.add_button()
    await round_.start()
    (first,) = await round_.store(round_.press())
    (second,) = await round_.store(round_.press(other))
    await round_.acknowledge(first)
    await round_.pool.execute(
        "SELECT resolve($1, $2, 'Dana Ortiz', 'test', '')", second, round_.site.office.jurisdiction
    )
    proven, closed = await round_.one(), await round_.one(other)
    assert (proven.state, proven.acknowledged_by) == ("proven", SAM)
    assert proven.acknowledged_ms is not None
    assert proven.stored_ms is not None
    assert proven.acknowledged_ms >= proven.stored_ms >= 0
    assert (closed.state, closed.acknowledged_by, closed.closed_by) == (
        "closed",
        None,
        "Dana Ortiz",
    )
    last_proven = "SELECT last_proven_by FROM device_health WHERE device_id = $1"
    assert await round_.pool.fetchval(last_proven, round_.button) == SAM
    assert await round_.pool.fetchval(last_proven, other) is None


async def test_a_test_that_the_dispatchers_take_for_real_is_out_of_the_walk_test(
    round_: Round,
) -> None:
    await round_.start()
    (alert,) = await round_.store(round_.press())
    await round_.pool.execute(
        "SELECT make_actual($1, $2, 'Dana Ortiz')", alert, round_.site.office.jurisdiction
    )
    button = await round_.one()
    assert (button.state, button.alert_id, button.pressed_at) == ("withdrawn", None, None)
    await round_.end()
    assert await round_.pool.fetchval("SELECT resolved_at FROM alert") is None


async def test_a_second_walker_joins(round_: Round) -> None:
    first = await round_.start(30)
    await round_.store(round_.press())
    second = await round_.start(60, by="Maya Chen")
    assert (first.joined, second.joined) == (False, True)
    assert second.walk_test.opened_by == SAM
    assert second.walk_test.closes_at == first.walk_test.closes_at
    assert [each.state for each in second.walk_test.buttons] == ["pressed"]


async def test_walkers_who_start_in_the_same_moment_have_one_walk_test(round_: Round) -> None:
    started = await asyncio.gather(*(round_.start(by=f"Walker {n}") for n in range(4)))
    assert len({each.walk_test.walk_test_id for each in started}) == 1
    assert sorted(each.joined for each in started) == [False, True, True, True]


@pytest.mark.parametrize("minutes", [0, -5, 61, 10**9])
async def test_no_walk_test_lasts_longer_than_an_hour(round_: Round, minutes: int) -> None:
    with pytest.raises(Invalid, match="1 to 60 minutes"):
        await round_.start(minutes)
    assert await read_walk_test(round_.pool, **round_.where) is None


async def test_a_walk_test_and_an_ordinary_drill_exclude_each_other(round_: Round) -> None:
    drill = await open_drill(round_.pool, **round_.where, minutes=5, opened_by="Dana Ortiz")
    with pytest.raises(Refused, match=r"for 5 more min, opened by Dana Ortiz.*End it first"):
        await round_.start()
    await round_.end_drill(drill.drill_id, by="Dana Ortiz")
    await round_.start()
    with pytest.raises(Refused, match=f"opened by {SAM}"):
        await open_drill(round_.pool, **round_.where, minutes=5, opened_by="Dana Ortiz")


async def test_a_site_of_another_jurisdiction_is_not_there(round_: Round) -> None:
    foreign = await open_office(round_.pool, jurisdiction="48201")
    where = Where(jurisdiction=foreign.jurisdiction, site_id=round_.site.office.site_id)
    await round_.start()
    with pytest.raises(NotFound):
        await start_walk_test(round_.pool, **where, minutes=5, by="Eve")
    with pytest.raises(NotFound):
        await end_walk_test(round_.pool, **where, by="Eve")
    with pytest.raises(NotFound):
        await read_walk_test(round_.pool, **where)
    assert (await round_.walk_test()).is_open


async def test_a_site_without_a_walk_test_has_none_to_end(round_: Round) -> None:
    with pytest.raises(NotFound, match="start one first"):
        await round_.end()


async def test_the_end_closes_what_was_acknowledged_and_leaves_open_what_was_not(
    round_: Round,
) -> None:
    other = await round_.site.add_button()
    await round_.start()
    (first,) = await round_.store(round_.press())
    (second,) = await round_.store(round_.press(other))
    await round_.acknowledge(first)
    over = await round_.end()
    assert (over.is_open, over.ended_by) == (False, SAM)
    outcome = "SELECT outcome FROM alert WHERE alert_id = $1"
    assert await round_.pool.fetchval(outcome, first) == "test"
    assert await round_.pool.fetchval(outcome, second) is None
    await round_.acknowledge(second)  # late, and still by a human
    again = await round_.end()
    assert [each.state for each in again.buttons] == ["proven", "proven"]
    assert (again.closes_at, again.ended_by) == (over.closes_at, SAM)
    assert await round_.pool.fetchval(outcome, second) == "test"


async def test_the_end_leaves_open_a_test_that_is_made_real_in_this_moment(round_: Round) -> None:
    await round_.start()
    (alert,) = await round_.store(round_.press())
    await round_.acknowledge(alert)
    make_real = "SELECT make_actual($1, $2, 'Dana Ortiz')"
    async with round_.pool.acquire() as dispatcher, dispatcher.transaction():
        await dispatcher.execute(make_real, alert, round_.site.office.jurisdiction)
        ending = asyncio.create_task(round_.end())
        await round_.until_one_waits(ending)
    assert [each.state for each in (await ending).buttons] == ["withdrawn"]
    row = await round_.pool.fetchrow("SELECT drill, resolved_at FROM alert")
    assert (row["drill"], row["resolved_at"]) == (False, None)


async def test_no_press_waits_for_a_walk_test_that_is_being_finished(round_: Round) -> None:
    started = await round_.start()
    finish = "SELECT finish_walk_test($1, $2)"
    async with round_.pool.acquire() as ending, ending.transaction():
        await ending.execute(finish, started.walk_test.walk_test_id, SAM)
        late = round_.press(await round_.site.add_button())
        async with asyncio.timeout(20):
            await round_.store(late)
    assert await round_.drills(late) == [True]


async def test_walk_tests_of_several_sites_are_finished_together(round_: Round) -> None:
    office = await open_office(round_.pool, jurisdiction="48201")
    where = Where(jurisdiction=office.jurisdiction, site_id=office.site_id)
    await round_.start()
    await start_walk_test(round_.pool, **where, minutes=60, by=SAM)
    await round_.its_time_passes()
    await asyncio.gather(*(finish_what_is_over(round_.pool) for _ in range(3)))
    finished = "SELECT count(finished_at) FROM walk_test"
    assert await round_.pool.fetchval(finished) == 2


async def test_one_that_ends_by_time_is_finished_by_whoever_notices(round_: Round) -> None:
    await round_.start()
    (alert,) = await round_.store(round_.press())
    await round_.acknowledge(alert)
    await finish_what_is_over(round_.pool)
    assert (await round_.walk_test()).is_open
    await round_.its_time_passes()
    await asyncio.gather(*(finish_what_is_over(round_.pool) for _ in range(3)))
    over = await round_.walk_test()
    assert (over.is_open, over.ended_by) == (False, None)
    assert await round_.pool.fetchval("SELECT resolved_by FROM alert") == SAM
    press = round_.press()
    await round_.store(press)
    assert await round_.drills(press) == [False]
    closed = "SELECT count(*) FROM alert_event WHERE name = 'resolved'"
    assert await round_.pool.fetchval(closed) == 1


async def test_what_was_tested_is_on_file_whatever_becomes_of_the_buttons(round_: Round) -> None:
    moved = await round_.site.add_button()
    await round_.pool.execute('UPDATE device_health SET heartbeat = \'{"firmware": "0.1.0"}\'')
    await round_.start()
    await round_.end()
    office = round_.site.office
    elsewhere = await add_place(
        round_.pool, jurisdiction=office.jurisdiction, site_id=office.site_id, room="Stage"
    )
    await place_device(
        round_.pool, jurisdiction=office.jurisdiction, device_id=moved, place_id=elsewhere,
        confirmed_by=SAM,
    )  # fmt: skip
    await round_.pool.execute("UPDATE device SET state = 'revoked' WHERE device_id = $1", moved)
    await round_.pool.execute("UPDATE device_health SET heartbeat = NULL")
    added = await round_.site.add_button()
    on_file = (await round_.walk_test()).buttons
    assert {each.device_id for each in on_file} == {round_.button, moved}
    assert {(each.room, each.firmware) for each in on_file} == {("Counter", "0.1.0")}
    await round_.start()
    now = (await round_.walk_test()).buttons
    assert {each.device_id for each in now} == {round_.button, added}


async def test_a_press_that_arrives_after_the_end_is_the_test_it_was_when_it_was_made(
    round_: Round,
) -> None:
    await round_.start()
    await round_.its_time_passes()
    await finish_what_is_over(round_.pool)
    late = round_.press(age_ms=BEFORE_MS)
    await round_.store(late)
    assert await round_.drills(late) == [True]
    assert (await round_.one()).state == "pressed"


async def test_places_are_in_the_order_in_which_people_count(round_: Round) -> None:
    office = round_.site.office
    for spot in ("Table 10", "Table 2", "Door"):
        place = await add_place(
            round_.pool, jurisdiction=office.jurisdiction, site_id=office.site_id, spot=spot
        )
        button = await round_.site.add_button()
        await place_device(
            round_.pool, jurisdiction=office.jurisdiction, device_id=button, place_id=place,
            confirmed_by=SAM,
        )  # fmt: skip
    started = await round_.start()
    places = [each.place for each in started.walk_test.buttons]
    assert places == ["Counter", "Door", "Table 2", "Table 10"]


# What the buttons are told.


class Told:
    """One replica, and the commands that it gives."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.wire = Wire(site.clock)
        self.drills = Drills(
            site.connection, site.directory, KEY, lambda: [self.wire], show=Wall().show
        )

    async def commands(self) -> list[tuple[str, str]]:
        """What the buttons are told after the directory is read."""
        await self.site.directory.read()
        await self.drills.turn()
        sent, self.wire.sent = self.wire.sent, []
        heard = [signing.verify(each.body, Command, {KEY.kid: KEY.public}) for each in sent]
        return sorted((command.device_id, command.name) for command in heard)

    async def boot(self, device_id: str) -> None:
        """A button starts, and is heard."""
        await self.site.pool.execute(
            "UPDATE device_health SET boot_id = $1 WHERE device_id = $2", uuid4(), device_id
        )
        self.drills.connected(device_id)


async def test_a_button_is_told_of_the_drill_until_it_has_had_its_press(round_: Round) -> None:
    button, other = round_.button, await round_.site.add_button()
    told = Told(round_.site)
    for each in (button, other):
        await told.boot(each)
    await round_.start()
    assert await told.commands() == sorted([(button, "drill_begin"), (other, "drill_begin")])
    await round_.store(round_.press())
    assert await told.commands() == [(button, "drill_end")]
    assert await told.commands() == []


async def test_a_button_that_was_lost_in_the_middle_is_told_again_unless_it_had_its_press(
    round_: Round,
) -> None:
    button, other = round_.button, await round_.site.add_button()
    told = Told(round_.site)
    for each in (button, other):
        await told.boot(each)
    await round_.start()
    await round_.store(round_.press())
    await told.commands()
    for each in (button, other):
        await told.boot(each)
    assert await told.commands() == [(other, "drill_begin")]


async def test_a_server_that_restarts_in_the_middle_goes_on_where_it_stands(round_: Round) -> None:
    button, other = round_.button, await round_.site.add_button()
    before = Told(round_.site)
    for each in (button, other):
        await before.boot(each)
    await round_.start()
    await round_.store(round_.press())
    after = Told(round_.site)
    assert await after.commands() == [(other, "drill_begin")]
    again, first = round_.press(), round_.press(other)
    await round_.store(again, first)
    assert await round_.drills(again, first) == [False, True]


async def test_whoever_ends_the_drill_window_ends_the_walk_test(round_: Round) -> None:
    told = Told(round_.site)
    await told.boot(round_.button)
    started = await round_.start()
    assert await told.commands() == [(round_.button, "drill_begin")]
    assert [view.walk_test for view in told.drills.views("48453")] == [True]
    (alert,) = await round_.store(round_.press())
    await round_.acknowledge(alert)
    for by in ("Dana Ortiz", "Maya Chen"):  # who comes second has ended nothing
        await round_.end_drill(started.walk_test.walk_test_id, by=by)
    assert await told.commands() == [(round_.button, "drill_end")]
    over = await round_.walk_test()
    assert (over.is_open, over.ended_by) == (False, "Dana Ortiz")
    assert await round_.pool.fetchval("SELECT resolved_by FROM alert") == "Dana Ortiz"


async def test_while_the_database_is_away_no_press_of_a_walk_test_is_taken_for_a_drill(
    round_: Round,
) -> None:
    """Which press is the first only the database can say: a false alarm costs less."""
    directory = round_.site.directory
    device = directory.entries.devices[round_.button]
    await round_.start()
    await directory.read()
    assert [window.walk_test for window in directory.entries.drills] == [True]
    assert directory.entries.drill_open(device) is False
