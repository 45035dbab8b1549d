"""The dead-man's word: it goes out while the alert path is clean, and for nothing else it stops."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
import pytest_asyncio
import structlog
from prometheus_client import REGISTRY

from tests.auditor.outside import Outside, listening_outside
from tests.fleet.station import Clock, Site, opened_site
from tests.parts import Database
from tocsin_server.config import Secret
from tocsin_server.dead_man import AUDIT_OLD_S, VERDICTS, DeadMan, what_stops_it
from tocsin_server.demo.postgres import free_port
from tocsin_server.faults import CHECKS, Check, Fault

BREAKS = {
    "database_away",
    "no_next_decision",
    "decision_overdue",
    "notification_stuck",
    "listen_deaf",
    "no_broker",
    "loop_stopped",
    "provider_trouble",
}


def fault(check: Check) -> Fault:
    return Fault(check, None, check, "Something is wrong.")


@pytest.mark.parametrize("check", CHECKS)
def test_the_word_stops_for_what_breaks_the_alert_path_and_only_for_that(check: Check) -> None:
    assert bool(what_stops_it([fault(check)], audited_s_ago=1.0)) == (check in BREAKS)
    assert VERDICTS[check].because
    warning = Fault(check, None, check, "It was wrong, and is mended.", "warning")
    assert what_stops_it([warning], audited_s_ago=1.0) == []


def test_each_thing_that_stops_it_is_named_once_beside_others() -> None:
    faults = [fault("no_broker"), fault("no_broker"), fault("tier_empties")]
    assert what_stops_it(faults, audited_s_ago=1.0) == ["no press arrives here"]


def test_it_stops_when_the_auditor_no_longer_looks() -> None:
    assert what_stops_it([], audited_s_ago=AUDIT_OLD_S) == []
    assert what_stops_it([], audited_s_ago=AUDIT_OLD_S + 0.1) == ["the auditor does not look"]
    assert what_stops_it([], audited_s_ago=float("inf")) != [], "nor has it looked yet"


class Post:
    """One replica's dead-man, and what it goes by."""

    def __init__(self, site: Site, outside: Outside, session: aiohttp.ClientSession) -> None:
        self.site = site
        self.outside = outside
        self.clock = Clock()
        self.faults: list[Fault] = []
        self.dead_man = self.of(outside.url)
        self._session = session

    def of(self, url: str) -> DeadMan:
        return DeadMan(
            self.site.connection,
            Secret(url),
            every_s=30.0,
            replica_id="server-1",
            standing=lambda: self.faults,
            audited_s_ago=lambda: 1.0,
            clock=self.clock,
        )

    async def turn(self, *, after_s: float = 1.0) -> int:
        """How often the word was heard in this one look."""
        before = self.outside.heard
        self.clock.now += after_s
        await self.dead_man.turn(self._session)
        return self.outside.heard - before


@pytest_asyncio.fixture
async def post(database: Database) -> AsyncIterator[Post]:
    async with (
        opened_site(database) as site,
        listening_outside() as outside,
        aiohttp.ClientSession() as session,
    ):
        yield Post(site, outside, session)


def figure(outcome: str) -> float:
    return REGISTRY.get_sample_value("tocsin_dead_man_total", {"outcome": outcome}) or 0.0


async def test_the_word_goes_out_every_so_many_seconds(post: Post) -> None:
    said = [await post.turn(after_s=10.0) for _ in range(7)]
    assert said == [1, 0, 0, 1, 0, 0, 1]
    at_s = REGISTRY.get_sample_value("tocsin_dead_man_answered_timestamp_seconds")
    assert at_s == pytest.approx(datetime.now(UTC).timestamp(), abs=30)


async def test_it_is_kept_back_while_something_is_broken_and_goes_out_at_once_after(
    post: Post,
) -> None:
    before = figure("withheld")
    post.faults = [fault("no_broker")]
    with structlog.testing.capture_logs() as logs:
        assert [await post.turn(after_s=30.0) for _ in range(4)] == [0] * 4
    assert [entry["because"] for entry in logs] == ["no press arrives here"], "logged once"
    assert figure("withheld") == before + 1
    post.faults = [fault("broker_silent")]
    assert await post.turn(after_s=1.0) == 1


async def test_a_word_that_is_not_answered_is_logged_once_counted_and_said_again(
    post: Post,
) -> None:
    before = figure("failed")
    post.outside.status = 503
    with structlog.testing.capture_logs() as logs:
        assert [await post.turn(after_s=30.0) for _ in range(3)] == [1] * 3
        post.outside.status = 200
        assert await post.turn(after_s=30.0) == 1
    assert figure("failed") == before + 3
    assert [entry.get("because") for entry in logs] == ["it answered 503", None]


async def test_an_address_that_nobody_listens_at_hurts_nobody_and_is_never_logged(
    post: Post,
) -> None:
    post.dead_man = post.of(f"http://127.0.0.1:{free_port()}/ping/0123-secret")
    with structlog.testing.capture_logs() as logs:
        assert await post.turn() == 0
    assert "secret" not in str(logs)
    assert logs[0]["because"].startswith("it was not reached")


async def test_the_word_goes_out_though_it_can_not_be_recorded(post: Post) -> None:
    await post.site.pool.execute("ALTER TABLE replica RENAME TO gone")
    assert await post.turn() == 1
