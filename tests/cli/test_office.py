"""Jurisdictions, people, policies, sites and drills from a terminal: each done, or one line."""

import os
import pty
import sys
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pyotp
import pytest

from tests.cli.terminal import Terminal
from tests.parts import Database
from tocsin_server.errors import Refused
from tocsin_server.people import codes
from tocsin_server.people.account_record import read_record
from tocsin_server.people.accounts import check_password

PASSWORD = "four words are enough"
NOBODY = "00000000-0000-7000-8000-000000000000"


class Jurisdiction(msgspec.Struct):
    jurisdiction: str
    name: str
    time_zone: str
    on_call_number: str | None
    holder_silent_s: int | None
    latency_by_person: bool


class Jurisdictions(msgspec.Struct):
    jurisdictions: list[Jurisdiction]


class Contact(msgspec.Struct):
    method: str
    address: str
    verified_by: str | None


class Person(msgspec.Struct):
    name: str
    email: str
    contacts: list[Contact]
    role: str
    outside_agency: bool
    can_sign_in: bool


class People(msgspec.Struct):
    people: list[Person]


class Tier(msgspec.Struct):
    patience_s: float
    names: list[str]


class Policy(msgspec.Struct):
    name: str
    is_default: bool
    sites: list[str]
    tiers: list[Tier]


class Policies(msgspec.Struct):
    policies: list[Policy]


class Site(msgspec.Struct):
    site_id: UUID
    name: str
    county_fips: str | None
    longitude: float | None


class Sites(msgspec.Struct):
    sites: list[Site]


class Drill(msgspec.Struct):
    drill_id: UUID
    site: str
    opened_by: str


class Drills(msgspec.Struct):
    drills: list[Drill]


async def add_dana(terminal: Terminal) -> None:
    await terminal.good(
        *("person", "add", "Dana Ortiz", "--email", "dana@example.org"),
        *("--phone", "+15125550111", "--vouch", "--role", "dispatcher"),
    )


async def test_a_jurisdiction_is_added_once_and_listed(deployed: Terminal) -> None:
    assert "add it with tocsin jurisdiction add" in await deployed.good("jurisdiction", "list")
    words = ("jurisdiction", "add", "48453", "--name", "Travis County")
    zone = ("--time-zone", "America/Chicago")
    assert "nobody is told of faults" in await deployed.good(*words, *zone)
    (await deployed.run(*words, *zone)).refused("here already")
    listed = (await deployed.run("jurisdiction", "list", "--json")).read(Jurisdictions)
    assert [each.name for each in listed.jurisdictions] == ["Travis County"]
    assert "Travis County" in await deployed.good("jurisdiction", "list")


async def test_a_jurisdiction_is_refused_where_it_can_not_be_right(deployed: Terminal) -> None:
    words = ("jurisdiction", "add", "48453", "--name", "Travis County", "--time-zone")
    (await deployed.run(*words, "Texas")).refused("no time zone")
    (await deployed.run(*words, "America/Chicago", "--on-call", "911")).refused("no phone number")
    (await deployed.run("jurisdiction", "add", "48453")).not_understood("--name")


async def test_figures_about_single_persons_are_off_until_somebody_turns_them_on(
    terminal: Terminal,
) -> None:
    listed = (await terminal.run("jurisdiction", "list", "--json")).read(Jurisdictions)
    assert not listed.jurisdictions[0].latency_by_person
    change = ("jurisdiction", "set", "--latency-by-person")
    assert "single persons answer are shown" in await terminal.good(*change, "on", "--by", "Sam")
    changed = (await terminal.run(*change, "off", "--json")).read(Jurisdiction)
    assert not changed.latency_by_person
    assert changed.holder_silent_s == 300
    (await terminal.run(*change, "perhaps")).not_understood("choose from 'on', 'off'")
    both = (*change, "on", "--holder-silent", "300")
    (await terminal.run(*both)).not_understood("not allowed with")


