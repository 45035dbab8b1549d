"""When the synthetic press is a fault, and what else it is none of."""

from collections.abc import AsyncIterator, Mapping

import msgspec
import pytest
import pytest_asyncio

from tests.alert.presses import Said, store
from tests.fleet.station import Site, opened_site
from tests.parts import Database
from tocsin_server.fleet.drills import open_drill
from tocsin_server.synthetic import MISSED_MAX, State, notices_of, queries, read_states

STATE = State(
    jurisdiction="48453",
    device_id="btn-0123456789",
    number="+15125550199",
    every_s=300.0,
    slow_s=20.0,
    good_s_ago=10.0,
    good_at_s=1_700_000_000.0,
    stages={"delivered": 2.5, "lamp": 3.0},
    problem=None,
)


@pytest.mark.parametrize(
    ("claim", "changes", "names"),
    [
        ("all is well", {}, []),
        ("two were missed", {"good_s_ago": MISSED_MAX * 300.0}, []),
        ("three were", {"good_s_ago": MISSED_MAX * 300.0 + 1}, ["synthetic press missing"]),
        ("none ever came", {"good_s_ago": 901.0, "stages": {}}, ["synthetic press missing"]),
        ("it was just set up", {"good_at_s": None, "stages": {}}, []),
        ("the last one failed", {"problem": "the receipt did not come"}, []),
        ("one stage was slow", {"stages": {"stored": 0.1, "lamp": 20.1}}, ["synthetic press slow"]),
        (
            "slow, and then none came",
            {"good_s_ago": 901.0, "stages": {"lamp": 99.0}},
            ["synthetic press missing"],
        ),
    ],
)
def test_what_is_missing_or_slow_is_a_fault(
    claim: str, changes: Mapping[str, object], names: list[str]
) -> None:
    state = msgspec.structs.replace(STATE, **changes)
    assert [notice.name for notice in notices_of([state])] == names, claim


def test_the_sentence_says_what_happened_what_it_means_and_what_to_do() -> None:
    late = msgspec.structs.replace(STATE, good_s_ago=1020.0, problem="the receipt did not come")
    (missing,) = notices_of([late])
    assert missing.sentence.startswith("No synthetic press has come through for 17 min: a real one")
    assert "The last one: the receipt did not come." in missing.sentence
    (slow,) = notices_of([msgspec.structs.replace(STATE, stages={"lamp": 34.0})])
    assert "took 34.0 s to its end, and 20 s is the most" in slow.sentence
    for notice in (missing, slow):
        assert len(notice.sentence) < 320
        assert notice.sentence.isascii()


@pytest_asyncio.fixture
async def site(database: Database) -> AsyncIterator[Site]:
    """Its button is a synthetic one."""
    async with opened_site(database) as site:
        await queries.add(
            site.pool,
            device_id=site.office.device_id,
            jurisdiction=site.office.jurisdiction,
            site_id=site.office.site_id,
            number="+15125550199",
            every_s=300.0,
            slow_s=20.0,
        )
        yield site


async def test_how_it_goes_is_read_from_its_runs(site: Site) -> None:
    (state,) = await read_states(site.pool)
    assert (state.good_at_s, state.stages, state.problem) == (None, {}, None)
    for problem, stages in ((None, '{"lamp": 1.5}'), ("the receipt did not come", "{}")):
        await queries.record(
            site.pool,
            device_id=site.office.device_id,
            alert_id=None,
            problem=problem,
            stages=stages,
            kept_days=30,
        )
    (state,) = await read_states(site.pool)
    assert (state.stages, state.problem) == ({"lamp": 1.5}, "the receipt did not come")
    assert state.good_s_ago < 30
    await site.pool.execute("UPDATE synthetic_run SET ended_at = ended_at - interval '31 days'")
    await queries.record(
        site.pool,
        device_id=site.office.device_id,
        alert_id=None,
        problem=None,
        stages="{}",
        kept_days=30,
    )
    assert await site.pool.fetchval("SELECT count(*) FROM synthetic_run") == 1


async def test_only_its_drills_are_synthetic_and_its_page_does_not_wait(site: Site) -> None:
    office = site.office
    await store(site.pool, office, Said(device_id=office.device_id))
    await open_drill(
        site.pool,
        jurisdiction=office.jurisdiction,
        site_id=office.site_id,
        minutes=3,
        opened_by="Synthetic press",
    )
    await store(site.pool, office, Said(device_id=office.device_id, said_drill=True))
    rows = await site.pool.fetch(
        "SELECT drill, is_synthetic(alert) AS synthetic, proves_button(alert) AS proves,"
        " (alert_view(alert)->>'synthetic')::boolean AS shown FROM alert ORDER BY drill"
    )
    assert [tuple(row) for row in rows] == [
        (False, False, False, False),
        (True, True, False, True),
    ]
