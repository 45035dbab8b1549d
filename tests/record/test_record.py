"""What is on record can be checked by others, and nobody changes it unseen."""

import hashlib
import io
import json
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.offices import Office, open_office
from tocsin_server import record
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.record import (
    FINDINGS_MAX,
    Verdict,
    erase_payloads,
    export_record,
    head_as_of,
    verify_database,
    verify_export,
)

NAMES = ("pressed", "tier_told", "acknowledged", "resolved")
Line = dict[str, object]


@pytest.fixture
async def office(pool: asyncpg.Pool) -> Office:
    return await open_office(pool)


async def add_alert(
    pool: asyncpg.Pool, office: Office, *, names: tuple[str, ...] = NAMES, resolved: bool = True
) -> UUID:
    """Write an alert with these events, as the product's own function writes them."""
    alert_id: UUID = await pool.fetchval(
        """
        INSERT INTO alert (jurisdiction, device_id, kind, drill, code, presses, place, tiers,
                           joinable, pressed_at, received_at, stored_at, attempted_at, decide_at,
                           resolved_at)
        SELECT $1, $2, 'duress', false, gen_random_uuid()::text, 1, '{}', '[]',
               false, t, t, t, t, t, CASE WHEN $3 THEN t END
          FROM clock_timestamp() t
        RETURNING alert_id
        """,
        office.jurisdiction,
        office.device_id,
        resolved,
    )
    for name in names:
        payload = json.dumps({"by": "Núñez, J.", "note": f'"{name}"\n'}, ensure_ascii=False)
        await pool.execute("SELECT append_event($1, $2, $3)", alert_id, name, payload)
    return alert_id


async def export_to(
    pool: asyncpg.Pool, path: Path, *, jurisdiction: str = "48453", redacted: bool = False
) -> Verdict:
    return await export_record(pool, jurisdiction=jurisdiction, redacted=redacted, out=path)


