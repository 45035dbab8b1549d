"""What the provider reports: out of order, doubled, late. It only ever moves a message forward."""

import asyncio
import random
from dataclasses import replace
from itertools import permutations
from uuid import UUID, uuid4

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.alert.county import County, Server, names_of_events, open_alerts
from tocsin_server.channels.channel import Report
from tocsin_server.channels.twilio_reports import read_report

STATUSES = (
    "accepted",
    "scheduled",
    "queued",
    "sending",
    "sent",
    "canceled",
    "failed",
    "undelivered",
    "delivered",
    "read",
)


def report(status: str, **form: str) -> Report:
    read = read_report({"MessageStatus": status} | form)
    assert read is not None
    return read


def test_every_status_that_twilio_names_is_known() -> None:
    assert {status: report(status).state for status in STATUSES} == {
        "accepted": "accepted",
        "scheduled": "accepted",
        "queued": "accepted",
        "sending": "accepted",
        "sent": "accepted",
        "canceled": "undelivered",
        "failed": "undelivered",
        "undelivered": "undelivered",
        "delivered": "delivered",
        "read": "delivered",
    }


def test_a_status_that_is_further_along_ranks_higher_and_delivered_is_the_last_word() -> None:
    order = ["accepted", "queued", "sending", "sent", "undelivered", "delivered"]
    ranks = [report(status).rank for status in order]
    assert ranks == sorted(set(ranks))


def test_what_was_not_delivered_says_why_and_what_was_says_nothing() -> None:
    assert report("undelivered", ErrorCode="30007").problem == (
        "the carrier took it for spam (30007)"
    )
    assert report("undelivered", ErrorCode="30999").problem == (
        "the carrier did not deliver it (undelivered, code 30999)"
    )
    assert report("failed").problem == "the carrier did not deliver it (failed)"
    assert report("delivered", ErrorCode="30007").problem is None


@given(st.dictionaries(st.sampled_from(["MessageStatus", "ErrorCode"]), st.text()))
def test_any_form_at_all_can_be_read(form: dict[str, str]) -> None:
    read = read_report(form)
    assert (read is None) == (form.get("MessageStatus", "")[:40] not in STATUSES)
    assert read is None or len(read.problem or "") < 160


async def sent_message(county: County, server: Server, pool: asyncpg.Pool) -> UUID:
    await open_alerts(county, server, pool)
    await server.escalate.turn()
    await server.send_all()
    return await only_message(pool)


async def only_message(pool: asyncpg.Pool) -> UUID:
    message: UUID = await pool.fetchval("SELECT notification_id FROM notification")
    return message


async def tell(server: Server, message: UUID, status: str) -> bool:
    read = report(status)
    return await server.notify.outcomes.reported(
        message,
        replace(read, unreachable=None),
    )


async def test_reports_in_any_order_end_alike(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    message = await sent_message(county, server, pool)
    reset = "UPDATE notification SET state = 'accepted', provider_rank = 0, error = NULL"
    for order in permutations(["queued", "sent", "delivered"]):
        await pool.execute(reset)
        for status in order:
            assert await tell(server, message, status)
            assert await tell(server, message, status)
        assert await pool.fetchval("SELECT state FROM notification") == "delivered"


@pytest.mark.parametrize("seed", range(5))
async def test_a_message_never_moves_back(
    county: County, server: Server, pool: asyncpg.Pool, seed: int
) -> None:
    message = await sent_message(county, server, pool)
    rank = 0
    chance = random.Random(seed)
    for status in chance.choices(STATUSES, k=25):
        await tell(server, message, status)
        row = await pool.fetchrow("SELECT provider_rank, state FROM notification")
        assert row["provider_rank"] == max(rank, report(status).rank)
        rank = row["provider_rank"]
    reports = await pool.fetchval("SELECT count(*) FROM provider_report")
    assert reports == 25, "a report that was not kept as it came"


async def test_a_report_may_come_before_the_answer_that_the_message_was_taken(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    (alert_id,) = await open_alerts(county, server, pool)
    await server.escalate.turn()
    server.line.open.clear()
    await server.notify.turn()
    await server.line.until(asked=1)
    message = await only_message(pool)
    assert await tell(server, message, "delivered")
    server.line.open.set()
    await server.notify.drain()
    row = await pool.fetchrow("SELECT state, provider_id FROM notification")
    assert row["state"] == "delivered"
    assert row["provider_id"] is not None
    names = await names_of_events(pool, alert_id)
    assert names[-2:] == ["notification_delivered", "notification_accepted"]


async def test_a_report_of_a_message_that_nobody_sent_is_refused(server: Server) -> None:
    assert not await tell(server, uuid4(), "delivered")


async def test_a_report_that_the_database_refuses_keeps_no_other_from_the_record(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    message = await sent_message(county, server, pool)
    nonsense = Report("?", 9, "nonsense", problem=None)
    refused, unknown, known = await asyncio.gather(
        server.notify.outcomes.reported(message, nonsense),
        tell(server, uuid4(), "delivered"),
        tell(server, message, "delivered"),
        return_exceptions=True,
    )
    assert isinstance(refused, asyncpg.CheckViolationError)
    assert (unknown, known) == (False, True)
    assert await pool.fetchval("SELECT state FROM notification") == "delivered"
