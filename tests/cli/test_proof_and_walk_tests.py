"""`tocsin jurisdiction proof`, `tocsin site walk-test`, and lists that say what is overdue."""

import csv
from datetime import date
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.cli.terminal import Terminal
from tests.cli.test_papers import pdfs_in
from tests.parts import Database

HALL, STAGE = "btn-0123456789", "btn-9876543210"
WALK = ("site", "walk-test")


class Rule(msgspec.Struct):
    every: str | None
    elections: list[date]
    days_before: int


class Listed(msgspec.Struct):
    device_id: str
    proof: str
    prove_by: str | None


class Devices(msgspec.Struct):
    devices: list[Listed]


class Shown(msgspec.Struct):
    buttons: list[Listed]


class Walked(msgspec.Struct):
    is_open: bool
    ended_by: str | None


class Started(msgspec.Struct):
    joined: bool
    walk_test: Walked


class Filed(msgspec.Struct):
    file: str
    buttons: int
    proven: int


@pytest_asyncio.fixture
async def placed(terminal: Terminal) -> Terminal:
    """A site with two buttons, of which the first was proven a year ago."""
    await terminal.good("site", "add", "County Clerk")
    await terminal.good("site", "add", "Empty Gym")
    for device_id, room in ((HALL, "Hall"), (STAGE, "Stage")):
        await terminal.good(
            *("device", "add", "--id", device_id, "--site", "County Clerk", "--room", room)
        )
    return terminal


async def test_a_rule_is_shown_and_changed_part_by_part(terminal: Terminal) -> None:
    proof = ("jurisdiction", "proof")
    assert "every month" in await terminal.good(*proof)
    said = await terminal.good(
        *proof, "--every", "week", "--election", "2027-03-02", "--election", "2026-11-03"
    )
    assert "every week, and within 7 days before each election (2026-11-03, 2027-03-02)" in said
    kept = (await terminal.run(*proof, "--days-before", "1", "--json")).read(Rule)
    assert kept == Rule("week", [date(2026, 11, 3), date(2027, 3, 2)], 1)
    assert "on the day before each election" in await terminal.good(*proof, "--every", "never")
    assert "no rule: once is enough" in await terminal.good(*proof, "--no-elections")
    assert (await terminal.run(*proof, "--json")).read(Rule) == Rule(None, [], 1)


async def test_a_rule_that_is_none_is_refused_and_changes_nothing(terminal: Terminal) -> None:
    proof = ("jurisdiction", "proof")
    (await terminal.run(*proof, "--days-before", "61")).refused("1 to 60 days", "not 61")
    (await terminal.run(*proof, "--election", "2206-11-03")).refused("2206-11-03", "its year")
    both = ("--election", "2026-11-03", "--no-elections")
    (await terminal.run(*proof, *both)).refused("contradict")
    (await terminal.run(*proof, "--every", "year")).not_understood("--every")
    (await terminal.run(*proof, "--election", "11/3/2026")).not_understood("2026-11-03")
    assert (await terminal.run(*proof, "--json")).read(Rule) == Rule("month", [], 7)


async def test_what_is_overdue_is_said_where_buttons_are_listed(
    placed: Terminal, database: Database
) -> None:
    async with database.connected() as connection:
        await connection.execute(
            "UPDATE device_health SET last_proven_at = '2025-03-05T12:00Z', last_proven_by = 'Sam'"
            " WHERE device_id = $1",
            HALL,
        )
    said = "proven 2025-03-05 12:00Z by Sam; OVERDUE since 2025-05-01 05:00Z"
    assert said in await placed.good("device", "list")
    shown = await placed.good("site", "show", "County Clerk")
    assert f"button: {HALL}, Hall: {said}" in shown
    assert f"button: {STAGE}, Stage: not proven yet" in shown
    assert "overdue: 1 of 2 buttons" in shown
    listed = (await placed.run("device", "list", "--json")).read(Devices).devices
    assert [each.proof for each in listed] == ["overdue", "never"]
    in_site = (await placed.run("site", "show", "County Clerk", "--json")).read(Shown).buttons
    assert in_site == listed
    await placed.good("jurisdiction", "proof", "--every", "never")
    assert "OVERDUE" not in await placed.good("device", "list")
    assert "overdue" not in await placed.good("site", "show", "County Clerk")


async def test_a_walk_test_is_started_joined_shown_ended_and_filed(
    placed: Terminal, folder: Path
) -> None:
    said = await placed.good(*WALK, "start", "County Clerk", "--by", "Sam Novak")
    assert "a second press is a real alert" in said
    joined = (await placed.run(*WALK, "start", "County Clerk", "--json")).read(Started)
    assert (joined.joined, joined.walk_test.is_open) == (True, True)
    shown = await placed.good(*WALK, "show", "County Clerk")
    assert "0 of 2 buttons proven" in shown
    assert "not yet (not connected)" in shown
    ended = (await placed.run(*WALK, "end", "County Clerk", "--by", "Maya Chen", "--json")).read(
        Walked
    )
    assert (ended.is_open, ended.ended_by) == (False, "Maya Chen")
    filed = (await placed.run(*WALK, "report", "County Clerk", "--json")).read(Filed)
    assert (filed.buttons, filed.proven) == (2, 0)
    assert filed.file.startswith("walk-test-county-clerk-")
    assert (folder / filed.file).read_bytes().startswith(b"%PDF-")
    (await placed.run(*WALK, "report", "County Clerk")).refused("there already", "-o")
    await placed.good(*WALK, "report", "County Clerk", "--csv", "-o", "report.csv")
    with (folder / "report.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["result"] for row in rows] == ["not pressed", "not pressed"]
    checked = ("--as-of", rows[0]["record_as_of"], "--head", rows[0]["record_head"])
    assert "the record holds" in await placed.good("verify", *checked)
    await placed.good("export", "-o", "record.jsonl")
    assert "the record holds" in await placed.good("verify", "record.jsonl", *checked)
    wrong = await placed.run("verify", *checked[:2], "--head", "0" * 64)
    assert wrong.code == 1


async def test_a_walk_test_that_can_not_be_is_refused(placed: Terminal, folder: Path) -> None:
    (await placed.run(*WALK, "end", "County Clerk")).refused("start one first")
    (await placed.run(*WALK, "show", "County Clerk")).refused("start one first")
    (await placed.run(*WALK, "report", "County Clerk")).refused("start one first")
    (await placed.run(*WALK, "start", "Nowhere")).refused("County Clerk")
    (await placed.run(*WALK, "start", "County Clerk", "--minutes", "61")).not_understood("1 to 60")
    await placed.good("drill", "start", "County Clerk", "--by", "Dana Ortiz")
    (await placed.run(*WALK, "start", "County Clerk")).refused("Dana Ortiz", "End it first")
    assert pdfs_in(folder) == []


@pytest.mark.parametrize("moment", ["yesterday", "2026-11-03T19:52:07"])
async def test_a_moment_that_is_none_is_not_understood(bare: Terminal, moment: str) -> None:
    (await bare.run("verify", "--as-of", moment)).not_understood("2026-11-03T19:52:07.500000Z")