@pytest.fixture
async def exported(pool: asyncpg.Pool, office: Office, folder: Path) -> Path:
    """An export of two alerts with four events each: twelve lines."""
    await add_alert(pool, office)
    await add_alert(pool, office)
    path = folder / "record.jsonl"
    await export_to(pool, path)
    return path


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def lines_of(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_lines(path: Path, lines: list[Line], *, seal: bool = True) -> Path:
    """Write lines as an export has them; `seal` hashes the file anew, as a forger would."""
    texts = [json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines]
    if seal and lines and lines[-1].get("type") == "end":
        above = "".join(f"{text}\n" for text in texts[:-1]).encode()
        texts[-1] = json.dumps({**lines[-1], "lines_sha256": hashlib.sha256(above).hexdigest()})
    forged = path.with_name("forged.jsonl")
    forged.write_text("".join(f"{text}\n" for text in texts))
    return forged


async def test_an_export_and_the_database_hang_together_and_have_the_same_head(
    pool: asyncpg.Pool, office: Office, folder: Path
) -> None:
    await add_alert(pool, office)
    await add_alert(pool, office, names=NAMES[:2], resolved=False)
    written = await export_to(pool, folder / "record.jsonl")
    found = verify_export(folder / "record.jsonl", expected_head=f" {written.head.upper()}\n")
    assert (
        found
        == written
        == await verify_database(pool, jurisdiction=office.jurisdiction, expected_head=written.head)
    )
    assert found.holds
    assert (found.alerts, found.events, found.without_payload) == (2, 6, 0)


async def test_a_head_of_an_earlier_moment_holds_whatever_was_added_since(
    pool: asyncpg.Pool, office: Office, folder: Path
) -> None:
    going_on = await add_alert(pool, office, names=NAMES[:2], resolved=False)
    before = await verify_database(pool, jurisdiction=office.jurisdiction)
    as_of = await pool.fetchval("SELECT max(at) FROM alert_event")
    await pool.execute("SELECT append_event($1, 'acknowledged', '{}')", going_on)
    await add_alert(pool, office)
    async with pool.acquire() as connection:
        then = await head_as_of(connection, jurisdiction=office.jurisdiction, as_of=as_of)
    assert then == before.head
    now = await export_to(pool, folder / "record.jsonl")
    assert now.head != then
    for verdict in (
        verify_export(folder / "record.jsonl", expected_head=then, as_of=as_of),
        await verify_database(
            pool, jurisdiction=office.jurisdiction, expected_head=then, as_of=as_of
        ),
    ):
        assert (verdict.findings, verdict.head) == ([], then)
    late = verify_export(
        folder / "record.jsonl", expected_head=then, as_of=as_of + timedelta(hours=1)
    )
    assert "the head of all chains is" in late.findings[0]


async def test_an_earlier_moment_that_was_rewritten_is_found_by_its_head(exported: Path) -> None:
    lines = lines_of(exported)
    as_of = datetime.fromisoformat(str(lines[4]["at"]))
    first = verify_export(exported, as_of=as_of).head
    del lines[6:11]  # all of the second alert, sealed anew below
    lines[-1] |= {"alerts": 1, "events": 4}
    forged = write_lines(exported, lines)
    verdict = verify_export(forged, expected_head=first, as_of=as_of)
    assert not any("head of all chains" in each for each in verdict.findings)
    second = datetime.fromisoformat(str(lines_of(exported)[9]["at"]))
    whole = verify_export(exported, as_of=second).head
    verdict = verify_export(forged, expected_head=whole, as_of=second)
    assert any("the head of all chains is" in each for each in verdict.findings)


async def test_the_chain_can_be_recomputed_from_the_export_without_tocsin(exported: Path) -> None:
    heads = hashlib.sha256(b"tocsin-record|1|48453\n")
    chain = b""
    for line in lines_of(exported)[1:-1]:
        if line["type"] == "alert":
            assert line["chain"] == chain.hex()
            heads.update(f"{line['alert_id']}|{line['event_count']}|{chain.hex()}\n".encode())
            chain = b""
            continue
        digest = hashlib.sha256(bytes.fromhex(str(line["salt"])) + str(line["payload"]).encode())
        said = f"{line['alert_id']}|{line['n']}|{line['at']}|{line['name']}".encode()
        chain = hashlib.sha256(chain + said + digest.digest()).digest()
        assert (line["digest"], line["chain"]) == (digest.hexdigest(), chain.hex())
    assert lines_of(exported)[-1]["head"] == heads.hexdigest()


async def test_a_redacted_export_says_nothing_personal_and_has_the_same_head(
    pool: asyncpg.Pool, exported: Path, folder: Path
) -> None:
    path = folder / "redacted.jsonl"
    written = await export_to(pool, path, redacted=True)
    found = verify_export(path)
    assert found.holds
    assert found.head == written.head == verify_export(exported).head
    assert found.without_payload == found.events == 8
    assert "Núñez" in content_of(exported).decode()
    assert "Núñez" not in content_of(path).decode()
    assert {line["salt"] for line in lines_of(path) if line["type"] == "event"} == {None}


async def test_a_record_without_alerts_can_be_exported_and_checked(
    pool: asyncpg.Pool, office: Office, folder: Path
) -> None:
    await export_to(pool, folder / "record.jsonl")
    found = verify_export(folder / "record.jsonl")
    assert (found.holds, found.alerts, found.events) == (True, 0, 0)


async def test_an_export_holds_only_its_own_jurisdiction(
    pool: asyncpg.Pool, office: Office, folder: Path
) -> None:
    other = await open_office(pool, jurisdiction="48491")
    mine = await add_alert(pool, office)
    await add_alert(pool, other)
    await export_to(pool, folder / "record.jsonl")
    assert {line["alert_id"] for line in lines_of(folder / "record.jsonl")[1:-1]} == {str(mine)}


CHANGES: tuple[Callable[[object], object], ...] = (
    lambda _: None,
    lambda _: "",
    lambda value: value + 1 if isinstance(value, int) else 7,
    lambda value: f"{value}\n",
    lambda value: str(value)[:-1] + ("0" if str(value)[-1:] != "0" else "1"),
)


async def test_a_change_of_any_field_of_any_line_is_found(exported: Path) -> None:
    lines = lines_of(exported)
    assert verify_export(write_lines(exported, lines, seal=False)).holds
    tried = 0
    for number, line in enumerate(lines):
        for name, value in line.items():
            for change in CHANGES:
                if change(value) == value:
                    continue
                forged = write_lines(
                    exported,
                    [*lines[:number], {**line, name: change(value)}, *lines[number + 1 :]],
                    seal=False,
                )
                tried += 1
                try:
                    assert not verify_export(forged).holds, (number, name, change(value))
                except Invalid:
                    assert number == 0, (number, name)
    assert tried > 300


PROTECTED = {
    ("event", "alert_id"): str(UUID(int=7)),
    ("event", "n"): 9,
    ("event", "at"): "2030-01-01T00:00:00.000000Z",
    ("event", "name"): "renamed",
    ("event", "salt"): "00" * 16,
    ("event", "payload"): '{"by": "Somebody Else"}',
    ("event", "digest"): "ab" * 32,
    ("event", "chain"): "ab" * 32,
    ("alert", "alert_id"): str(UUID(int=7)),
    ("alert", "event_count"): 3,
    ("alert", "chain"): "ab" * 32,
    ("end", "alerts"): 1,
    ("end", "events"): 1,
    ("end", "head"): "ab" * 32,
}


async def test_a_forger_who_seals_the_file_anew_is_found_by_the_chain(exported: Path) -> None:
    lines = lines_of(exported)
    for number, line in enumerate(lines[1:], start=1):
        for (kind, name), value in PROTECTED.items():
            if line["type"] == kind:
                changed = [*lines[:number], {**line, name: value}, *lines[number + 1 :]]
                found = verify_export(write_lines(exported, changed))
                assert found.findings, (number, name)
                assert not any("lines are not those" in finding for finding in found.findings)


async def test_each_finding_names_the_alert_and_the_event(exported: Path) -> None:
    lines = lines_of(exported)
    header, *events, head = lines[:6]
    rest = lines[6:]
    alert = f"alert {head['alert_id']}"

    def findings(*forged: Line) -> list[str]:
        return verify_export(write_lines(exported, [header, *forged, *rest])).findings

    first, second, third, fourth = events
    assert findings(first, {**second, "payload": "{}"}, third, fourth, head) == [
        f"{alert}: event 2 (tier_told) was changed: its payload does not give its digest"
    ]
    assert findings(first, {**second, "salt": None}, third, fourth, head) == [
        f"{alert}: event 2 (tier_told) has only one of salt and payload: half of it was taken away"
    ]
    assert findings(first, {**second, "at": str(first["at"])}, third, fourth, head) == [
        f"{alert}: event 2 (tier_told) breaks the chain: its time, name, digest or chain was"
        " changed, or the event before it"
    ]
    assert findings(first, fourth, head)[0] == (
        f"{alert}: events 2 to 3 are missing before event 4"
    )
    assert findings(first, second, third, head)[0] == f"{alert}: event 4 is missing at its end"
    assert findings(first, third, second, fourth, head) == [
        f"{alert}: event 2 is missing before event 3",
        f"{alert}: event 2 (tier_told) comes after event 3: it was moved, or added",
    ]
    assert findings(first, second, second, third, fourth, head)[0] == (
        f"{alert}: event 2 (tier_told) comes after event 2: it was moved, or added"
    )
    assert findings(first, second, third, fourth, {**head, "event_count": 3})[0] == (
        f"{alert}: it has 3 events, and event 4 was added"
    )
    assert findings(first, second, third, fourth, {**head, "chain": "ab" * 32})[0] == (
        f"{alert}: its head is not that of its last event, 4"
    )
    assert findings(first, second, third, fourth)[0] == f"{alert}: its end is missing after event 4"
    foreign = {**second, "alert_id": str(UUID(int=2**128 - 1))}
    assert findings(first, foreign, third, fourth, head)[0] == (
        f"alert {UUID(int=2**128 - 1)}: event 2 (tier_told) stands among those of {alert}"
    )


async def test_alerts_that_were_moved_removed_or_cut_off_are_found(exported: Path) -> None:
    lines = lines_of(exported)
    header, one, two, end = lines[0], lines[1:6], lines[6:11], lines[11]

    def findings(*forged: Line) -> list[str]:
        return verify_export(write_lines(exported, list(forged))).findings

    assert findings(header, *two, *one, end)[0] == (
        f"alert {one[0]['alert_id']}: it stands after alert {two[0]['alert_id']}: moved, or added"
    )
    assert findings(header, *one, end) == [
        "the last line counts 2 alerts, and there are 1",
        "the last line counts 8 events, and there are 4",
        "the head in the last line is not that of the alerts above it",
    ]
    assert findings(header, *one) == [
        "the file ends before the end of the record: it was truncated"
    ]
    assert findings(header, *one, *two, end, one[0]) == [
        "line 13 stands after the end of the record"
    ]
    assert findings({**header, "jurisdiction": "48491"}, *one, *two, end) == [
        "the head in the last line is not that of the alerts above it"
    ]


async def test_a_record_rewritten_as_a_whole_is_found_by_the_published_head(
    pool: asyncpg.Pool, exported: Path, folder: Path
) -> None:
    published = verify_export(exported).head
    await pool.execute("ALTER TABLE alert_event DISABLE TRIGGER USER; DELETE FROM alert_event")
    await pool.execute("UPDATE alert SET event_count = 0, chain = ''")
    for row in await pool.fetch("SELECT alert_id FROM alert"):
        await pool.execute(
            "SELECT append_event($1, 'resolved', '{\"outcome\": \"test\"}')", row["alert_id"]
        )
    path = folder / "rewritten.jsonl"
    await export_to(pool, path)
    assert verify_export(path).holds
    for found in (
        verify_export(path, expected_head=published),
        await verify_database(pool, jurisdiction="48453", expected_head=published),
    ):
        assert [published in finding for finding in found.findings] == [True]


async def test_any_damage_to_the_bytes_is_found(exported: Path) -> None:
    whole = content_of(exported)
    damaged = exported.with_name("damaged.jsonl")

    @given(at=st.integers(0, len(whole) - 1), byte=st.integers(0, 255))
    def a_byte_changed(at: int, byte: int) -> None:
        if whole[at] != byte:
            assert_found(whole[:at] + bytes([byte]) + whole[at + 1 :])

    @given(at=st.integers(0, len(whole) - 1), length=st.integers(1, 400))
    def bytes_lost(at: int, length: int) -> None:
        assert_found(whole[:at] + whole[at + length :])

    @given(at=st.integers(0, len(whole)), more=st.binary(min_size=1, max_size=40))
    def bytes_added(at: int, more: bytes) -> None:
        assert_found(whole[:at] + more + whole[at:])

    def assert_found(content: bytes) -> None:
        damaged.write_bytes(content)
        try:
            assert not verify_export(damaged).holds
        except Invalid:
            assert content.splitlines()[:1] != whole.splitlines()[:1]

    a_byte_changed()
    bytes_lost()
    bytes_added()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n", "no export of a record"),
        (b"not json\n", "no export of a record"),
        (b'{"type":"event"}\n', "no export of a record"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "no export of a record"),
        (
            b'{"type":"record","format":"other","version":1,"jurisdiction":"48453",'
            b'"redacted":false,"exported_at":"2030"}\n',
            "it says 'other'",
        ),
        (
            b'{"type":"record","format":"tocsin-record","version":2,"jurisdiction":"48453",'
            b'"redacted":false,"exported_at":"2030"}\n',
            "has version 2, and this Tocsin reads version 1",
        ),
        (
            b'{"type":"record","format":"tocsin-record","version":1,"jurisdiction":"48453",'
            b'"redacted":false,"exported_at":"2030"}\n' + b"x" * (record.LINE_BYTES_MAX + 1),
            "line 2 is longer than",
        ),
    ],
)
def test_a_file_that_is_no_export_is_named_as_such(folder: Path, content: bytes, says: str) -> None:
    path = folder / "some.jsonl"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=says):
        verify_export(path)


