"""What a number is good for: opted out, a landline, quiet at night, or not yet known to work."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.parts import DANA, LUIS, MAYA
from tests.stories.house import ROSA, County, seconds
from tocsin_server.demo import example
from tocsin_server.demo.example import Person
from tocsin_server.demo.phone import STOPPED, Condition
from tocsin_server.people import contacts
from tocsin_server.people.contacts import CODE_TRIES_MAX, OPTED_OUT, Quiet

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEW_NUMBER = "+15125550141"
AT_ONCE_S = 2.0


async def test_a_number_that_opted_out_is_marked_and_its_phone_rings(county: County) -> None:
    await county.tell([DANA, LUIS], [MAYA])
    county.dana.opted_out = True  # at the carrier: we don't know yet
    alert = await county.press()
    await county.dana.until_ringing()
    page = await county.until_sent(alert, DANA, "sms", "failed")
    assert page.error is not None
    assert "21610" in page.error
    called = await county.called(alert, DANA)
    assert seconds(page.changed_at, called) < AT_ONCE_S + county.stood_still_s
    assert await county.unreachable() == {(DANA.name, "sms"): OPTED_OUT}
    await county.luis.until_received(f"Reply {alert.code} ")

    await county.screen.resolve(alert)
    asked = county.dana.requests
    other = await county.press()  # and the next one rings without a text before it
    await county.called(other, DANA)
    assert county.dana.requests == asked


async def test_stop_takes_nothing_and_marks_the_number_and_start_brings_it_back(
    county: County,
) -> None:
    await county.tell([DANA, LUIS], [MAYA])
    alert = await county.press()
    await county.dana.until_received(f"Reply {alert.code} ")
    await county.text(county.dana, "STOP", hears=STOPPED)
    assert await county.until_unreachable(DANA, "sms") == OPTED_OUT
    assert (await county.detail_of(alert)).state == "open"

    other = await county.press()
    await county.dana.until_ringing()
    assert [each.method for each in await county.sent(other) if each.name == DANA.name] == ["voice"]

    await county.text(county.dana, "Start", hears="This number gets alerts again.")
    assert await county.unreachable() == {}
    third = await county.press()
    await county.dana.until_received(f"Reply {third.code} ")


async def test_a_landline_is_marked_and_rings(county: County) -> None:
    await county.tell([DANA], [MAYA])
    county.dana.condition = Condition.LANDLINE
    alert = await county.press()
    await county.dana.until_ringing()
    page = await county.until_sent(alert, DANA, "sms", "undelivered")
    assert page.error == "a landline, or a line that takes no texts (30006)"
    assert await county.unreachable() == {
        (DANA.name, "sms"): "a landline, or a line that takes no texts"
    }


async def be_quiet_now(county: County, person: Person, method: str) -> None:
    """From two hours ago on, for four hours, this contact is left alone, but for danger."""
    now = datetime.now(ZoneInfo(example.TIME_ZONE))
    start, end = ((now + timedelta(hours=hours)).time() for hours in (-2, 2))
    async with county.walk.database.pool() as pool:
        await contacts.set_quiet(
            pool,
            jurisdiction=example.JURISDICTION,
            person_id=county.people[person.name],
            contact_id=await county.record.fetchval(
                "SELECT contact_id FROM contact WHERE person_id = $1 AND method = $2",
                county.people[person.name],
                method,
            ),
            quiet=Quiet(start, end),
        )


async def test_quiet_hours_are_kept_when_somebody_needs_a_hand_and_never_in_danger(
    county: County,
) -> None:
    for person in (DANA, LUIS):
        for method in ("sms", "voice"):
            await be_quiet_now(county, person, method)
    await county.tell([DANA, LUIS], [MAYA])
    hand = await county.press(kind="assist")
    text = await county.maya.until_received(f"Reply {hand.code} ")  # tier 1 sleeps
    assert text.body.startswith("TOCSIN: ASSIST at Under the desk")
    assert {each.name for each in await county.sent(hand)} == {MAYA.name}
    assert county.dana.requests == county.luis.requests == 0

    county.dana.undeliver(30003)
    danger = await county.press()
    await county.luis.until_received(f"Reply {danger.code} ")
    await county.dana.until_ringing()  # her voice is quiet as well
    assert {each.name for each in await county.sent(danger)} == {DANA.name, LUIS.name}


async def test_a_text_that_fails_does_not_wake_a_voice_that_is_quiet_for_a_hand(
    county: County,
) -> None:
    await be_quiet_now(county, DANA, "voice")
    await county.tell([DANA], [MAYA])
    county.dana.undeliver(30003)
    hand = await county.press(kind="assist")
    await county.maya.until_received(f"Reply {hand.code} ")
    assert county.dana.calls == []
    cancelled = await county.press(kind="cancel")  # whoever cancels may be forced to
    await county.called(cancelled, DANA)


def code_in(text: str) -> str:
    """The six digits of a text that asks for them back."""
    found = re.search(r"\d{3} \d{3}", text)
    assert found is not None
    return found[0]


async def test_a_new_number_is_never_paged_until_its_code_comes_back(county: County) -> None:
    await county.tell([ROSA], [MAYA])
    county.rosa.undeliver(30003)
    await county.record.execute(
        "DELETE FROM contact WHERE person_id = $1 AND method = 'voice'", county.people[ROSA.name]
    )
    await county.add_contact(ROSA, "voice", NEW_NUMBER, vouched_by=None)
    await county.add_contact(ROSA, "sms", NEW_NUMBER, vouched_by=None)
    phone = county.walk.phones.phone(NEW_NUMBER)
    spoken = await county.listen(phone)
    assert "su código es" in spoken.heard[0]
    assert {said.language for said in spoken.spoken} == {"es-US"}
    code = code_in((await phone.until_received("su código es")).body)

    first = await county.press()
    await county.maya.until_received(f"Reply {first.code} ")  # nothing else reaches Rosa
    assert len(phone.calls) == 1
    assert first.code not in " ".join(sms.body for sms in phone.received)

    await county.text(phone, code, hears="Gracias: desde ahora las alertas llegan a este número.")
    verified = await county.record.fetch(
        "SELECT method, verified_by FROM contact WHERE address = $1 AND verified_at IS NOT NULL",
        NEW_NUMBER,
    )
    assert [(row["method"], row["verified_by"]) for row in verified] == [("sms", "a code")]
    second = await county.press()
    await phone.until_received(f"Responda {second.code} ")
    await county.text(phone, "sí", hears="Usted la atiende")  # of the first she was never told
    await county.now(second, lambda each: each.acknowledged_by == ROSA.name)


async def test_five_wrong_codes_close_the_sixth_even_where_it_is_right(county: County) -> None:
    await county.tell([DANA], [MAYA])
    await county.press()  # behind a firewall texts are fetched at once while anything is open
    await county.add_contact(DANA, "sms", NEW_NUMBER, vouched_by=None)
    phone = county.walk.phones.phone(NEW_NUMBER)
    code = code_in((await phone.until_received("your code is")).body)
    digits = code.replace(" ", "")
    wrong = [f"{(int(digits) + n) % 10**6:06}" for n in range(1, CODE_TRIES_MAX + 1)]
    await county.texts(phone, *[(each, "That is not the code that was sent") for each in wrong])
    closed = await county.text(phone, code, hears="no longer holds")
    assert "ask for a new one" in closed
    verified = "SELECT verified_at FROM contact WHERE address = $1"
    assert await county.record.fetchval(verified, NEW_NUMBER) is None

    async with county.walk.database.pool() as pool:
        contact_id = await county.record.fetchval(
            "UPDATE contact SET code_expires_at = clock_timestamp() WHERE address = $1"
            " RETURNING contact_id",
            NEW_NUMBER,
        )
        await contacts.send_code(
            pool,
            jurisdiction=example.JURISDICTION,
            person_id=county.people[DANA.name],
            contact_id=contact_id,
        )
    again = code_in((await phone.until_received("your code is", count=2)).body)
    await county.text(phone, again, hears="Thank you: alerts reach this number from now on.")
    assert await county.record.fetchval(verified, NEW_NUMBER) is not None