async def test_it_is_said_how_long_whoever_has_an_alert_may_be_silent(terminal: Terminal) -> None:
    change = ("jurisdiction", "set", "--holder-silent")
    assert "asked after 300 s" in await terminal.good("jurisdiction", "list")
    assert "silent for 30 s is asked whether they still have it" in await terminal.good(
        *change, "30"
    )
    changed = (await terminal.run(*change, "7200", "--json")).read(Jurisdiction)
    assert changed.holder_silent_s == 7200
    for given in ("29", "7201", "9" * 40):
        (await terminal.run(*change, given)).refused("30 to 7200 seconds", f"not after {given}")
    for given in ("soon", "-1", "300.5", ""):
        (await terminal.run(*change, given)).not_understood("neither seconds, as 300, nor never")
    (await terminal.run("jurisdiction", "set")).not_understood("--holder-silent")
    (kept,) = (
        (await terminal.run("jurisdiction", "list", "--json")).read(Jurisdictions).jurisdictions
    )
    assert kept == changed
    assert "is never asked" in await terminal.good(*change, "never")
    assert "never asked" in await terminal.good("jurisdiction", "list")


async def test_before_there_is_a_jurisdiction_every_command_says_so(deployed: Terminal) -> None:
    for words in (("person", "list"), ("device", "add"), ("verify",), ("drill", "list")):
        (await deployed.run(*words)).refused("tocsin jurisdiction add")


async def test_of_two_jurisdictions_one_must_be_named(terminal: Terminal) -> None:
    await terminal.good(
        "jurisdiction", "add", "48491", "--name", "Williamson", "--time-zone", "America/Chicago"
    )
    (await terminal.run("site", "list")).refused("--jurisdiction", "48453, 48491")
    (await terminal.run("site", "list", "--jurisdiction", "1")).refused("48453, 48491")
    assert "no site yet" in await terminal.good("site", "list", "--jurisdiction", "48491")


async def test_a_person_is_added_and_listed(terminal: Terminal) -> None:
    assert "nobody is here yet" in await terminal.good("person", "list")
    await add_dana(terminal)
    await terminal.good(
        *("person", "add", "Ray", "--email", "ray@example.org", "--role", "responder"),
        "--outside-agency",
    )
    dana, ray = (await terminal.run("person", "list", "--json")).read(People).people
    assert [(each.method, each.address) for each in dana.contacts] == [("sms", "+15125550111")]
    assert (dana.role, dana.can_sign_in) == ("dispatcher", False)
    assert (ray.contacts, ray.outside_agency) == ([], True)
    assert "can't sign in; outside agency" in await terminal.good("person", "list")


async def test_when_nobody_gets_in_any_more_second_factors_are_taken_away(
    terminal: Terminal, database: Database
) -> None:
    await add_dana(terminal)
    async with database.pool() as pool:
        person_id = await pool.fetchval("SELECT person_id FROM person")
        secret = await codes.offer(pool, person_id=person_id)
        await codes.confirm(pool, person_id=person_id, code=pyotp.TOTP(secret).now(), session=None)
    reset = ("person", "reset-sign-in")
    (await terminal.run(*reset, "nobody@example.org")).refused("nobody@example.org")
    out = await terminal.good(*reset, "dana@example.org", "--by", "Ada Park")
    assert "Dana Ortiz has no passkey and no codes any more, and is signed out everywhere" in out
    assert "tocsin person password dana@example.org" in out, "she has no password yet"
    async with database.pool() as pool:
        newest, *_ = await read_record(pool, person_id=person_id)
        assert (newest.name, newest.what) == ("second_factors_taken_away", {"by": "Ada Park"})
        assert await pool.fetchval("SELECT count(*) FROM recovery_code") == 0
        with pytest.raises(Refused):
            await codes.renew_recovery_codes(pool, person_id=person_id)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (("--email", "dana"), "no e-mail address"),
        (("--phone", "555"), "no phone number"),
        (("--sign-in",), "12 to 256 characters, not 5"),
        (("--password-file", "none"), "none"),
        (("--password-file", "binary"), "no text"),
    ],
)
async def test_a_person_is_refused_who_could_not_be_reached(
    terminal: Terminal, changed: tuple[str, ...], why: str
) -> None:
    (terminal.folder / "binary").write_bytes(b"\xff\xfe")
    words = ["person", "add", "Dana", "--email", "dana@example.org", "--role", "dispatcher"]
    (await terminal.run(*words, *changed, typed="short\n")).refused(why)
    assert "nobody is here yet" in await terminal.good("person", "list")