def test_a_file_that_cannot_be_read_and_a_head_that_is_none_are_said(folder: Path) -> None:
    with pytest.raises(Invalid, match="No such file"):
        verify_export(folder / "gone.jsonl")
    with pytest.raises(Invalid, match="Is a directory"):
        verify_export(folder)
    (folder / "some.jsonl").write_bytes(b"")
    with pytest.raises(Invalid, match="64 digits"):
        verify_export(folder / "some.jsonl", expected_head="beef")


async def test_findings_are_counted_where_there_are_too_many_to_read(exported: Path) -> None:
    lines = lines_of(exported)
    junk: list[Line] = [{"type": "junk"}] * (FINDINGS_MAX + 10)
    found = verify_export(write_lines(exported, [*lines[:-1], *junk, lines[-1]]))
    assert (len(found.findings), found.findings_left_off) == (FINDINGS_MAX, 10)


async def test_an_export_writes_over_nothing_and_leaves_nothing_unfinished(
    pool: asyncpg.Pool, exported: Path, folder: Path
) -> None:
    before = content_of(exported)
    with pytest.raises(Refused, match="already"):
        await export_to(pool, exported)
    assert content_of(exported) == before
    assert mode_of(exported) == 0o600
    with pytest.raises(NotFound, match="48491"):
        await export_to(pool, folder / "new.jsonl", jurisdiction="48491")
    assert not (folder / "new.jsonl").exists()
    with pytest.raises(Invalid, match="No such file"):
        await export_to(pool, folder / "no" / "new.jsonl")


