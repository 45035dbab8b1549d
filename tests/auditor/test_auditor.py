"""The auditor on a real database: what it finds, shows, counts and tells, and to whom."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import msgspec
import pytest
import pytest_asyncio
import structlog
from prometheus_client import REGISTRY

from tests.alert.presses import Said, store
from tests.fleet.station import BROKER, Site, Wall, opened_site
from tests.offices import open_office
from tests.parts import Database
from tocsin_server.alert.lifecycle import PROVING_S
from tocsin_server.auditor import PROVING_UNSEEN_S, Auditor, FaultView
from tocsin_server.faults import (
    DECISION_OVERDUE_S,
    REPAIRED_SHOWN_S,
    REPLICA_GONE_S,
    REPLICA_SILENT_S,
    Notice,
)
from tocsin_server.fleet.drills import open_drill
from tocsin_server.fleet.pulse import LinkState
from tocsin_server.fleet.walk_test import start_walk_test


class Frame(msgspec.Struct):
    """A frame with the red lines."""

    type: str
    faults: list[FaultView]


class Desk:
    """One replica's auditor, and everything it looks at."""

    def __init__(self, site: Site, *, replica_id: str = "server-1") -> None:
        self.site = site
        self.clock = site.clock
        self.wall = Wall()
        self.links = [LinkState(BROKER, True, 1.0)]
        self.loops = {"escalate": 0.0, "notify": 0.0}
        self.screens: dict[str, int] = {}
        self.sent: list[tuple[str, str]] = []
        self.woken = 0
        self.trouble: list[str] = []
        self.notices: list[Notice] = []
        self.auditor = Auditor(
            site.connection,
            site.directory,
            replica_id=replica_id,
            links=lambda: self.links,
            loops={
                "escalate": lambda: self.loops["escalate"],
                "notify": lambda: self.loops["notify"],
            },
            watching=lambda jurisdiction: self.screens.get(jurisdiction, 0),
            show=self.wall.show,
            send_directly=self._send,
            wake=self._wake,
            trouble=self._trouble,
            notices=lambda: self.notices,
            clock=self.clock,
        )

    async def _send(self, number: str, text: str) -> None:
        self.sent.append((number, text))

    def _wake(self) -> None:
        self.woken += 1

    async def _trouble(self) -> list[str]:
        return self.trouble

    def severities(self) -> list[tuple[str, str]]:
        return [(fault.check, fault.severity) for fault in self.auditor.current("48453")]

    async def audit(self, *, times: int = 1, every_s: float = 5.0) -> list[str]:
        """The checks that are red at the end."""
        for _ in range(times):
            await self.auditor.audit()
            if every_s:
                await self.site.leap(every_s)
        await asyncio.sleep(0)  # what is sent directly is sent beside the audit
        return [fault.check for fault in self.auditor.current("48453")]

    def shown(self, jurisdiction: str = "48453") -> list[list[str]]:
        frames = [body for where, body in self.wall.frames if where == jurisdiction]
        return [
            [fault.check for fault in msgspec.json.decode(body, type=Frame).faults]
            for body in frames
        ]


@pytest_asyncio.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with opened_site(database) as site:
        # The probe of a real LISTEN is the database's own matter.
        listening = asyncio.create_task(site.connection.listen())
        await site.connection.listening.wait()
        try:
            yield Desk(site)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def figure(check: str) -> float | None:
    return REGISTRY.get_sample_value("tocsin_faults", {"check": check})


async def open_alert(pool: asyncpg.Pool, device_id: str, *, jurisdiction: str = "48453") -> UUID:
    """An alert as ingest stores it; its next decision is due now."""
    alert_id: UUID = await pool.fetchval(
        "SELECT id FROM join_or_open($1, $2, 'duress', false, 1, clock_timestamp(),"
        " clock_timestamp(), '{}', '{}', '[]')",
        device_id,
        jurisdiction,
    )
    return alert_id