async def test_a_temporary_account_needs_an_end_and_the_list_says_it(terminal: Terminal) -> None:
    lee = ("person", "add", "Lee", "--email", "lee@example.org", "--role", "dispatcher")
    (await terminal.run(*lee, "--temporary")).refused("needs an end", "--until")
    (await terminal.run(*lee, "--until", "tomorrow")).not_understood("write it as 2026-11-10")
    (await terminal.run(*lee, "--until", "2020-11-03")).refused("2020-11-03 is over")
    (await terminal.run(*lee, "--until", "2999-11-03")).refused("more than a year away")
    assert "nobody is here yet" in await terminal.good("person", "list")
    last = datetime.now(ZoneInfo("America/Chicago")).date() + timedelta(days=3)
    said = await terminal.good(*lee, "--temporary", "--until", str(last))
    assert f"Lee is added until the end of {last}" in said
    assert f"until {last}" in await terminal.good("person", "list")
    until = ("person", "until", "lee@example.org")
    over = last - timedelta(days=4)
    assert "is over: signed out everywhere" in await terminal.good(*until, str(over))
    assert f"ended {over}" in await terminal.good("person", "list")
    assert "has no end" in await terminal.good(*until, "never")
    assert str(over) not in await terminal.good("person", "list")
    (await terminal.run(*until, "2999-11-03")).refused("more than a year away")
    (await terminal.run(*until, "soon")).not_understood("write it as 2026-11-10")
    (await terminal.run("person", "until", "nobody@example.org", "never")).refused(
        "nobody in 48453"
    )


async def test_a_person_with_an_unknown_role_is_not_understood(terminal: Terminal) -> None:
    words = ("person", "add", "Dana", "--email", "dana@example.org", "--role", "king")
    (await terminal.run(*words)).not_understood("dispatcher")


async def test_a_password_is_no_argument(terminal: Terminal) -> None:
    words = ("person", "add", "Dana", "--email", "dana@example.org", "--role", "dispatcher")
    (await terminal.run(*words, "--password", PASSWORD)).not_understood()


async def test_a_password_comes_from_standard_input_or_a_file(
    terminal: Terminal, database: Database
) -> None:
    words = ("person", "add", "Dana", "--role", "dispatcher", "--email")
    await terminal.good(*words, "dana@example.org", "--sign-in", typed=f"{PASSWORD}\n")
    (terminal.folder / "password").write_text(f"{PASSWORD} too\r\nanother line\n")
    await terminal.good(*words, "lee@example.org", "--password-file", "password")
    async with database.pool() as pool:
        assert await check_password(pool, email="dana@example.org", password=PASSWORD)
        assert await check_password(pool, email="lee@example.org", password=f"{PASSWORD} too")


async def test_a_password_is_asked_for_twice_on_a_terminal(
    terminal: Terminal, database: Database
) -> None:
    await add_dana(terminal)
    assert at_the_keyboard(terminal, "dana@example.org", [PASSWORD, "something else"]) == 1
    assert at_the_keyboard(terminal, "dana@example.org", [PASSWORD, PASSWORD]) == 0
    async with database.pool() as pool:
        assert await check_password(pool, email="dana@example.org", password=PASSWORD)


