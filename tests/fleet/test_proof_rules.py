"""The rule by which buttons are proven: kept, changed, and shown of every button."""

from datetime import date, timedelta

import msgspec
import pytest

from tests.fleet.station import Frame, Replica, Site
from tests.offices import open_office
from tocsin_server.errors import Invalid, NotFound
from tocsin_server.fleet.proof import ELECTIONS_MAX, ProofRule
from tocsin_server.fleet.proof_rules import read_rule, set_rule

TRAVIS = "48453"


async def change(site: Site, rule: ProofRule) -> ProofRule:
    kept = await set_rule(site.pool, jurisdiction=TRAVIS, rule=rule, by="Maya Chen")
    await site.directory.read()
    return kept


async def prove(site: Site, days_ago: int) -> None:
    await site.pool.execute(
        "UPDATE device_health SET last_proven_at = clock_timestamp() - $1::interval,"
        " last_proven_by = 'Sam Novak'",
        timedelta(days=days_ago),
    )


def shown(replica: Replica) -> list[str]:
    """What the screens were shown of the proof of the office's button, frame by frame."""
    frames = [msgspec.json.decode(body, type=Frame) for _, body in replica.wall.frames]
    return [frame.device.proof for frame in frames if frame.device is not None]


async def test_a_new_jurisdiction_proves_its_buttons_every_month(site: Site) -> None:
    assert await read_rule(site.pool, jurisdiction=TRAVIS) == ProofRule(every="month")


async def test_a_rule_is_kept_in_order_and_each_election_once(site: Site) -> None:
    first, second = date(2026, 11, 3), date(2027, 3, 2)
    kept = await change(site, ProofRule(every=None, elections=(second, first, second)))
    assert kept == ProofRule(every=None, elections=(first, second))
    assert site.directory.entries.jurisdictions[TRAVIS].proof_rule == kept


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (ProofRule(days_before=0), "1 to 60 days"),
        (ProofRule(days_before=61), "1 to 60 days"),
        (ProofRule(elections=(date(2206, 11, 3),)), "its year"),
        (
            ProofRule(
                elections=tuple(date(2026, 1, 1) + timedelta(n) for n in range(ELECTIONS_MAX + 1))
            ),
            "too many",
        ),
    ],
)
async def test_a_rule_that_is_none_changes_nothing(site: Site, rule: ProofRule, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        await change(site, rule)
    assert await read_rule(site.pool, jurisdiction=TRAVIS) == ProofRule()


async def test_the_rule_of_a_jurisdiction_that_is_not_there_is_not_found(site: Site) -> None:
    with pytest.raises(NotFound):
        await set_rule(site.pool, jurisdiction="48201", rule=ProofRule(), by="Eve")
    await open_office(site.pool, jurisdiction="48201")
    await change(site, ProofRule(every="day"))
    assert await read_rule(site.pool, jurisdiction="48201") == ProofRule()


async def test_an_overdue_button_is_shown_and_pages_nobody(site: Site) -> None:
    replica = site.replica()
    await prove(site, days_ago=90)
    site.beat(site.office.device_id)
    await site.turn()
    (view,) = replica.supervisor.views(TRAVIS)
    assert (view.proof, view.health, view.advice) == ("overdue", [], [])
    assert view.prove_by is not None
    assert await site.told() == []


async def test_another_rule_is_shown_of_every_button_at_once(site: Site) -> None:
    replica = site.replica()
    await prove(site, days_ago=90)
    await site.turn()
    for rule in (ProofRule(every=None), ProofRule(every="week")):
        await change(site, rule)
        await site.turn()
    assert shown(replica) == ["overdue", "proven", "overdue"]


async def test_another_day_is_shown_of_every_button_when_it_begins(site: Site) -> None:
    replica = site.replica()
    await change(site, ProofRule(every="day"))
    await prove(site, days_ago=0)
    await site.turn()
    for day in (1, 2):
        site.connection._clock_offset = timedelta(days=day)
        await site.turn()
        await site.turn()
    assert shown(replica) == ["proven", "due", "overdue"]


async def test_a_time_zone_that_a_hand_has_misspelt_stops_no_supervision(site: Site) -> None:
    replica = site.replica()
    await site.pool.execute("UPDATE jurisdiction SET time_zone = 'Americas/Chicago'")
    await site.directory.read()
    await prove(site, days_ago=0)
    await site.turn()
    assert [view.proof for view in replica.supervisor.views(TRAVIS)] == ["proven"]