async def add_message(
    pool: asyncpg.Pool,
    *,
    state: str,
    ages_s: tuple[int, int],
    tries: int,
    lease_s: int | None = None,
) -> None:
    """To on-call; `ages_s`: since it was made, since it was due. `lease_s`: until it is over."""
    await pool.execute(
        "INSERT INTO notification (jurisdiction, purpose, name, address, state, tries, created_at,"
        " due_at, lease_until) VALUES ('48453', 'fault', 'On-call', '+15125550190', $1, $2,"
        " clock_timestamp() - $3 * interval '1 s', clock_timestamp() - $4 * interval '1 s',"
        " clock_timestamp() + $5 * interval '1 s')",
        state,
        tries,
        *ages_s,
        lease_s,
    )


def repairs(check: str) -> float:
    return REGISTRY.get_sample_value("tocsin_repairs_total", {"check": check}) or 0.0


async def record_of(pool: asyncpg.Pool, alert: UUID) -> list[str]:
    rows = await pool.fetch("SELECT name FROM alert_event WHERE alert_id = $1 ORDER BY n", alert)
    return [row["name"] for row in rows]


async def add_replica(pool: asyncpg.Pool, replica_id: str, *, age_s: float | None) -> None:
    """One that said so long ago that it works; None: of an earlier release, which never says."""
    await pool.execute(
        "INSERT INTO replica (replica_id, pulsed_at, alive_at) VALUES ($1, clock_timestamp(),"
        " clock_timestamp() - $2 * interval '1 s')",
        replica_id,
        age_s,
    )


@pytest.mark.parametrize(
    ("age_s", "checks"),
    [
        (REPLICA_SILENT_S - 5, []),  # which this machine may take to look
        (REPLICA_SILENT_S + 0.1, ["replica_hangs"]),
        (-60.0, ["replica_hangs"]),  # the clock stepped back, and it said nothing since
        (REPLICA_GONE_S + 1, []),  # taken away
        (None, []),
    ],
)
async def test_another_replica_that_falls_silent_is_found(
    desk: Desk, age_s: float | None, checks: list[str]
) -> None:
    await add_replica(desk.site.pool, "server-2", age_s=age_s)
    assert await desk.audit() == checks


async def test_a_replica_says_that_it_works_and_when_it_ends(desk: Desk) -> None:
    pool = desk.site.pool
    other = Desk(desk.site, replica_id="server-2")
    await add_replica(pool, "server-2", age_s=60.0)
    assert await desk.audit() == ["replica_hangs"]
    await other.audit()
    assert await desk.audit() == []
    await pool.execute("UPDATE replica SET alive_at = alive_at - interval '1 min'")
    assert await desk.audit() == ["replica_hangs"]
    await other.auditor.say_goodbye()
    assert await desk.audit() == []


async def test_a_replica_does_not_find_itself_silent(desk: Desk) -> None:
    await add_replica(desk.site.pool, "server-1", age_s=60.0)
    assert await desk.audit() == []


async def test_a_replica_ends_without_the_database_too(desk: Desk) -> None:
    await desk.site.pool.execute("ALTER TABLE replica RENAME TO gone")
    await desk.auditor.say_goodbye()


async def test_what_the_provider_and_other_parts_say_is_shown(desk: Desk) -> None:
    desk.trouble = ["The account is suspended."]
    desk.notices = [
        Notice("last_tier_unreachable", "48453", "last tier of Standard", "Nobody answers."),
        Notice("shift_gap", "48453", "gap on Sunday", "Nobody on Sunday.", "warning"),
        Notice("shift_gap", "48201", "gap on Monday", "Nobody on Monday.", "warning"),
    ]
    assert await desk.audit() == ["last_tier_unreachable", "provider_trouble", "shift_gap"]
    desk.trouble, desk.notices = [], []
    assert await desk.audit() == []


