"""Room: whatever hangs or is throttled, another alert's messages go out."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.alert.county import JURISDICTION, NAMES, County, Line, Server, open_alerts, running
from tocsin_server.alert import notify, room
from tocsin_server.alert.room import (
    AT_ONCE_MAX,
    OPEN_MAX,
    SLOW_S,
    YIELDING_AT_ONCE_MAX,
    Asking,
    Room,
    free,
)
from tocsin_server.channels.channel import METHODS, Method, SendFailed
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.fleet.policies import FIRST_POLICY, PEOPLE_PER_TIER_MAX, set_policy
from tocsin_server.people.accounts import add_person
from tocsin_server.people.contacts import add_contact

ALL = AT_ONCE_MAX
YIELDING = YIELDING_AT_ONCE_MAX


def _asking(
    count: int, *, age_s: float = 0.0, yields: bool = False, answered: bool = False
) -> list[Asking]:
    return [Asking(uuid4(), "sms", -age_s, yields, answered) for _ in range(count)]


@pytest.mark.parametrize(
    ("asking", "room"),
    [
        pytest.param([], Room(ALL, YIELDING), id="nothing is open"),
        pytest.param(_asking(30), Room(ALL - 30, YIELDING), id="some have just begun"),
        pytest.param(_asking(7, yields=True), Room(ALL - 7, YIELDING - 7), id="some that yield"),
        pytest.param(
            _asking(YIELDING, yields=True), Room(ALL - YIELDING, 0), id="new ones have the rest"
        ),
        pytest.param(_asking(ALL), Room(0, YIELDING), id="as many as may be at once"),
        pytest.param(_asking(ALL + 5, yields=True), Room(0, 0), id="never less than none"),
        pytest.param(_asking(ALL, answered=True), Room(ALL, YIELDING), id="all are answered"),
        pytest.param(_asking(ALL, age_s=SLOW_S), Room(ALL, YIELDING), id="what hangs makes room"),
        pytest.param(_asking(OPEN_MAX - 7, age_s=9.0), Room(7, YIELDING), id="nearly all hang"),
        pytest.param(_asking(OPEN_MAX, age_s=9.0), Room(0, YIELDING), id="the channel is down"),
    ],
)
def test_as_many_may_begin_as_a_channel_has_room_for(asking: list[Asking], room: Room) -> None:
    rooms = free(asking, now=0.0)
    assert rooms.pop("sms") == room
    assert rooms == {method: Room(ALL, YIELDING) for method in METHODS if method != "sms"}


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept waiting here counts as quick, however long this machine takes meanwhile."""
    for module in (room, notify):
        monkeypatch.setattr(module, "SLOW_S", 60.0)


