"""A closed site is quiet until it opens, and its buttons say so: with a real database."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.fleet.station import Replica, Site
from tocsin_server.fleet.maintenance import open_maintenance
from tocsin_server.fleet.supervise import DeviceView
from tocsin_wire.messages import Contacts, timestamp

CHICAGO = ZoneInfo("America/Chicago")  # the office's zone
EIGHT = datetime(2026, 11, 3, 8, 0, tzinfo=CHICAGO)
NIGHT = datetime(2026, 11, 3, 3, 0, tzinfo=CHICAGO)
CUT = Contacts(no_closed=False, nc_closed=False)

Opened = Callable[[str | None, datetime], Awaitable[Replica]]


def set_clock(site: Site, now: datetime) -> None:
    """The database's clock, as far as a replica reads it, is at this moment."""
    site.connection._clock_offset = now.astimezone(UTC) - datetime.now(UTC)


@pytest.fixture
def opened(site: Site) -> Opened:
    """A replica at this moment, and a site with these hours."""

    async def begin(hours: str | None, now: datetime) -> Replica:
        await site.pool.execute("UPDATE site SET opening_hours = $1", hours)
        await site.directory.read()
        set_clock(site, now)
        return site.replica()

    return begin


def view_of(replica: Replica, site: Site) -> DeviceView:
    (view,) = replica.supervisor.views(site.office.jurisdiction)
    return view


async def test_a_loss_at_night_is_on_the_screens_at_once_and_told_when_the_site_opens(
    site: Site, opened: Opened
) -> None:
    replica = await opened("Mon-Fri 08:00-17:00", EIGHT - timedelta(seconds=90))
    site.beat(site.office.device_id)
    await site.pass_time(50)
    seen = view_of(replica, site)
    assert (seen.state, seen.told_from) == ("lost", timestamp(EIGHT))
    assert await site.told() == []
    set_clock(site, EIGHT - timedelta(seconds=5))
    await site.pass_time(2)
    assert await site.told() == []
    set_clock(site, EIGHT)
    await site.turn()
    (told,) = await site.told()
    assert "SITE DARK" in told
    assert view_of(replica, site).told_from is None


async def test_a_button_that_is_back_before_the_site_opens_is_nobodys_news(
    site: Site, opened: Opened
) -> None:
    replica = await opened("Mon-Fri 08:00-17:00", NIGHT)
    button = site.office.device_id
    site.beat(button)
    await site.pass_time(50)
    await site.pass_time(30, alive=(button,))
    assert view_of(replica, site).told_from is None
    set_clock(site, EIGHT)
    await site.pass_time(10, alive=(button,))
    assert replica.wall.states_of(button)[-2:] == ["lost", "ok"]
    assert await site.told() == []


@pytest.mark.parametrize(
    ("hours", "now"),
    [
        (None, NIGHT),
        ("Mon-Fri 08:00-17:00", EIGHT),
        ("Mon-Fri 08:00-17:00", EIGHT + timedelta(hours=8)),
        ("what no file would bring in", NIGHT),
    ],
    ids=["always open", "in the morning", "in the afternoon", "unreadable"],
)
async def test_a_loss_at_an_open_site_is_told_at_once(
    site: Site, opened: Opened, hours: str | None, now: datetime
) -> None:
    replica = await opened(hours, now)
    site.beat(site.office.device_id)
    await site.pass_time(50)
    assert len(await site.told()) == 1
    assert view_of(replica, site).told_from is None


async def test_a_sites_own_zone_says_when_it_is_open(site: Site, opened: Opened) -> None:
    await site.pool.execute("UPDATE site SET time_zone = 'America/Denver'")
    replica = await opened("Mon-Fri 08:00-17:00", EIGHT + timedelta(minutes=1))
    site.beat(site.office.device_id, undervoltage=True)
    await site.pass_time(10)
    assert await site.told() == []
    assert view_of(replica, site).told_from == timestamp(EIGHT + timedelta(hours=1))


async def test_a_cut_wire_at_night_is_told_at_once(site: Site, opened: Opened) -> None:
    replica = await opened("Mon-Fri 08:00-17:00", NIGHT)
    site.beat(site.office.device_id, contacts=CUT, selftest=["enclosure is open"])
    await site.pass_time(10)
    cut, opened_case = await site.told()
    assert "contacts disagree. The site is closed now: who is there?" in cut
    assert "Its case is open. The site is closed now: who is there?" in opened_case
    assert view_of(replica, site).told_from is None


async def test_what_was_told_by_day_is_not_said_to_wait_for_the_morning(
    site: Site, opened: Opened
) -> None:
    replica = await opened("Mon-Fri 08:00-17:00", EIGHT)
    site.beat(site.office.device_id)
    await site.pass_time(50)
    set_clock(site, EIGHT + timedelta(hours=12))
    await site.turn()
    assert view_of(replica, site).told_from is None
    set_clock(site, EIGHT + timedelta(hours=24))
    await site.turn()
    assert len(await site.told()) == 1


async def test_maintenance_goes_before_hours(site: Site, opened: Opened) -> None:
    replica = await opened("Mon-Fri 08:00-17:00", NIGHT)
    await open_maintenance(
        site.pool,
        jurisdiction=site.office.jurisdiction,
        site_id=site.office.site_id,
        minutes=60,
        reason="new wiring",
        opened_by="Sam Novak",
    )
    await site.directory.read()
    site.beat(site.office.device_id, contacts=CUT)
    await site.pass_time(10)
    seen = view_of(replica, site)
    assert (seen.told_from, seen.maintenance_until is not None) == (None, True)
    assert await site.told() == []


async def test_screens_see_it_when_a_site_closes(site: Site, opened: Opened) -> None:
    replica = await opened("Mon-Fri 08:00-17:00", EIGHT)
    await site.pool.execute("UPDATE jurisdiction SET on_call_number = NULL")
    site.beat(site.office.device_id, undervoltage=True)
    await site.turn()
    frames = len(replica.wall.frames)
    set_clock(site, EIGHT + timedelta(hours=9))
    await site.turn()
    assert len(replica.wall.frames) == frames + 1
    assert view_of(replica, site).told_from == timestamp(EIGHT + timedelta(hours=24))
