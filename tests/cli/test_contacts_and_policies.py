"""`tocsin person contact` and `tocsin policy`, as typed: how people are reached, who answers."""

import pytest

from tests.cli.terminal import Terminal
from tocsin_server.cli.policy import Written
from tocsin_server.fleet.policies import PolicyView, WhoAnswers
from tocsin_server.people.accounts import PersonView

DANA, LEE = "dana@example.org", "lee@example.org"
DESK = "shift/Front desk"


async def add_people(terminal: Terminal) -> None:
    """Dana, whose number counts, and Lee, whose doesn't yet."""
    dana = ("Dana Ortiz", "--email", DANA, "--phone", "+15125550111", "--vouch")
    lee = ("Lee Park", "--email", LEE, "--phone", "+15125550141")
    for words in (dana, lee):
        await terminal.good("person", "add", *words, "--role", "dispatcher")


async def add_desk(terminal: Terminal, *hours: str) -> None:
    await terminal.good("shift", "add", "Front desk")
    await terminal.good("shift", "entry", "add", "Front desk", DANA, *hours)


async def test_contacts_are_listed_added_ordered_and_removed(terminal: Terminal) -> None:
    await add_people(terminal)
    contact = ("person", "contact")
    assert "not yet: a code was sent" in await terminal.good(*contact, "list", LEE)
    words = ("voice", "+1 512 555 0142", "--vouch", "--by", "Maya", "--quiet", "22:00-06:00")
    added = await terminal.good(*contact, "add", LEE, *words)
    assert "2  voice  +15125550142  yes, by Maya, who vouches for it" in added
    assert "quiet 22:00-06:00" in added
    turned = await terminal.run(*contact, "order", LEE, "2", "+15125550141", "--json")
    assert [each.method for each in turned.read(PersonView).contacts] == ["voice", "sms"]
    loud = await terminal.good(*contact, "quiet", LEE, "+15125550142", "never")
    assert "quiet" not in loud
    assert "yes, by Sam, who" in await terminal.good(*contact, "vouch", LEE, "2", "--by", "Sam")
    await terminal.good(*contact, "remove", LEE, "2")
    await terminal.good(*contact, "remove", LEE, "1")
    assert "nothing reaches Lee Park: add a contact" in await terminal.good(*contact, "list", LEE)


async def test_what_is_no_contact_is_one_line_that_says_what_to_do(terminal: Terminal) -> None:
    await add_people(terminal)
    contact = ("person", "contact")
    (await terminal.run(*contact, "confirm", LEE, "1", "000000")).refused("not the code")
    (await terminal.run(*contact, "code", LEE, "1")).refused("within this minute")
    (await terminal.run(*contact, "vouch", LEE, "7")).refused("see tocsin person contact list")
    (await terminal.run(*contact, "add", LEE, "sms", "0141")).refused("with its country")
    await terminal.good(*contact, "add", LEE, "voice", "+15125550141", "--vouch")
    (await terminal.run(*contact, "remove", LEE, "+15125550141")).refused("number in the list")
    (await terminal.run(*contact, "list", "kim@example.org")).refused("nobody in 48453")
    (await terminal.run(*contact, "quiet", LEE, "1", "late")).not_understood("write 22:00-06:00")
    (await terminal.run(*contact, "add", LEE, "fax", "1")).not_understood("'sms', 'voice'")


async def test_a_policy_names_shifts_and_ways_and_says_what_comes_of_it(terminal: Terminal) -> None:
    await add_people(terminal)
    await add_desk(terminal, "--from", "08:00", "--to", "16:00")
    tiers = ("--tier", f"30:{LEE},{DESK}:sms+voice", "--tier", f"60:{DANA}")
    tried = await terminal.run("policy", "set", *tiers, "--dry-run", "--json")
    written = tried.read(Written)
    assert written.policy_id is None
    assert written.outlook.remarks[0].startswith("Tier 1 has nobody ")
    assert "nobody, for 30 s" in await terminal.good("policy", "list")
    said = await terminal.good("policy", "set", *tiers)
    wanted = "tier 1: Lee Park, whoever is on in Front desk, by text and call at once, for 30 s"
    assert wanted in said
    assert "! Tier 1 has nobody " in said
    assert "! Nothing reaches Lee Park in tier 1: nobody has confirmed yet" in said


async def test_who_answers_now_is_said_and_where_each_policy_holds(terminal: Terminal) -> None:
    await add_people(terminal)
    await terminal.good("site", "add", "Warehouse")
    assert "! Nobody would answer now." in await terminal.good("policy", "who")
    await terminal.good("policy", "set", "--tier", f"30:{LEE}", "--tier", f"60:{DANA}")
    await add_desk(terminal, "--from", "00:00", "--to", "24:00")
    await terminal.good("policy", "set", "Nights", "--tier", f"45:{DESK}")
    here = ("policy", "use", "Nights", "--site", "Warehouse")
    assert "Nights (at Warehouse)" in await terminal.good(*here)
    used = await terminal.run(*here, "--kind", "assist", "--json")
    assert [each.kind for each in used.read(PolicyView).choices] == [None, "assist"]
    lines = (await terminal.good("policy", "who")).splitlines()
    assert lines[0].endswith(", America/Chicago")
    assert lines[1:7] == [
        "Standard (wherever no other is chosen)",
        "  tier 1, for 30 s:",
        "    NOBODY can be told",
        "    Lee Park: NOTHING REACHES THEM: nobody has confirmed yet that a message reaches them",
        "  tier 2, for 60 s, then again until somebody answers:",
        "    Dana Ortiz: text",
    ]
    assert "    Dana Ortiz (on in Front desk): text" in lines
    who = (await terminal.run("policy", "who", "--json")).read(WhoAnswers)
    assert [policy.name for policy in who.policies] == ["Standard", "Nights"]
    (await terminal.run("policy", "remove", "Nights")).refused("choose another one there first")
    await terminal.good(*here, "--no-longer")
    await terminal.good(*here, "--kind", "assist", "--no-longer")
    (await terminal.run(*here, "--no-longer")).refused("isn't chosen there")
    assert "Nights is removed" in await terminal.good("policy", "remove", "Nights")


async def test_a_policy_that_would_leave_nobody_is_refused(terminal: Terminal) -> None:
    await add_people(terminal)
    await add_desk(terminal, "--from", "08:00", "--to", "16:00")
    for more in ((), ("--dry-run",)):
        said = await terminal.run("policy", "set", "--tier", f"30:{DESK}", *more)
        said.refused("it would have nobody: Nobody would answer ")
    (await terminal.run("policy", "set", "--tier", "30:shift/Nights")).refused(
        "no plan of shifts 'Nights'; known are Front desk"
    )
    (await terminal.run("policy", "use", "Standard")).refused("holds wherever nothing else is said")
    (await terminal.run("policy", "use", "Nights")).refused("known are Standard")
    (await terminal.run("policy", "remove", "Standard")).refused("This policy holds somewhere")


@pytest.mark.parametrize("how", ["fax", "sms+fax", "sms,voice"])
async def test_a_way_that_is_none_is_not_understood(bare: Terminal, how: str) -> None:
    said = await bare.run("policy", "set", "--tier", f"30:{DANA}:{how}")
    said.not_understood("is no way to reach people: write one or several of sms+voice")
