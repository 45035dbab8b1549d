"""Somebody texts back: what takes an alert, what doesn't, and what the sender reads."""

import unicodedata

import pytest

from tests.parts import DANA, LUIS, MAYA, Alert
from tests.stories.house import ROSA, County
from tocsin_server.alert.acknowledge import WRONG_CODES_MAX
from tocsin_server.demo.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")

GUESSES = 20


async def paged(county: County, *phones: Phone) -> Alert:
    """A press of which these have been told by text."""
    alert = await county.press()
    for phone in phones:
        await phone.until_received(f"{alert.code} ")
    return alert


async def is_open(county: County, alert: Alert) -> bool:
    """As the server has it now, not as a frame had it."""
    return (await county.detail_of(alert)).state == "open"


async def codes_of_nothing(county: County, *first: str) -> list[str]:
    """All codes that no alert has or had, these before the others."""
    known = {row["code"] for row in await county.record.fetch("SELECT code FROM alert")}
    return [code for code in (*first, *map("{:04}".format, range(10_000))) if code not in known]


async def test_yes_takes_the_only_alert_and_asks_which_one_where_there_are_two(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA])
    first = await paged(county, county.dana, county.luis)
    await county.text(county.luis, "Yes!", hears="You have it. Everyone else is told.")
    taken = await county.now(first, lambda each: each.state == "acknowledged")
    assert taken.acknowledged_by == LUIS.name
    await county.dana.until_received("Luis Herrera has the duress at Under the desk")

    second, third = await paged(county, county.dana), await paged(county, county.dana)
    asked = await county.text(county.dana, "yes", hears="2 alerts are open")
    assert second.code in asked
    assert third.code in asked
    assert await is_open(county, second)
    assert await is_open(county, third)
    await county.texts(
        county.dana,
        (third.code, "You have it: duress at Under the desk"),
        ("yes", "You have it. Everyone else is told."),
    )
    assert not await is_open(county, second)


async def test_1234_and_a_code_with_a_typo_take_nothing_and_what_is_open_is_named(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA])
    alert = await paged(county, county.dana)
    typo = f"{alert.code[:-1]}{(int(alert.code[-1]) + 1) % 10}"
    codes = (await codes_of_nothing(county, typo, "1234"))[:2]
    answers = await county.texts(
        county.dana, *[(code, f"No alert has the code {code}") for code in codes]
    )
    for said in answers:
        assert "nothing was taken" in said
        assert f"Still open: {alert.code}." in said
    assert await is_open(county, alert)


async def test_ack_with_letters_takes_nothing_and_ack_with_the_code_takes_it(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA])
    alert = await paged(county, county.dana)
    hint = f"nothing was taken. Reply with the code alone ({alert.code})"
    no_answers = ("ack 7k2m", "yess", "ok who is this", f"can't take {alert.code}")
    await county.texts(county.dana, *[(words, hint) for words in no_answers])
    assert await is_open(county, alert)
    await county.text(county.dana, f"Ack  {alert.code}.", hears="You have it: duress")
    for late in await county.texts(
        county.luis,
        (f"ack {alert.code}", "Dana Ortiz has it since"),
        ("yes", "Dana Ortiz has it since"),
    ):
        assert "Under the desk, Front counter" in late


async def test_si_takes_it_and_a_spanish_speaking_person_reads_spanish_all_the_way(
    county: County,
) -> None:
    await county.tell([ROSA, DANA], [MAYA])
    first = await paged(county, county.rosa, county.dana)
    await county.rosa.until_received(f"Responda {first.code} para atenderla")
    await county.text(county.rosa, "sí", hears="Usted la atiende. Se avisa a los demás.")
    taken = await county.now(first, lambda each: each.state == "acknowledged")
    assert taken.acknowledged_by == ROSA.name
    await county.dana.until_received("Rosa Fuentes has the duress")

    second, third = await paged(county, county.rosa), await paged(county, county.rosa)
    apart = unicodedata.normalize("NFD", "Sí")  # as some phones write it
    code = (await codes_of_nothing(county))[0]
    asked, *_ = await county.texts(
        county.rosa,
        (apart, "Hay 2 alertas abiertas"),
        (code, f"Ninguna alerta tiene el código {code}"),
        ("¿quién es?", "No se entendió: no se tomó nada."),
    )
    assert second.code in asked
    await county.text(county.dana, second.code, hears="You have it")
    await county.rosa.until_received("Dana Ortiz atiende: peligro en Under the desk")
    await county.texts(
        county.rosa,
        (second.code, "Dana Ortiz la atiende desde las"),
        (third.code, "Usted la atiende: peligro en Under the desk"),
    )


async def test_twenty_wrong_codes_lock_a_number_for_ten_minutes_and_nothing_else(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA])
    alert = await paged(county, county.dana, county.luis)
    for n, code in enumerate((await codes_of_nothing(county))[:GUESSES], start=1):
        await county.dana.reply(code)
        if n == WRONG_CODES_MAX:  # so that each of these is counted before the next is looked at
            await county.dana.until_received("nothing was taken", count=WRONG_CODES_MAX)
    locked = "Too many wrong codes from this number"
    await county.dana.until_received(locked, count=GUESSES - WRONG_CODES_MAX)
    await county.record.execute("UPDATE wrong_code SET at = at - interval '9 minutes'")
    said = await county.text(county.dana, alert.code, hears=locked)
    assert "The alert is still open." in said
    assert await is_open(county, alert)

    assert (await county.screen.acknowledge(alert)).status == 200  # Dana's own, at her desk
    taken = await county.now(alert, lambda each: each.state == "acknowledged")
    assert taken.acknowledged_by == DANA.name
    await county.luis.until_received("Dana Ortiz has the duress")

    other = await paged(county, county.dana)
    await county.record.execute("UPDATE wrong_code SET at = at - interval '1 minute'")
    await county.text(county.dana, other.code, hears="You have it")


async def test_a_number_that_nobody_knows_takes_nothing_with_the_right_code(
    county: County,
) -> None:
    await county.tell([DANA], [MAYA])
    alert = await paged(county, county.dana)
    stranger = county.walk.phones.phone("+15125550177")
    await county.text(stranger, alert.code, hears="This number is not known to Tocsin.")
    assert await is_open(county, alert)
