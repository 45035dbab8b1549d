"""Both nights in which the clock is changed, during a shift: somebody is always on, and told.

The county's clock is the database's. It is said here what time it is by that one, and no other.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
import pytest_asyncio

from tests import parts
from tests.parts import DANA, LUIS, MAYA, Alert, Frame
from tests.stepped_clock import SteppedClock
from tests.stories.house import County, open_county
from tests.walk.house import LONG_S, until
from tocsin_server.demo import example
from tocsin_server.demo.example import Person
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.fleet.policies import FIRST_POLICY, set_policy
from tocsin_server.people.shift_changes import Day, EntryForm, add_entry, add_plan

pytestmark = pytest.mark.asyncio(loop_scope="session")

ZONE = ZoneInfo(example.TIME_ZONE)
SAM = "Sam Novak"
SPRING, FALL = "2027-03-14", "2027-11-07"  # Sundays: 2:00 is 3:00, and 2:00 is 1:00 once more
CLOCK_OFF_MAX = timedelta(seconds=3)


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> SteppedClock:
    return SteppedClock(tmp_path_factory.mktemp("c") / "clock")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def whole_county(
    clock: SteppedClock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[County]:
    """A county whose PostgreSQL goes by this clock. Who is on is the same behind a firewall."""
    folder = tmp_path_factory.mktemp("p")
    async with (
        parts.own_postgres(folder, environment=clock.environment) as postgres,
        open_county(postgres, tmp_path_factory.mktemp("s"), public=True) as county,
    ):
        yield county


async def it_is(county: County, clock: SteppedClock, local: str, *, again: bool = False) -> None:
    """It is this time on the county's wall; `again`: the second time in that night."""
    moment = datetime.fromisoformat(local).replace(tzinfo=ZONE, fold=again)
    clock.say(moment, synced=True)

    async def said() -> bool:
        async with county.screen._session.ws_connect(f"{county.screen.url}/api/v1/live") as live:
            frame = msgspec.json.decode(await live.receive_str(), type=Frame)
        assert frame.now is not None
        off = datetime.fromisoformat(frame.now) - moment
        if off >= CLOCK_OFF_MAX:
            clock.say(moment, synced=True)  # the server took its time to look at the database's
        return timedelta() <= off < CLOCK_OFF_MAX

    await until(said)


async def night_begins(county: County, clock: SteppedClock, local: str) -> None:
    """Months go by, in which whoever was signed in is signed out."""
    clock.say(datetime.fromisoformat(local).replace(tzinfo=ZONE), synced=True)
    county.screen = await county.walk.screen()
    await it_is(county, clock, local)


async def shifts(county: County, *hours: tuple[Person, str, str]) -> UUID:
    """A plan of everyday hours, by the clock on the wall."""
    named = {"jurisdiction": example.JURISDICTION, "by": SAM}
    async with county.walk.database.pool() as pool:
        count: int = await pool.fetchval("SELECT count(*) FROM shift_plan")
        plan_id = await add_plan(pool, name=f"Nights {count + 1}", **named)
        for person, start, end in hours:
            form = EntryForm(
                person_id=county.people[person.name],
                days=[*get_args(Day)],
                from_time=start,
                to_time=end,
            )
            await add_entry(pool, plan_id=plan_id, form=form, **named)
    return plan_id


async def tell_whoever_is_on(county: County, *plans: UUID) -> None:
    """Tier by tier whoever is on in these plans, and at last Maya."""
    async with county.walk.database.pool() as pool:
        await set_policy(
            pool,
            jurisdiction=example.JURISDICTION,
            name=FIRST_POLICY,
            tiers=[
                *[PolicyTier(patience_s=LONG_S, people=[], shifts=(plan,)) for plan in plans],
                PolicyTier(patience_s=LONG_S, people=[county.people[MAYA.name]]),
            ],
        )


async def told_by(county: County, alert: Alert) -> set[str]:
    """Who was told, once each of them has the text."""
    names = {each.name for each in await county.sent(alert)}
    for person in (DANA, LUIS, MAYA):
        if person.name in names:
            await county.walk.phone(person).until_received(f"Reply {alert.code} ")
    return names


async def told_at(
    county: County, clock: SteppedClock, local: str, *, again: bool = False
) -> set[str]:
    """Whom a press at this time tells."""
    await it_is(county, clock, local, again=again)
    alert = await county.press()
    await county.at(alert, "tier_told")
    return await told_by(county, alert)


async def test_the_night_that_leaves_out_an_hour_has_somebody_on_in_every_minute(
    county: County, clock: SteppedClock
) -> None:
    await night_begins(county, clock, f"{SPRING} 01:30")
    plan = await shifts(county, (DANA, "18:00", "02:30"), (LUIS, "02:30", "18:00"))
    await tell_whoever_is_on(county, plan, plan)
    await it_is(county, clock, f"{SPRING} 01:59:40")
    county.dana.undeliver(30003)
    alert = await county.press()
    call = await county.dana.until_ringing()
    assert {each.name for each in await county.sent(alert)} == {DANA.name}
    await it_is(county, clock, f"{SPRING} 03:00:01")  # twenty-one seconds later
    call.ring_out()
    await county.luis.until_received(f"Reply {alert.code} ")  # who is on by now
    assert await told_at(county, clock, f"{SPRING} 03:00:05") == {LUIS.name}


async def test_the_hour_that_comes_twice_is_answered_by_both_shifts(
    county: County, clock: SteppedClock
) -> None:
    await night_begins(county, clock, f"{FALL} 00:30")
    plan = await shifts(county, (DANA, "18:00", "01:30"), (LUIS, "01:30", "18:00"))
    await tell_whoever_is_on(county, plan)
    both = {DANA.name, LUIS.name}
    assert await told_at(county, clock, f"{FALL} 01:29") == {DANA.name}
    assert await told_at(county, clock, f"{FALL} 01:31") == both
    assert await told_at(county, clock, f"{FALL} 01:29", again=True) == both
    assert await told_at(county, clock, f"{FALL} 01:31", again=True) == {LUIS.name}