def at_the_keyboard(terminal: Terminal, email: str, answers: list[str]) -> int:
    """Type into `tocsin person password`, each answer when it is asked for."""
    process, keyboard = pty.fork()
    if process == 0:
        words = [sys.executable, "-m", "tocsin_server", "person", "password", email]
        os.chdir(terminal.folder)
        os.execve(sys.executable, words, terminal.environment)  # noqa: S606
    seen = b""
    for prompt, typed in zip((b"password: ", b"once more: "), answers, strict=True):
        while prompt not in seen:
            seen += os.read(keyboard, 1024)
        os.write(keyboard, typed.encode() + b"\n")
    with suppress(OSError):  # the terminal ends with the program
        while said := os.read(keyboard, 1024):
            seen += said
    os.close(keyboard)
    assert not any(typed.encode() in seen for typed in answers), seen
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


async def test_a_new_password_replaces_the_old_one(terminal: Terminal, database: Database) -> None:
    words = ("person", "add", "Dana", "--role", "dispatcher", "--email", "dana@example.org")
    await terminal.good(*words, "--sign-in", typed=f"{PASSWORD}\n")
    await terminal.good("person", "password", "Dana@Example.org", typed="another sentence\n")
    async with database.pool() as pool:
        assert await check_password(pool, email="dana@example.org", password="another sentence")
        assert not await check_password(pool, email="dana@example.org", password=PASSWORD)
    nobody = await terminal.run("person", "password", "lee@example.org", typed=f"{PASSWORD}\n")
    nobody.refused("nobody in 48453", "lee@example.org")


async def test_a_policy_is_written_by_addresses_and_listed_by_names(terminal: Terminal) -> None:
    await add_dana(terminal)
    await terminal.good(
        *("person", "add", "Lee", "--email", "lee@example.org"),
        *("--phone", "+1 512 555 0112", "--vouch", "--role", "supervisor"),
    )
    out = await terminal.good(
        *("policy", "set", "--tier", "30:dana@example.org, LEE@example.org"),
        *("--tier", "45.5:lee@example.org"),
    )
    assert "tier 1: Dana Ortiz, Lee, for 30 s" in out
    await terminal.good("policy", "set", "Nights", "--tier", "60:lee@example.org")
    await terminal.good("site", "add", "Warehouse", "--policy", "Nights")
    nights, standard = (await terminal.run("policy", "list", "--json")).read(Policies).policies
    assert [(tier.patience_s, tier.names) for tier in standard.tiers] == [
        (30, ["Dana Ortiz", "Lee"]),
        (45.5, ["Lee"]),
    ]
    assert (standard.name, standard.is_default) == ("Standard", True)
    assert (nights.name, nights.sites) == ("Nights", ["Warehouse"])
    assert "Nights (at Warehouse)" in await terminal.good("policy", "list")


@pytest.mark.parametrize(
    ("tiers", "why"),
    [
        (["30:lee@example.org"], "lee@example.org"),
        (["30:ray@example.org"], "they have no contact"),
        (["30:dana@example.org", "30:"], "last tier"),
        (["0:dana@example.org"], "tier 1"),
        (["30:dana@example.org"] * 11, "1 to 10 tiers"),
    ],
)
async def test_a_policy_is_refused_that_would_tell_nobody(
    terminal: Terminal, tiers: list[str], why: str
) -> None:
    await add_dana(terminal)
    await terminal.good("person", "add", "Ray", "--email", "ray@example.org", "--role", "responder")
    words = [word for tier in tiers for word in ("--tier", tier)]
    (await terminal.run("policy", "set", *words)).refused(why)
    assert "nobody, for 30 s" in await terminal.good("policy", "list")


@pytest.mark.parametrize("tier", ["dana@example.org", "soon:dana@example.org", "nan:a@b.c", ""])
async def test_a_tier_without_seconds_is_not_understood(bare: Terminal, tier: str) -> None:
    (await bare.run("policy", "set", "--tier", tier)).not_understood("write 30:dana@example.org")