async def test_an_export_goes_to_a_stream_as_well(pool: asyncpg.Pool, exported: Path) -> None:
    stream = io.BytesIO()
    await export_record(pool, jurisdiction="48453", redacted=False, out=stream)
    assert stream.getvalue().splitlines()[1:-1] == content_of(exported).splitlines()[1:-1]


TAMPERING = {
    "payload": "UPDATE alert_event SET payload = '{}' WHERE n = 2",
    "salt": "UPDATE alert_event SET salt = '\\x00' WHERE n = 2",
    "half erased": "UPDATE alert_event SET payload = NULL WHERE n = 2",
    "time": "UPDATE alert_event SET at = at + interval '1 us' WHERE n = 2",
    "name": "UPDATE alert_event SET name = 'resolved' WHERE n = 2",
    "digest": "UPDATE alert_event SET digest = sha256('') WHERE n = 2",
    "chain": "UPDATE alert_event SET chain = sha256('') WHERE n = 2",
    "number": "UPDATE alert_event SET n = 9 WHERE n = 2",
    "an event removed": "DELETE FROM alert_event WHERE n = 2",
    "the last event removed": "DELETE FROM alert_event WHERE n = 4",
    "all events removed": "DELETE FROM alert_event",
    "an event added": "INSERT INTO alert_event SELECT alert_id, 5, at, name, salt, payload, digest,"
    " chain FROM alert_event WHERE n = 4",
    "two events exchanged": "UPDATE alert_event SET n = -n;"
    " UPDATE alert_event SET n = CASE n WHEN -2 THEN 3 WHEN -3 THEN 2 ELSE -n END",
    "the alert's count": "UPDATE alert SET event_count = 3",
    "the alert's chain": "UPDATE alert SET chain = sha256('')",
}


