"""`tocsin shift`, as typed: who answers when, and who does now."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.cli.terminal import Terminal
from tocsin_server.cli.shift import Changed
from tocsin_server.cli.shift_text import days_text
from tocsin_server.people.shift_plans import ShiftsView

CHICAGO = ZoneInfo("America/Chicago")
NOBODY = "00000000-0000-7000-8000-000000000000"
DESK = "Front desk"


async def open_desk(terminal: Terminal) -> None:
    """Two dispatchers, and a plan without entries."""
    for name, email in (("Dana Ortiz", "dana@example.org"), ("Lee Park", "lee@example.org")):
        await terminal.good(
            *("person", "add", name, "--email", email, "--role", "dispatcher"),
            *("--phone", "+15125550111"),
        )
    await terminal.good("shift", "add", DESK)


async def add_entry(terminal: Terminal, email: str, *words: str) -> str:
    said = await terminal.run("shift", "entry", "add", DESK, email, *words, "--json")
    return str(said.read(Changed).id)


def day(days: int) -> str:
    """A day there: 1 is tomorrow."""
    return (datetime.now(CHICAGO).date() + timedelta(days=days)).isoformat()


async def test_a_plan_is_made_and_says_who_answers_and_when_nobody_does(
    terminal: Terminal,
) -> None:
    assert "no plan of shifts yet: make one with" in await terminal.good("shift", "who")
    assert "no plan of shifts yet: make one with" in await terminal.good("shift", "list")
    await open_desk(terminal)
    empty = await terminal.good("shift", "who")
    assert "Front desk: NOBODY, for the next 7 days\n" in empty
    assert "  Nobody is on in Front desk now, nor in the next 7 days.\n" in empty
    await add_entry(terminal, "dana@example.org", "--from", "06:00", "--to", "22:00")
    listed = await terminal.good(
        *("shift", "entry", "add", DESK, "lee@example.org", "--days", "Fri-Sun"),
        *("--from", "22:00", "--to", "06:00", "--valid-from", "2026-06-01"),
    )
    assert re.search(r"every day +06:00-22:00 +Dana Ortiz +- ", listed), listed
    assert re.search(r"Fri-Sun +22:00-06:00 +Lee Park +from 2026-06-01 ", listed), listed
    # From Thursday on: a moment that is the same in every year's week.
    shown = await terminal.good("shift", "who", "--at", "2026-06-04 18:30")
    assert shown.splitlines() == [
        "Thu Jun 4 18:30, America/Chicago",
        "Front desk: Dana Ortiz, until Thu 22:00",
        "  Nobody is on in Front desk from Thu 22:00 to Fri 06:00.",
        "  Nobody is on in Front desk from Mon 22:00 to Tue 06:00.",
        "  Nobody is on in Front desk from Tue 22:00 to Wed 06:00.",
        "  Nobody is on in Front desk from Wed 22:00 to Thu Jun 11 06:00.",
    ]
    night = (await terminal.run("shift", "who", "--at", "2026-06-05T23:00-05:00", "--json")).read(
        ShiftsView
    )
    (plan,) = night.plans
    assert [person.name for person in plan.stretches[0].people] == ["Lee Park"]


async def test_somebody_stands_in_two_swap_and_both_are_undone(terminal: Terminal) -> None:
    await open_desk(terminal)
    dana = await add_entry(terminal, "dana@example.org", "--from", "00:00", "--to", "12:00")
    lee = await add_entry(terminal, "lee@example.org", "--from", "12:00", "--to", "24:00")
    once = ("--from", f"{day(1)} 08:00", "--until", f"{day(1)} 10:00")
    override = ("shift", "override", DESK, *once)
    listed = await terminal.good(
        *override, "--who", "lee@example.org", "--instead-of", "dana@example.org", "--by", "Sam"
    )
    found = re.search(r"10:00: Lee Park instead of Dana Ortiz \(by Sam; override (\S+)\)", listed)
    assert found is not None, listed
    at = ("shift", "who", "--at", f"{day(1)} 09:00")
    assert "Front desk: Lee Park, until" in await terminal.good(*at)
    assert "override" not in await terminal.good("shift", "undo", DESK, found[1])
    assert "Front desk: Dana Ortiz, until" in await terminal.good(*at)
    closed = await terminal.good(*override, "--nobody")
    assert "08:00 to" in closed
    assert "nobody at all" in closed
    assert "Front desk: NOBODY" in await terminal.good(*at)
    swap = await terminal.run("shift", "swap", DESK, dana, day(2), lee, day(3), "--json")
    swapped = ("shift", "who", "--at", f"{day(2)} 09:00")
    assert "Front desk: Lee Park, until" in await terminal.good(*swapped)
    (await terminal.run("shift", "entry", "remove", DESK, dana)).refused("undo that swap first")
    its_id = str(swap.read(Changed).id)
    assert f"swap {its_id}" in await terminal.good("shift", "list")
    await terminal.good("shift", "undo", DESK, its_id)
    assert "Front desk: Dana Ortiz, until" in await terminal.good(*swapped)
    removed = await terminal.good("shift", "entry", "remove", DESK, dana)
    assert "Dana Ortiz" not in removed
    assert "Front desk is removed" in await terminal.good("shift", "remove", DESK)
    assert "no plan of shifts yet" in await terminal.good("shift", "list")


async def test_what_can_not_be_done_is_one_line_that_says_what_to_do(terminal: Terminal) -> None:
    (await terminal.run("shift", "remove", DESK)).refused("add one with tocsin shift add")
    await open_desk(terminal)
    (await terminal.run("shift", "add", DESK)).refused("There is a plan Front desk already")
    (await terminal.run("shift", "remove", "Nights")).refused("known are Front desk")
    add, hours = ("shift", "entry", "add", DESK), ("--from", "08:00", "--to", "16:00")
    (await terminal.run(*add, "nobody@example.org", *hours)).refused("nobody in 48453")
    (await terminal.run(*add, "dana@example.org", "--from", "08:00", "--to", "08:00")).refused(
        "for a whole day write 00:00 to 24:00"
    )
    (await terminal.run(*add, "dana@example.org", *hours, "--every", "2")).refused("(anchor)")
    (await terminal.run("shift", "entry", "remove", DESK, NOBODY)).refused("no such entry")
    (await terminal.run("shift", "undo", DESK, NOBODY)).refused("no such override")
    past = ("--from", "2026-01-05 08:00", "--until", "2026-01-05 16:00")
    (await terminal.run("shift", "override", DESK, *past, "--nobody")).refused("is over")
    assert "no entries yet" in await terminal.good("shift", "list")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("entry", "add", DESK, "a@b.c", "--from", "08:00"), "--to"),
        (
            ("entry", "add", DESK, "a@b.c", "--from", "8", "--to", "9", "--days", "Weekdays"),
            "no day of the week",
        ),
        (("entry", "remove", DESK, "7"), "copy it from tocsin shift list"),
        (("who", "--at", "tonight"), "write it as '2026-11-03 18:00'"),
        (("who", "--at", "1026-11-03 18:00"), "write it as '2026-11-03 18:00'"),
        (("override", DESK, "--from", "2026-11-03", "--until", "2026-11-04"), "--who"),
        (("swap", DESK, NOBODY, "tomorrow", NOBODY, "2026-11-05"), "write it as 2026-11-03"),
    ],
)
async def test_what_nobody_understands_says_how_it_is_written(
    bare: Terminal, words: tuple[str, ...], why: str
) -> None:
    (await bare.run("shift", *words)).not_understood(why)


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (["Mon", "Tue", "Wed", "Thu", "Fri"], "Mon-Fri"),
        (["Sat", "Sun"], "Sat, Sun"),
        (["Mon", "Wed", "Thu", "Fri", "Sun"], "Mon, Wed-Fri, Sun"),
        (["Tue"], "Tue"),
        (["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], "every day"),
    ],
)
def test_days_are_written_shortly(days: list[str], text: str) -> None:
    assert days_text(days) == text