async def test_a_site_is_added_and_says_what_its_alerts_will_lack(terminal: Terminal) -> None:
    out = await terminal.good("site", "add", "Carver Branch", "--address", "1161 Angelina St")
    assert "missing: county, agency, coordinates" in out
    said = await terminal.run(
        *("site", "add", "County Clerk", "--address", "5501 Airport Blvd", "--json"),
        *("--county", "Travis County", "--fips", "48453", "--state", "TX", "--agency", "APD"),
        *("--latitude", "30.3134", "--longitude", "-97.7143"),
    )
    clerk = said.read(Site)
    assert (clerk.county_fips, clerk.longitude) == ("48453", -97.7143)
    sites = (await terminal.run("site", "list", "--json")).read(Sites).sites
    assert [site.name for site in sites] == ["Carver Branch", "County Clerk"]
    assert "1161 Angelina St" in await terminal.good("site", "list")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--fips", "06001", "--state", "TX"), "not in TX"),
        (("--latitude", "30"), "together"),
        (("--latitude", "91", "--longitude", "0"), "nowhere on earth"),
        (("--policy", "Nights"), "known are Standard"),
        (("--time-zone", "Texas"), "no time zone"),
    ],
)
async def test_a_site_is_refused_that_would_mislead(
    terminal: Terminal, words: tuple[str, ...], why: str
) -> None:
    (await terminal.run("site", "add", "County Clerk", *words)).refused(why)
    assert "no site yet" in await terminal.good("site", "list")


async def test_a_drill_begins_is_listed_and_ends(terminal: Terminal) -> None:
    assert "every press is real" in await terminal.good("drill", "list")
    await terminal.good("site", "add", "County Clerk")
    words = ("drill", "start", "County Clerk", "--minutes", "5")
    drill = (await terminal.run(*words, "--by", "Sam", "--json")).read(Drill)
    listed = (await terminal.run("drill", "list", "--json")).read(Drills).drills
    assert [(each.drill_id, each.site, each.opened_by) for each in listed] == [
        (drill.drill_id, "County Clerk", "Sam")
    ]
    (await terminal.run(*words)).refused("County Clerk")
    assert "real again" in await terminal.good("drill", "end", "County Clerk")
    assert "every press is real" in await terminal.good("drill", "list")
    (await terminal.run("drill", "end", str(drill.drill_id))).refused("tocsin drill list")


async def test_a_drill_is_begun_by_whoever_sits_there(terminal: Terminal) -> None:
    await terminal.good("site", "add", "County Clerk")
    said = await terminal.run(
        "drill", "start", "County Clerk", environment={"LOGNAME": "sam", "USER": "sam"}
    )
    assert (said.code, said.err) == (0, "")
    assert "are drills for 30 minutes; end it with: tocsin drill end" in said.out
    assert "sam" in await terminal.good("drill", "list")


async def test_a_drill_needs_a_site_and_an_hour_at_most(terminal: Terminal) -> None:
    (await terminal.run("drill", "start", "Nowhere")).refused("Nowhere", "tocsin site add")
    (await terminal.run("drill", "start", NOBODY)).refused(NOBODY)
    for minutes in ("0", "61", "half"):
        said = await terminal.run("drill", "start", "Nowhere", "--minutes", minutes)
        said.not_understood("1 to 60 minutes")


async def test_two_sites_of_one_name_are_told_apart_by_their_ids(terminal: Terminal) -> None:
    for _ in range(2):
        await terminal.good("site", "add", "Library")
    first, second = (await terminal.run("site", "list", "--json")).read(Sites).sites
    said = await terminal.run("drill", "start", "Library")
    said.refused(str(first.site_id), str(second.site_id))
    await terminal.good("drill", "start", str(second.site_id))
