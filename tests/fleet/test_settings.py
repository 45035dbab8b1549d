"""A button's settings: accepted as they were proven, a drift from then on, and accepted again."""

import asyncio

import asyncpg
import pytest

from tests.fleet.station import Replica, Site
from tests.offices import open_office
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.settings import accept_settings
from tocsin_server.fleet.supervise import SYNC_EVERY_S

DRIFT = "Its settings are not those that it was proven with."


async def prove(site: Site, by: str = "Dana Ortiz") -> None:
    """Somebody acknowledges a press, as the database's acknowledge() writes it down."""
    await site.pool.execute(
        "UPDATE device_health SET last_proven_at = clock_timestamp(), last_proven_by = $1", by
    )
    await site.directory.read()


async def accepted(site: Site) -> asyncpg.Record:
    return await site.pool.fetchrow("SELECT config_digest, config_accepted_by FROM device")


async def accept(site: Site, device_id: str | None = None, *, by: str = "Sam Novak") -> None:
    await accept_settings(
        site.pool,
        jurisdiction=site.office.jurisdiction,
        device_id=device_id or site.office.device_id,
        accepted_by=by,
    )
    await site.directory.read()


def health(replica: Replica, site: Site) -> list[str]:
    (view,) = replica.supervisor.views(site.office.jurisdiction)
    assert (view.faults == ["settings"]) is (view.health == [DRIFT])
    return view.health


async def test_the_first_proof_accepts_the_settings_and_a_later_one_hides_no_drift(
    site: Site,
) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button, config_digest="as built")
    await site.pass_time(1)
    await prove(site)
    assert tuple(await accepted(site)) == ("as built", "Dana Ortiz")
    site.beat(button, config_digest="as built")
    assert health(replica, site) == []
    site.beat(button, config_digest="as somebody wants it")
    assert health(replica, site) == [DRIFT]
    await site.pass_time(10, alive=())
    (told,) = await site.told()
    assert DRIFT in told
    await prove(site, "Luis Herrera")
    assert tuple(await accepted(site)) == ("as built", "Dana Ortiz")
    site.beat(button, config_digest="as somebody wants it")
    assert health(replica, site) == [DRIFT]


async def test_settings_change_freely_before_anybody_has_proven_the_button(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    for digest in ("one", "two"):
        site.beat(button, config_digest=digest)
        await site.pass_time(SYNC_EVERY_S + 1)
        assert health(replica, site) == []
    with pytest.raises(Refused, match="isn't proven yet"):
        await accept(site)
    await prove(site)
    assert tuple(await accepted(site)) == ("two", "Dana Ortiz")


async def test_one_word_accepts_changed_settings_and_another_change_is_a_drift_again(
    site: Site,
) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button, config_digest="as built")
    await site.pass_time(1)
    await prove(site)
    with pytest.raises(Refused, match="are those that were accepted before"):
        await accept(site)
    site.beat(button, config_digest="silent")
    await site.pass_time(SYNC_EVERY_S + 1)
    await accept(site)
    await site.turn()
    assert health(replica, site) == []
    assert tuple(await accepted(site)) == ("silent", "Sam Novak")
    site.beat(button, config_digest="as built")
    assert health(replica, site) == [DRIFT]


async def test_a_button_that_says_nothing_of_its_settings_has_not_drifted(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.pass_time(1)
    await prove(site)
    assert (await accepted(site))["config_digest"] is None
    site.beat(button, config_digest="at last")
    assert health(replica, site) == []


async def test_nobody_accepts_what_is_not_theirs_or_not_in_service(site: Site) -> None:
    office = await open_office(site.pool, jurisdiction="48491")
    for device_id in ("btn-0000000000", office.device_id):
        with pytest.raises(NotFound, match="no button"):
            await accept(site, device_id)
    with pytest.raises(Invalid, match="the name of who accepts them"):
        await accept(site, by=" ")
    await site.pool.execute("UPDATE device SET state = 'revoked'")
    with pytest.raises(NotFound, match="in service"):
        await accept(site)


async def test_only_a_first_proof_has_the_directory_read_anew(site: Site) -> None:
    heard: list[str] = []
    async with site.pool.acquire() as connection:

        def hear(*told: object) -> None:
            heard.append(str(told[2]))

        await connection.add_listener("tocsin_directory", hear)
        site.replica()
        site.beat(site.office.device_id, config_digest="as built")
        await site.pass_time(1)
        for expected in (["tocsin_directory"], ["tocsin_directory"]):
            await site.pool.execute("UPDATE device_health SET last_proven_at = clock_timestamp()")
            await connection.execute("SELECT 1")  # what was told before it has come
            assert heard == expected
        await connection.remove_listener("tocsin_directory", hear)


async def test_an_acknowledgement_waits_for_nobody_who_works_on_the_button(site: Site) -> None:
    site.replica()
    site.beat(site.office.device_id, config_digest="as built")
    await site.pass_time(1)
    async with site.pool.acquire() as other, other.transaction():
        await other.execute("UPDATE device SET place_confirmed_by = 'Maya Chen'")
        async with asyncio.timeout(5):
            await prove(site)
    assert (await accepted(site))["config_digest"] is None
    await prove(site)
    assert (await accepted(site))["config_digest"] == "as built"
