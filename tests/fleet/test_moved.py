"""A button that was moved, a network that changed, and a site that is worked on."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.fleet.station import Replica, Site
from tocsin_server.errors import NotFound, Refused
from tocsin_server.fleet.directory import Directory
from tocsin_server.fleet.maintenance import end_maintenance, open_maintenance
from tocsin_server.fleet.moved import TOGETHER_S, Seen, Verdict, confirm_network, judge
from tocsin_server.fleet.sites import place_device
from tocsin_server.fleet.supervise import DeviceView

HERE, THERE = "digest-of-here", "digest-of-there"
LONG = TOGETHER_S


@pytest.mark.parametrize(
    ("claim", "site", "verdicts"),
    [
        ("all as it was", [Seen("a", "known"), Seen("b", "known")], {}),
        ("one, for a moment", [Seen("a", "strange", 1.0), Seen("b", "known")], {}),
        ("one, and it stands", [Seen("a", "strange", LONG), Seen("b", "known")], {"a": "doubtful"}),
        ("the only one", [Seen("a", "strange", LONG)], {"a": "doubtful"}),
        (
            "one that can tell among those that can't",
            [Seen("a", "strange", LONG), Seen("b", "nothing")],
            {"a": "doubtful"},
        ),
        (
            "all together, the last one a moment ago",
            [Seen("a", "strange", LONG), Seen("b", "strange", 1.0)],
            {"a": "network", "b": "network"},
        ),
        (
            "two of three",
            [Seen("a", "strange", LONG), Seen("b", "strange", LONG), Seen("c", "known")],
            {"a": "doubtful", "b": "doubtful"},
        ),
        (
            "who was away when the network changed belongs to its notice",
            [Seen("a", "strange", LONG, unheard_s=900.0), Seen("b", "network", 600.0)],
            {"a": "network"},
        ),
        (
            "who was heard as before since then was moved",
            [Seen("a", "strange", LONG, unheard_s=70.0), Seen("b", "network", 600.0)],
            {"a": "doubtful"},
        ),
        (
            "one that was moved before says nothing of the network",
            [Seen("a", "strange", LONG), Seen("b", "doubtful", 900.0), Seen("c", "known")],
            {"a": "doubtful"},
        ),
        ("what was decided stands", [Seen("a", "doubtful", 900.0)], {}),
    ],
)
def test_what_it_means_that_a_button_says_another_network(
    claim: str, site: Sequence[Seen], verdicts: dict[str, Verdict]
) -> None:
    assert judge(site) == verdicts, claim


def view_of(replica: Replica, site: Site, device_id: str) -> DeviceView:
    views = replica.supervisor.views(site.office.jurisdiction)
    return next(view for view in views if view.device_id == device_id)


async def says(site: Site, seconds: int, **digests: str | None) -> None:
    """Time passes while buttons say where they hang on the network; ids as keywords, with _."""
    for second in range(seconds):
        if second % 15 == 0:
            for name, digest in digests.items():
                site.beat(name.replace("_", "-"), place=digest)
        site.clock.now += 1
        if second % 5 == 0:
            await site.turn()
            await site.directory.read()
    await site.turn()


async def settled(site: Site, *buttons: str) -> dict[str, str]:
    """Places learn HERE, and their learning time is over."""
    names = {button.replace("-", "_"): HERE for button in buttons}
    await says(site, 6, **names)
    await site.pool.execute("UPDATE place SET learns_until = clock_timestamp()")
    return names


def remark(replica: Replica, device_id: str) -> bool:
    return replica.whereabouts.is_doubtful(device_id)


async def confirm(site: Site, device_id: str) -> None:
    await place_device(
        site.pool,
        jurisdiction=site.office.jurisdiction,
        device_id=device_id,
        place_id=site.office.place_id,
        confirmed_by="Sam Novak",
    )
    await site.directory.read()


async def test_one_that_moves_is_doubtful_told_once_and_well_where_it_was(site: Site) -> None:
    replicas = [site.replica(), site.replica()]
    moved, stays = site.office.device_id, await site.add_button()
    names = await settled(site, moved, stays)
    away = names | {moved.replace("-", "_"): THERE}
    await says(site, 10, **away)
    assert [remark(replica, moved) for replica in replicas] == [True, True]
    assert await site.told() == []
    await says(site, int(TOGETHER_S) + 20, **away)
    for replica in replicas:
        seen = view_of(replica, site, moved)
        assert seen.place_doubtful_since is not None
        (sentence,) = seen.health
        assert sentence.startswith("This button may have been moved:")
        assert "confirm its place again" in sentence
        assert view_of(replica, site, stays).health == []
        assert not remark(replica, stays)
    (told,) = await site.told()
    assert moved in told
    assert "may have been moved" in told
    await says(site, 20, **names)
    for replica in replicas:
        assert view_of(replica, site, moved).place_doubtful_since is None
        assert view_of(replica, site, moved).health == []
        assert not remark(replica, moved)
    assert await site.pool.fetchval("SELECT count(*) FROM place_doubt") == 0


async def test_a_person_who_confirms_the_place_again_ends_the_doubt(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    await settled(site, button)
    name = button.replace("-", "_")
    await says(site, int(TOGETHER_S) + 10, **{name: THERE})  # the only one of its site
    assert view_of(replica, site, button).place_doubtful_since is not None
    site.replicas.clear()
    started = site.replica()  # what was decided is in the database
    await says(site, 6, **{name: THERE})
    assert remark(started, button)
    await confirm(site, button)
    await says(site, int(TOGETHER_S) + 20, **{name: THERE})
    assert view_of(started, site, button).health == []
    assert len(await site.told()) == 1


async def test_a_board_that_cannot_tell_is_never_in_doubt(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    await settled(site, button)
    await says(site, int(TOGETHER_S) + 20, **{button.replace("-", "_"): None})
    assert view_of(replica, site, button).health == []
    assert await site.told() == []


async def test_a_place_that_nobody_confirmed_is_not_doubted(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    await site.pool.execute("UPDATE device SET place_confirmed_at = NULL")
    await site.directory.read()
    await says(site, int(TOGETHER_S) + 20, **{button.replace("-", "_"): THERE})
    assert view_of(replica, site, button).health == []
    assert await site.pool.fetchval("SELECT digests FROM place") == []


async def test_all_at_once_are_one_notice_and_one_act_confirms_it(site: Site) -> None:
    replicas = [site.replica(), site.replica()]
    every = [site.office.device_id, await site.add_button()]
    names = await settled(site, *every)
    changed = dict.fromkeys(names, THERE)
    await says(site, int(TOGETHER_S) + 20, **changed)
    (told,) = await site.told()
    assert "The network at County Clerk changed" in told
    assert 'tocsin site network-confirm "County Clerk" --by NAME' in told
    for replica in replicas:
        for button in every:
            seen = view_of(replica, site, button)
            assert (seen.health, seen.place_doubtful_since) == ([], None)
            assert seen.network_changed_at is not None
            assert not remark(replica, button)
    where = {"jurisdiction": site.office.jurisdiction, "site_id": site.office.site_id}
    confirmed = await confirm_network(site.pool, confirmed_by="Sam Novak", **where)  # type: ignore[arg-type]
    assert (confirmed.site, confirmed.buttons) == ("County Clerk", 2)
    await site.directory.read()
    await says(site, int(TOGETHER_S) + 20, **changed)
    for replica in replicas:
        assert all(view_of(replica, site, each).network_changed_at is None for each in every)
    assert len(await site.told()) == 1
    by = await site.pool.fetchval("SELECT network_confirmed_by FROM site")
    assert by == "Sam Novak"
    with pytest.raises(Refused, match="No change of the network"):
        await confirm_network(site.pool, confirmed_by="Sam Novak", **where)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        await confirm_network(
            site.pool, jurisdiction="48201", site_id=site.office.site_id, confirmed_by="Sam"
        )


async def maintain(site: Site) -> None:
    await open_maintenance(
        site.pool,
        jurisdiction=site.office.jurisdiction,
        site_id=site.office.site_id,
        minutes=30,
        reason="new switch",
        opened_by="Sam Novak",
    )
    await site.directory.read()


async def test_maintenance_is_shown_and_quiet_and_what_lasts_is_told_after_it(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.turn()
    await maintain(site)
    with pytest.raises(Refused, match="Maintenance is on at County Clerk for 30 more min"):
        await maintain(site)
    await site.pass_time(50)
    seen = view_of(replica, site, button)
    assert seen.state == "lost"
    assert seen.maintenance_until is not None
    assert await site.told() == []
    await site.pool.execute("UPDATE maintenance_window SET closes_at = clock_timestamp()")
    await site.directory.read()
    await site.pass_time(25)
    assert view_of(replica, site, button).maintenance_until is None
    (told,) = await site.told()
    assert "LOST" in told
    with pytest.raises(NotFound, match="No maintenance is on at County Clerk"):
        await end_maintenance(
            site.pool,
            jurisdiction=site.office.jurisdiction,
            site_id=site.office.site_id,
            ended_by="Sam Novak",
        )


async def test_a_confirmation_is_heard_of_by_every_replica_by_itself(site: Site) -> None:
    """The directory listens: what the database learned is known without another reading."""
    listening, directory = asyncio.create_task(site.connection.listen()), site.directory
    assert isinstance(directory, Directory)
    reading = asyncio.create_task(directory.run())
    learned = asyncio.Event()

    def look() -> None:
        if directory.entries.devices[site.office.device_id].digests == (HERE,):
            learned.set()

    directory.on_change(look)
    try:
        async with asyncio.timeout(20):
            await site.connection.listening.wait()
            site.replica()
            site.beat(site.office.device_id, place=HERE)
            await site.turn()
            await learned.wait()
    finally:
        for task in (listening, reading):
            task.cancel()
        await asyncio.gather(listening, reading, return_exceptions=True)