@pytest.mark.usefixtures("unhurried")
async def test_what_failed_together_is_tried_again_a_few_at_a_time(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    await open_alerts(county, server, pool, AT_ONCE_MAX)
    await server.escalate.turn()
    server.line.refusals = [SendFailed("429", temporary=True) for _ in range(AT_ONCE_MAX)]
    await server.send_all()
    await pool.execute("UPDATE notification SET due_at = clock_timestamp() - interval '1 s'")
    server.line.open.clear()
    await server.notify.turn()
    await server.notify.turn()
    assert len(server.notify._sending) == YIELDING_AT_ONCE_MAX
    new = await open_alerts(county, server, pool, AT_ONCE_MAX - YIELDING_AT_ONCE_MAX)
    await server.escalate.turn()
    await server.notify.turn()
    assert len(server.notify._sending) == YIELDING_AT_ONCE_MAX + len(new)
    server.line.open.set()
    await server.notify.drain()


async def tell(
    server: Server, pool: asyncpg.Pool, people: list[UUID], methods: tuple[Method, ...] = ()
) -> None:
    tiers = [PolicyTier(600.0, people, methods)]
    await set_policy(pool, jurisdiction=JURISDICTION, name=FIRST_POLICY, tiers=tiers)
    await server.directory.read()


async def crowd(pool: asyncpg.Pool) -> tuple[list[UUID], frozenset[str]]:
    """As many people as a tier may have, and their numbers."""
    numbers = [f"+1512555{1000 + n}" for n in range(PEOPLE_PER_TIER_MAX)]
    ids = [
        await add_person(
            pool,
            jurisdiction=JURISDICTION,
            name=f"Person {n}",
            email=f"person{n}@example.org",
            phone=number,
            vouched_by="a test",
            role="responder",
        )
        for n, number in enumerate(numbers)
    ]
    return ids, frozenset(numbers)


async def test_alerts_whose_numbers_all_hang_delay_no_other_alert(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    many, server.line.hung = await crowd(pool)
    await tell(server, pool, many)
    await open_alerts(county, server, pool, AT_ONCE_MAX // len(many) + 1)
    async with running(server.escalate.run(), server.notify.run()):
        await server.line.until(asked=AT_ONCE_MAX)
        await tell(server, pool, [county.people[NAMES[1]]])
        (other,) = await open_alerts(county, server, pool)
        server.escalate.wake()
        await server.line.until(sent=1)
    told = await pool.fetchrow(
        "SELECT alert_id, name FROM notification WHERE notification_id = $1",
        server.line.sent[0].notification_id,
    )
    assert tuple(told) == (other, NAMES[1])


async def test_an_alert_never_has_more_open_than_its_own_throttle(
    county: County, server: Server, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "ALERT_AT_ONCE_MAX", 20)
    many, _ = await crowd(pool)
    server.line.open.clear()
    await tell(server, pool, many)
    await open_alerts(county, server, pool)
    await server.escalate.turn()
    await server.notify.turn()
    await server.notify.turn()
    assert len(server.notify._sending) == 20
    server.line.open.set()
    await server.notify.drain()
    await server.send_all()
    assert len({text.to for text in server.line.sent}) == len(many)


async def test_every_alert_has_its_first_message_before_any_has_its_second(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    many, _ = await crowd(pool)
    await tell(server, pool, many)
    alerts = await open_alerts(county, server, pool, 20)
    await server.escalate.turn()
    server.line.open.clear()
    await server.notify.turn()
    by_alert = await pool.fetch(
        "SELECT count(*) FILTER (WHERE state = 'sending') FROM notification GROUP BY alert_id"
    )
    assert [row["count"] for row in by_alert] == [AT_ONCE_MAX // len(alerts)] * len(alerts)
    server.line.open.set()
    await server.notify.drain()


async def test_what_is_throttled_is_tried_again_after_other_alerts_first_messages(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    throttled = await open_alerts(county, server, pool, AT_ONCE_MAX)
    await server.escalate.turn()
    server.line.refusals = [SendFailed("429", temporary=True) for _ in throttled]
    await server.send_all()
    await pool.execute("UPDATE notification SET due_at = clock_timestamp() - interval '1 s'")
    (other,) = await open_alerts(county, server, pool)
    await server.escalate.turn()
    server.line.sent.clear()
    await server.send_all()
    first = [text.notification_id for text in server.line.sent]
    of_other = "SELECT notification_id FROM notification WHERE alert_id = $1"
    assert await pool.fetchval(of_other, other) in first


async def test_two_channels_that_hang_keep_no_text_back(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    ana = county.people[NAMES[0]]
    hanging: dict[Method, Line] = {"voice": Line(), "email": Line()}
    addresses: dict[Method, str] = {"voice": "+15125550171", "email": "ana@example.org"}
    for method, line in hanging.items():
        line.open.clear()
        server.channels[method] = line
        await add_contact(
            pool,
            jurisdiction=JURISDICTION,
            person_id=ana,
            method=method,
            address=addresses[method],
            vouched_by="a test",
        )
    await tell(server, pool, [ana], ("sms", "voice", "email"))
    alerts = await open_alerts(county, server, pool, AT_ONCE_MAX)
    async with running(server.escalate.run(), server.notify.run()):
        for line in hanging.values():
            await line.until(asked=len(alerts))
        await server.line.until(sent=len(alerts))
        (other,) = await open_alerts(county, server, pool)
        await server.line.until(sent=len(alerts) + 1)
    last = server.line.sent[-1].notification_id
    assert (
        await pool.fetchval("SELECT alert_id FROM notification WHERE notification_id=$1", last)
        == other
    )
    assert not [text for line in hanging.values() for text in line.sent]