async def test_a_provider_that_is_asked_without_end_does_not_hold_up_the_audit(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = asyncio.Event()

    async def hang() -> list[str]:
        await never.wait()
        return []

    async def read_last() -> tuple[Notice, ...]:
        """From here on only the provider is waited for."""
        monkeypatch.setattr("tocsin_server.auditor.AUDIT_S_MAX", 0.2)
        return ()

    desk.auditor._trouble = hang
    monkeypatch.setattr(desk.auditor, "_synthetic", read_last)
    assert await desk.audit() == ["provider_trouble"]


async def test_a_listen_that_stays_deaf_is_found_though_it_is_begun_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new connection proves nothing: only a probe that comes back does."""
    database = desk.site.connection
    begun_anew = asyncio.Queue[None]()

    async def begin() -> None:
        begun_anew.put_nowait(None)

    async def lost(_channel: str) -> None:
        """It is never heard of again."""

    for name in ("PROBE_S", "PROBE_LOST_S", "RECONNECT_S"):
        monkeypatch.setattr(f"tocsin_server.storage.database.{name}", 0.1)
    monkeypatch.setattr("tocsin_server.faults.LISTEN_DEAF_S", 0.2)
    database.on_listening(begin)
    monkeypatch.setattr(database, "_probe", lost)
    async with asyncio.timeout(30):
        for _ in range(3):
            await begun_anew.get()
            if database.deaf_s_ago < REPAIRED_SHOWN_S:
                assert await desk.audit(every_s=0) == ["listen_deaf"]
                assert desk.severities() == [("listen_deaf", "fault")]
        monkeypatch.undo()
        while desk.severities() != [("listen_deaf", "warning")]:
            await desk.audit(every_s=0)


async def test_a_system_that_runs_has_no_fault(desk: Desk) -> None:
    await open_alert(desk.site.pool, desk.site.office.device_id)
    desk.screens["48453"] = 1
    assert await desk.audit() == []
    assert desk.shown() == []


async def test_an_alert_without_a_next_decision_is_found_and_gets_one(desk: Desk) -> None:
    pool = desk.site.pool
    await pool.execute("ALTER TABLE alert DROP CONSTRAINT always_a_next_decision")
    alert = await open_alert(pool, desk.site.office.device_id)
    desk.screens["48453"] = 1
    await pool.execute("UPDATE alert SET decide_at = NULL")
    before = repairs("no_next_decision")
    await desk.audit(every_s=0)
    assert desk.severities() == [("no_next_decision", "fault")]
    assert desk.woken == 1
    assert repairs("no_next_decision") == before + 1
    assert await pool.fetchval("SELECT decide_at <= clock_timestamp() FROM alert")
    assert "decision_restored" in await record_of(pool, alert)


async def test_what_was_mended_is_said_by_every_replica_for_ten_minutes_and_told_once(
    desk: Desk,
) -> None:
    pool = desk.site.pool
    await pool.execute("ALTER TABLE alert DROP CONSTRAINT always_a_next_decision")
    await open_alert(pool, desk.site.office.device_id)
    await pool.execute("UPDATE alert SET decide_at = NULL")
    other = Desk(desk.site, replica_id="server-2")
    desk.screens["48453"] = 1
    await desk.audit(every_s=0)
    await pool.execute("UPDATE alert SET decide_at = clock_timestamp() + interval '1 h'")
    for each in (desk, other):
        await each.audit(every_s=0)
        assert each.severities() == [("no_next_decision", "warning")]
    (fault,) = other.auditor.current("48453")
    assert "had no next step. It was given one" in fault.message
    await desk.audit(times=12)
    (told,) = await desk.site.told()
    assert "had no next step" in told
    await pool.execute("UPDATE repair SET at = at - $1 * interval '1 s'", REPAIRED_SHOWN_S)
    assert await desk.audit(times=2) == []
    assert await desk.site.told() == [told]


@pytest.mark.parametrize(
    ("age_s", "settled", "checks"),
    [
        (0, "", []),
        (6, "", ["decision_overdue"]),
        (6, "acknowledged", []),
        (6, "resolved", []),
    ],
)
async def test_a_decision_is_overdue_after_five_seconds(
    desk: Desk, age_s: int, settled: str, checks: list[str]
) -> None:
    await open_alert(desk.site.pool, desk.site.office.device_id)
    desk.screens["48453"] = 1
    await desk.site.pool.execute(
        "UPDATE alert SET decide_at = clock_timestamp() - $1 * interval '1 s',"
        " acknowledged_at = CASE WHEN $2 = 'acknowledged' THEN clock_timestamp() END,"
        " resolved_at = CASE WHEN $2 = 'resolved' THEN clock_timestamp() END",
        age_s,
        settled,
    )
    assert await desk.audit() == checks
    assert desk.woken == len(checks)
    if checks:
        await desk.site.pool.execute("UPDATE alert SET decide_at = clock_timestamp()")
        await desk.audit()
        assert desk.severities() == [("decision_overdue", "warning")], "who was told late, was"


@pytest.mark.parametrize(
    ("state", "ages_s", "tries", "checks"),  # ages since it was made, since it was due
    [
        ("pending", (4, 4), 0, []),
        ("pending", (10, 10), 0, ["notification_stuck"]),
        ("pending", (10, -10), 0, []),  # it is meant to go out later
        ("pending", (10, -8), 4, ["notification_stuck"]),  # tried again and again
        ("pending", (4, -8), 4, []),
        ("sending", (10, 10), 1, ["notification_stuck"]),
        ("accepted", (900, 900), 1, []),
        ("failed", (900, 900), 1, []),
        ("withdrawn", (900, 900), 0, []),
    ],
)
async def test_a_message_that_does_not_leave_is_found(
    desk: Desk, state: str, ages_s: tuple[int, int], tries: int, checks: list[str]
) -> None:
    await add_message(desk.site.pool, state=state, ages_s=ages_s, tries=tries)
    assert await desk.audit() == checks
    assert desk.woken == len(checks)


async def test_whoever_was_told_by_another_way_waits_for_no_message(desk: Desk) -> None:
    pool, office = desk.site.pool, desk.site.office
    alert = await open_alert(pool, office.device_id)
    await pool.execute("UPDATE alert SET decide_at = clock_timestamp() + interval '1 h'")
    desk.screens["48453"] = 1
    person = await pool.fetchval("SELECT person_id FROM person LIMIT 1")
    for attempt, state in ((1, "sending"), (2, "accepted")):
        await pool.execute(
            "INSERT INTO notification (jurisdiction, alert_id, purpose, attempt, person_id, name,"
            " address, state, tries, created_at) VALUES ('48453', $1, 'page', $2, $3, 'Dana Ortiz',"
            " '+15125550111', $4, 1, clock_timestamp() - interval '10 s')",
            alert,
            attempt,
            person,
            state,
        )
    assert await desk.audit() == ["notification_stuck"], "of an attempt before is another message"
    await pool.execute("ALTER TABLE notification DROP CONSTRAINT notification_method_check")
    await pool.execute("UPDATE notification SET attempt = 1, method = 'voice' WHERE attempt = 2")
    assert await desk.audit() == []


@pytest.mark.parametrize(
    ("lease_s", "due_s", "released"),
    [
        (-4, -10, True),  # over, and nobody takes it up
        (4, -10, False),  # in somebody's hands
        (40, -10, True),  # further away than any lease: the clock stepped back
        (None, 40, True),  # further away than any wait for the next try
        (None, 8, False),
    ],
)
async def test_a_message_that_is_held_up_is_let_go(
    desk: Desk, lease_s: int | None, due_s: int, released: bool
) -> None:
    pool = desk.site.pool
    before = repairs("notification_stuck")
    await add_message(pool, state="sending", ages_s=(10, -due_s), tries=1, lease_s=lease_s)
    assert await desk.audit(every_s=0) == ["notification_stuck"]
    assert await pool.fetchval(
        "SELECT lease_until IS NULL AND due_at <= clock_timestamp() FROM notification"
    ) is (released or (lease_s is None and due_s < 0))
    assert repairs("notification_stuck") == before + released
    await pool.execute("UPDATE notification SET state = 'accepted'")
    await desk.audit(every_s=0)
    assert desk.severities() == [("notification_stuck", "warning")] * released


async def test_what_somebody_holds_is_not_waited_for(desk: Desk) -> None:
    pool = desk.site.pool
    await add_message(pool, state="sending", ages_s=(10, 10), tries=1, lease_s=-4)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        await connection.execute("SELECT FROM notification FOR UPDATE")
        with structlog.testing.capture_logs() as logs:
            assert await desk.audit(every_s=0) == ["notification_stuck"]
    assert "what stands still is mended later" not in [line["event"] for line in logs]


async def test_an_open_alert_that_no_screen_shows_is_found(desk: Desk) -> None:
    await open_alert(desk.site.pool, desk.site.office.device_id)
    await desk.site.pool.execute("UPDATE alert SET decide_at = clock_timestamp() + interval '1 h'")
    assert await desk.audit() == ["nobody_watching"]
    desk.screens["48453"] = 1
    assert await desk.audit() == []


async def test_a_test_that_whoever_pressed_it_answers_needs_no_screen(desk: Desk) -> None:
    """In a walk test at night the page of who goes round is no dispatcher's."""
    office = desk.site.office
    await start_walk_test(
        desk.site.pool,
        jurisdiction=office.jurisdiction,
        site_id=office.site_id,
        minutes=5,
        by="Sam Novak",
    )
    await store(desk.site.pool, office, Said(device_id=office.device_id, said_drill=True))
    assert await desk.audit() == []
    await store(desk.site.pool, office, Said(device_id=office.device_id, said_drill=True))
    assert await desk.audit() == ["nobody_watching"]


async def test_a_synthetic_press_needs_no_screen(desk: Desk) -> None:
    office, pool = desk.site.office, desk.site.pool
    await pool.execute(
        "INSERT INTO synthetic VALUES ($1, $2, $3, '+15125550199', 300, 20)",
        office.device_id,
        office.jurisdiction,
        office.site_id,
    )
    await open_drill(
        pool,
        jurisdiction=office.jurisdiction,
        site_id=office.site_id,
        minutes=3,
        opened_by="Synthetic press",
    )
    await store(pool, office, Said(device_id=office.device_id, said_drill=True))
    assert await desk.audit() == []
    await store(pool, office, Said(device_id=office.device_id))
    assert await desk.audit() == ["nobody_watching"], "one that is no drill is as real as any"


@pytest.mark.parametrize(
    ("age_s", "attempt", "checks"),
    [
        (PROVING_UNSEEN_S - 5, 0, []),
        (PROVING_UNSEEN_S + 1, 0, ["nobody_watching"]),
        (PROVING_S, 0, ["nobody_watching"]),
        (PROVING_S + DECISION_OVERDUE_S + 1, 0, ["decision_overdue", "nobody_watching"]),
        (PROVING_UNSEEN_S + 1, 1, ["decision_overdue", "nobody_watching"]),
    ],
)
async def test_a_press_that_proves_a_button_and_that_nobody_answers_is_found_in_time(
    desk: Desk, age_s: float, attempt: int, checks: list[str]
) -> None:
    office, pool = desk.site.office, desk.site.pool
    await start_walk_test(
        pool,
        jurisdiction=office.jurisdiction,
        site_id=office.site_id,
        minutes=60,
        by="Sam Novak",
    )
    await store(pool, office, Said(device_id=office.device_id, said_drill=True))
    await pool.execute(
        "UPDATE alert SET attempt = $1, stored_at = stored_at - $2::interval,"
        " decide_at = decide_at - $2::interval",
        attempt,
        timedelta(seconds=age_s),
    )
    assert sorted(await desk.audit()) == checks


async def test_a_screen_of_another_replica_watches_for_twelve_seconds(desk: Desk) -> None:
    await open_alert(desk.site.pool, desk.site.office.device_id)
    await desk.site.pool.execute("UPDATE alert SET decide_at = clock_timestamp() + interval '1 h'")
    other = Desk(desk.site, replica_id="server-2")
    other.screens["48453"] = 2
    await other.audit()
    assert await desk.audit() == []
    await desk.site.pool.execute("UPDATE watching SET at = at - interval '13 s'")
    assert await desk.audit() == ["nobody_watching"]


async def test_faults_are_counted_and_go_back_to_zero(desk: Desk) -> None:
    desk.loops["escalate"] = desk.loops["notify"] = 60.0
    await desk.audit()
    assert figure("loop_stopped") == 2
    desk.loops["escalate"] = desk.loops["notify"] = 0.0
    await desk.audit()
    assert figure("loop_stopped") == 0


async def test_red_lines_are_shown_when_they_change_and_since_when(desk: Desk) -> None:
    desk.links = [LinkState(BROKER, False, 60.0)]
    await desk.audit(times=3)
    (first,) = desk.auditor.current("48453")
    desk.loops["notify"] = 60.0
    await desk.audit(times=2)
    assert desk.auditor.current("48453")[0] == first  # the longest standing first, from its start
    desk.links, desk.loops["notify"] = [LinkState(BROKER, True, 1.0)], 0.0
    await desk.audit(times=2)
    assert desk.shown() == [["no_broker"], ["no_broker", "loop_stopped"], []]


async def test_a_fault_of_one_jurisdiction_is_not_shown_to_another(desk: Desk) -> None:
    other = await open_office(desk.site.pool, jurisdiction="48201")
    await desk.site.directory.read()
    await open_alert(desk.site.pool, other.device_id, jurisdiction="48201")
    assert await desk.audit() == []
    assert desk.shown("48201") == [["nobody_watching"]]
    desk.links = [LinkState(BROKER, False, 60.0)]
    await desk.audit()
    assert desk.shown("48453") == [["no_broker"]]  # what all stand on is shown to all


async def test_on_call_is_told_after_thirty_seconds_and_every_ten_minutes(desk: Desk) -> None:
    desk.links = [LinkState(BROKER, False, 60.0)]
    await desk.audit(times=6)
    assert await desk.site.told() == []
    await desk.audit(times=20)
    (told,) = await desk.site.told()
    assert told.startswith("Tocsin: The broker broker-1:8883 does not answer the server server-1.")
    await desk.audit(times=11, every_s=60)
    assert len(await desk.site.told()) == 2


async def test_a_fault_that_ends_in_time_is_not_told(desk: Desk) -> None:
    for _ in range(4):
        desk.links = [LinkState(BROKER, False, 60.0)]
        await desk.audit(times=5)
        desk.links = [LinkState(BROKER, True, 1.0)]
        await desk.audit()
    assert await desk.site.told() == []


async def test_two_replicas_that_find_the_same_tell_it_once(desk: Desk) -> None:
    await open_alert(desk.site.pool, desk.site.office.device_id)
    other = Desk(desk.site, replica_id="server-2")
    for _ in range(12):
        await asyncio.gather(desk.auditor.audit(), other.auditor.audit())
        await desk.site.leap(5)
    told = await desk.site.told()
    assert len([body for body in told if "no dispatcher's screen is watching" in body]) == 1


async def test_who_is_on_call_for_two_jurisdictions_is_told_once(desk: Desk) -> None:
    await open_office(desk.site.pool, jurisdiction="48201")
    await desk.site.directory.read()
    desk.links = [LinkState(BROKER, False, 60.0)]
    await desk.audit(times=12)
    assert len(await desk.site.told()) == 1


async def test_where_sending_has_stopped_on_call_is_told_past_it(desk: Desk) -> None:
    desk.loops["notify"] = 60.0
    await desk.audit(times=20)
    assert await desk.site.told() == []
    ((number, text),) = desk.sent
    assert number == "+15125550190"
    assert "sends messages has stopped" in text


async def test_a_provider_that_hangs_does_not_hold_up_the_audit(desk: Desk) -> None:
    released = asyncio.Event()

    async def hang(_number: str, _text: str) -> None:
        await released.wait()

    desk.auditor._send_directly = hang
    desk.loops["notify"] = 60.0
    async with asyncio.timeout(20):
        await desk.audit(times=10)
    released.set()


async def test_without_an_on_call_number_a_fault_is_still_shown(desk: Desk) -> None:
    await desk.site.pool.execute("UPDATE jurisdiction SET on_call_number = NULL")
    await desk.site.directory.read()
    desk.loops["notify"] = 60.0
    assert await desk.audit(times=12) == ["loop_stopped"]
    assert desk.sent == []


async def test_without_the_database_it_is_shown_at_once_and_told_directly(desk: Desk) -> None:
    postgres = desk.site.connection.pool
    await desk.audit()
    await postgres.execute("ALTER TABLE watching RENAME TO gone")
    for _ in range(8):
        await desk.auditor.audit()
        desk.clock.now += 5
    await asyncio.sleep(0)
    assert desk.shown() == [["database_away"]]
    ((number, text),) = desk.sent
    assert number == "+15125550190"
    assert text.startswith("Tocsin: The database does not answer.")
    await postgres.execute("ALTER TABLE gone RENAME TO watching")
    await desk.audit()
    assert desk.shown() == [["database_away"], []]
    assert figure("database_away") == 0


async def test_a_database_that_is_killed_is_found_and_its_return_too(
    desk: Desk, database: Database
) -> None:
    await desk.audit()
    await database.postgres.kill()
    async with asyncio.timeout(30):
        while await desk.audit(every_s=0) != ["database_away"]:
            assert desk.shown() == []  # its last processes may live a moment longer
    await database.postgres.start()
    async with asyncio.timeout(30):
        while desk.auditor.current("48453"):
            await desk.auditor.audit()
    assert desk.shown() == [["database_away"], []]


async def test_it_audits_by_itself_until_it_is_cancelled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tocsin_server.auditor.AUDIT_EVERY_S", 0.01)
    shown = asyncio.Event()
    desk.auditor._show = lambda _jurisdiction, _frame: shown.set()
    desk.loops["notify"] = 60.0
    running = asyncio.create_task(desk.auditor.run())
    async with asyncio.timeout(30):
        await shown.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_tier_that_loses_its_last_person_is_a_warning_and_is_told_once(desk: Desk) -> None:
    pool = desk.site.pool
    await pool.execute("UPDATE person SET ends_on = current_date + 3")
    assert await desk.audit() == ["tier_empties"]
    (fault,) = desk.auditor.current("48453")
    assert fault.severity == "warning"
    assert fault.message.startswith("Dana Ortiz's account ends on ")
    assert "tier 1 of the policy Standard has nobody after that" in fault.message
    await desk.audit(times=8)
    assert len(await desk.site.told()) == 1
    await desk.audit(times=40, every_s=60.0)
    assert len(await desk.site.told()) == 1, "what stands for days is not told every ten minutes"
    await pool.execute("UPDATE person SET ends_on = current_date - 2")
    await desk.audit(times=8)
    early, late = await desk.site.told()
    assert "has nobody after that" in early
    assert "ended on" in late
    await pool.execute("UPDATE person SET ends_on = NULL")
    assert await desk.audit() == []