@pytest.mark.parametrize("sql", TAMPERING.values(), ids=TAMPERING)
async def test_a_database_owner_who_changes_the_record_is_found(
    pool: asyncpg.Pool, office: Office, folder: Path, sql: str
) -> None:
    alert_id = await add_alert(pool, office)
    await pool.execute("ALTER TABLE alert_event DISABLE TRIGGER USER;" + sql)
    found = await verify_database(pool, jurisdiction=office.jurisdiction)
    assert found.findings
    assert all(f"alert {alert_id}" in finding for finding in found.findings)
    exported = await export_to(pool, folder / "record.jsonl")
    assert exported.findings == found.findings
    assert verify_export(folder / "record.jsonl").findings == found.findings


async def test_events_whose_alert_was_removed_are_found(pool: asyncpg.Pool, office: Office) -> None:
    alert_id = await add_alert(pool, office)
    await pool.execute(
        "SET session_replication_role = replica; DELETE FROM alert;"
        "SET session_replication_role = DEFAULT"
    )
    found = await verify_database(pool, jurisdiction=office.jurisdiction)
    assert found.findings == [f"alert {alert_id}: it is gone, and left 4 events"]


async def test_the_database_itself_lets_nobody_change_the_record(
    pool: asyncpg.Pool, office: Office
) -> None:
    await add_alert(pool, office)
    for sql in (*list(TAMPERING.values())[:9], "TRUNCATE alert_event"):
        with pytest.raises(asyncpg.RaiseError, match="only ever added to"):
            await pool.execute(sql)
    assert (await verify_database(pool, jurisdiction=office.jurisdiction)).holds


