"""`tocsin export` and `tocsin verify`: the record in other hands, and whether it still holds."""

import json
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.cli.terminal import Terminal
from tests.offices import open_office
from tests.parts import Database

# One alert with two events, by the functions that write every record.
ALERT = """
WITH opened AS (
    SELECT id FROM join_or_open($1, '48453', 'duress', false, 1, clock_timestamp(),
                                clock_timestamp(), '{}', '{}', '[{}]')
)
SELECT append_event(id, name, '{"by": "Dana Ortiz"}')
  FROM opened, unnest(ARRAY['opened', 'note']) AS name
"""


class Verdict(msgspec.Struct):
    alerts: int
    events: int
    without_payload: int
    head: str
    findings: list[str]


@pytest_asyncio.fixture
async def recorded(deployed: Terminal, database: Database) -> Terminal:
    """An office with one alert on record."""
    async with database.pool() as pool:
        office = await open_office(pool)
        await pool.execute(ALERT, office.device_id)
    return deployed


async def test_an_export_verifies_without_a_database_and_full_and_redacted_agree(
    recorded: Terminal, folder: Path
) -> None:
    full = (await recorded.run("export", "-o", "full.jsonl", "--json")).read(Verdict)
    assert (full.alerts, full.events, full.without_payload) == (1, 2, 0)
    out = await recorded.good("export", "--redacted", "-o", "redacted.jsonl")
    assert "redacted.jsonl is written: the record holds" in out
    assert (folder / "full.jsonl").stat().st_mode & 0o077 == 0
    assert "Dana Ortiz" in (folder / "full.jsonl").read_text()
    assert "Dana Ortiz" not in (folder / "redacted.jsonl").read_text()
    elsewhere = Terminal(folder)
    for name in ("full.jsonl", "redacted.jsonl"):
        verdict = (await elsewhere.run("verify", name, "--json")).read(Verdict)
        assert (verdict.head, verdict.findings) == (full.head, [])
    out = await recorded.good("verify", "--head", full.head)
    assert f"1 alerts, 2 events of 48453\nhead {full.head}" in out


async def test_an_export_goes_to_standard_output_alone(recorded: Terminal, folder: Path) -> None:
    said = await recorded.run("export", "-o", "-")
    assert said.code == 0
    assert "the record holds" in said.err
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["type"] for line in lines] == ["record", "event", "event", "alert", "end"]
    (await recorded.run("export", "-o", "-", "--json")).refused("name a file")


async def test_a_record_that_was_rewritten_ends_with_1_and_says_where(
    recorded: Terminal, database: Database, folder: Path
) -> None:
    head = (await recorded.run("verify", "--json")).read(Verdict).head
    async with database.connected() as connection:
        await connection.execute("ALTER TABLE alert_event DISABLE TRIGGER USER")
        await connection.execute(
            "UPDATE alert_event SET payload = '{\"by\": \"Lee\"}' WHERE name = 'note'"
        )
    said = await recorded.run("verify")
    assert (said.code, said.err) == (1, "")
    assert "DOES NOT HOLD" in said.out
    assert "event 2 (note) was changed" in said.out
    verdict = await recorded.run("verify", "--json")
    assert verdict.code == 1
    assert len(msgspec.json.decode(verdict.out, type=Verdict).findings) == 1
    exported = await recorded.run("export", "-o", "bad.jsonl")
    assert exported.code == 1
    assert (folder / "bad.jsonl").exists()
    assert head


async def test_another_head_than_the_published_one_is_found(recorded: Terminal) -> None:
    said = await recorded.run("verify", "--head", "0" * 64)
    assert said.code == 1
    assert "the record was rewritten" in said.out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("verify", "none.jsonl"), "none.jsonl"),
        (("verify", "letter.txt"), "no export of a record"),
        (("verify", "--head", "123"), "64 digits"),
        (("export", "-o", "letter.txt"), "there already"),
        (("export", "-o", "nowhere/record.jsonl"), "nowhere"),
        (("verify", "--jurisdiction", "48491"), "known are 48453"),
    ],
)
async def test_what_can_not_be_checked_or_written_is_one_line(
    recorded: Terminal, folder: Path, words: tuple[str, ...], why: str
) -> None:
    (folder / "letter.txt").write_text("Dear Dana\n")
    (await recorded.run(*words)).refused(why)
    assert (folder / "letter.txt").read_text() == "Dear Dana\n"


async def test_an_export_without_a_file_is_not_understood(bare: Terminal) -> None:
    (await bare.run("export")).not_understood("-o")