async def test_what_was_said_is_erased_on_its_date_and_the_chain_still_holds(
    pool: asyncpg.Pool, office: Office, folder: Path
) -> None:
    other = await open_office(pool, jurisdiction="48491")
    await add_alert(pool, office)
    open_one = await add_alert(pool, office, resolved=False)
    before = datetime.now(UTC)
    late = await add_alert(pool, office)
    await add_alert(pool, other)
    head = (await verify_database(pool, jurisdiction=office.jurisdiction)).head

    async def erase(moment: datetime) -> int:
        return await erase_payloads(pool, jurisdiction=office.jurisdiction, before=moment)

    assert await erase(before - timedelta(days=1)) == 0
    assert await erase(before) == 4
    assert await erase(before) == 0
    kept = await pool.fetch(
        "SELECT DISTINCT alert_id FROM alert_event JOIN alert USING (alert_id)"
        " WHERE payload IS NOT NULL AND salt IS NOT NULL AND jurisdiction = $1",
        office.jurisdiction,
    )
    assert {row["alert_id"] for row in kept} == {open_one, late}
    assert (await verify_database(pool, jurisdiction="48491")).without_payload == 0

    found = await verify_database(pool, jurisdiction=office.jurisdiction, expected_head=head)
    assert (found.findings, found.without_payload) == ([], 4)
    await export_to(pool, folder / "record.jsonl")
    assert verify_export(folder / "record.jsonl", expected_head=head) == found
    with pytest.raises(Invalid, match="time zone"):
        await erase(datetime(2030, 1, 1))  # noqa: DTZ001


async def test_a_long_record_streams(
    pool: asyncpg.Pool, office: Office, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "ALERTS_PER_PAGE_MAX", 3)
    monkeypatch.setattr(record, "EVENTS_PER_FETCH_MAX", 100)
    monkeypatch.setattr(record, "WRITE_BYTES", 32 * 1024)
    for _ in range(8):
        alert_id = await add_alert(pool, office, names=())
        await pool.execute(
            "SELECT append_event($1, 'noted', json_build_object('text', repeat(n::text, 200)))"
            " FROM generate_series(100, 699) n",
            alert_id,
        )
    path = folder / "record.jsonl"
    tracemalloc.start()
    try:
        written = await export_to(pool, path)
        verified = verify_export(path)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert verified == written
    assert (verified.holds, verified.alerts, verified.events) == (True, 8, 4_800)
    assert most < path.stat().st_size / 4
    assert (await verify_database(pool, jurisdiction=office.jurisdiction)) == written


async def test_a_file_cut_off_by_a_single_byte_is_found(exported: Path) -> None:
    cut = exported.with_name("cut.jsonl")
    cut.write_bytes(content_of(exported)[:-1])
    assert verify_export(cut).findings == ["line 12 was cut off"]
