"""Answering from a phone: what a text takes, what it doesn't, and what the sender is told."""

import aiohttp
import pytest

from tests.parts import LUIS, MAYA, RAY, Alert, Told
from tests.walk.house import House, detail, told
from tocsin_server.demo.phone import Answer, Condition, Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")

STRANGER = "+15125550177"
INBOUND = "/api/v1/twilio/inbound"


async def paged(house: House, *, room: str = "Front counter") -> Alert:
    """A press that tier 1 has been told of by now."""
    sender = await house.sender(room=room)
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    for phone in (house.dana, house.luis):
        await phone.until_received(f"Reply {alert.code} ")
    return alert


async def reply(phone: Phone, body: str) -> str:
    """Text something, and give the one answer."""
    answer = await phone.reply(body)
    assert answer.status == 200
    assert len(answer.texts) == 1
    return answer.texts[0]


async def still_open(house: House, alert: Alert) -> bool:
    """As the server has it now, not as a frame had it."""
    return (await detail(house.screen, alert)).alert.state == "open"


async def post(
    house: House, path: str, form: dict[str, str], *, signature: str | None = None
) -> Answer:
    """A webhook, signed as Twilio would unless told otherwise."""
    url = f"{house.walk.server.url}{path}"
    if signature is None:
        signature = house.walk.phones.signature(url, form)
    headers = {"X-Twilio-Signature": signature} if signature else {}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=form, headers=headers) as response,
    ):
        return Answer(status=response.status, texts=(await response.text(),))


def inbound(
    phone: Phone, body: str, *, sid: str = "SM0123456789abcdef0123456789abcdef"
) -> dict[str, str]:
    return {"From": phone.number, "To": "+15125550100", "Body": body, "MessageSid": sid}


async def test_a_reply_with_the_code_takes_the_alert_and_everyone_learns_who_has_it(
    house: House,
) -> None:
    button = await house.button()
    await button.press()
    alert = await house.alert_of(button.device_id)
    await house.luis.until_received(f"Reply {alert.code} ")
    said = await reply(house.luis, alert.code)
    assert said.startswith("You have it: duress at Under the desk, Front counter")
    await button.until_lamp("acknowledged")
    shown = await house.now(alert, lambda each: each.state == "acknowledged")
    assert shown.acknowledged_by == LUIS.name
    await house.dana.until_received("Luis Herrera has the duress at Under the desk")
    (event,) = (await detail(house.screen, alert)).named("acknowledged")
    assert event.payload == {"by": LUIS.name, "path": "sms"}


async def test_a_code_is_found_in_whatever_words_come_with_it(house: House) -> None:
    alert = await paged(house)
    assert (await reply(house.dana, f" on my way!! ({alert.code}). ")).startswith("You have it")
    await house.now(alert, lambda each: each.state == "acknowledged")


async def test_a_second_reply_is_told_who_has_it(house: House) -> None:
    alert = await paged(house)
    await reply(house.dana, alert.code)
    said = await reply(house.luis, alert.code)
    assert said.startswith("Dana Ortiz has it since ")
    assert "Front counter" in said
    assert (await detail(house.screen, alert)).alert.acknowledged_by == "Dana Ortiz"


async def test_a_late_yes_is_told_who_has_it(house: House) -> None:
    alert = await paged(house)
    await reply(house.dana, alert.code)
    said = await reply(house.luis, "yes")
    assert "Dana Ortiz has it" in said
    assert (await detail(house.screen, alert)).alert.acknowledged_by == "Dana Ortiz"


async def test_a_reply_to_a_resolved_alert_says_that_nothing_is_left_to_do(house: House) -> None:
    alert = await paged(house)
    await house.screen.resolve(alert)
    assert "resolved already" in await reply(house.luis, alert.code)


def unknown_codes(house: House, count: int) -> list[str]:
    """Codes that no alert of this house has or had."""
    known = {alert.code for alert in house.screen.alerts.values()}
    return [code for code in map("{:04}".format, range(10_000)) if code not in known][:count]


async def test_a_wrong_code_takes_nothing_and_names_what_is_open(house: House) -> None:
    alert = await paged(house)
    (wrong,) = unknown_codes(house, 1)
    said = await reply(house.dana, wrong)
    assert f"No alert has the code {wrong}: nothing was taken" in said
    assert alert.code in said
    assert await still_open(house, alert)


async def test_after_five_wrong_codes_a_number_has_to_wait_and_another_does_not(
    house: House,
) -> None:
    alert = await paged(house)
    for code in unknown_codes(house, 5):
        assert "nothing was taken" in await reply(house.dana, code)
    said = await reply(house.dana, alert.code)
    assert "Too many wrong codes" in said
    assert "still open" in said
    assert await still_open(house, alert)
    assert (await reply(house.luis, alert.code)).startswith("You have it")


async def test_a_bare_yes_takes_the_only_alert_that_is_open_for_the_number(house: House) -> None:
    alert = await paged(house)
    assert (await reply(house.luis, "Yes")).startswith("You have it")
    shown = await house.now(alert, lambda each: each.state == "acknowledged")
    assert shown.acknowledged_by == LUIS.name


async def test_a_bare_yes_asks_for_the_code_where_two_alerts_are_open(house: House) -> None:
    first, second = await paged(house), await paged(house, room="Ballot room 210")
    said = await reply(house.dana, "yes")
    assert said.startswith("2 alerts are open: reply with the code of one of them")
    assert first.code in said
    assert second.code in said
    assert await still_open(house, first)
    assert await still_open(house, second)
    await reply(house.dana, first.code)
    assert (await reply(house.dana, "yes")).startswith("You have it")
    await house.now(second, lambda each: each.state == "acknowledged")


async def test_a_yes_from_somebody_who_was_not_told_takes_nothing(house: House) -> None:
    alert = await paged(house)
    assert "nothing was taken" in await reply(house.walk.phone(MAYA), "yes")
    assert await still_open(house, alert)


async def test_an_unknown_number_takes_nothing_even_with_the_right_code(house: House) -> None:
    alert = await paged(house)
    stranger = house.walk.phones.phone(STRANGER)
    for body in (alert.code, "yes", "what is this?"):
        assert "not known" in await reply(stranger, body)
    assert await still_open(house, alert)


async def test_words_that_are_no_answer_get_help(house: House) -> None:
    alert = await paged(house)
    for body in ("who is this", "help", "", "1", "12345678", "👍"):
        said = await reply(house.dana, body) if body != "help" else (await help_of(house))
        assert alert.code in said
    assert await still_open(house, alert)


async def help_of(house: House) -> str:
    """Twilio answers HELP by itself, too."""
    return (await house.dana.reply("help")).texts[0]


async def test_stop_leaves_the_alert_open_and_the_next_page_goes_to_the_others(
    house: House,
) -> None:
    alert = await paged(house)
    answer = await house.dana.reply("STOP")
    assert answer.status == 200
    assert "Nothing was taken" in answer.texts[0]
    assert await still_open(house, alert)
    await house.screen.resolve(alert)
    asked = house.dana.requests
    sender = await house.sender()
    await sender.send(sender.press())
    second = await house.alert_of(sender.device_id)
    await house.luis.until_received(f"Reply {second.code} ")
    assert house.dana.requests == asked
    people = await opted_out(house)
    assert people == {"Dana Ortiz"}


async def opted_out(house: House) -> set[str]:
    people = (await house.screen.get("people")).json()["people"]
    assert isinstance(people, list)
    return {
        str(person["name"])
        for person in people
        if any("opted out" in (each["unreachable"] or "") for each in person["contacts"])
    }


async def test_a_stop_that_only_the_carrier_heard_of_shows_at_the_next_page(house: House) -> None:
    house.dana.opted_out = True
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(
        sender.device_id, lambda each: any(told.state == "failed" for told in each.notifications)
    )
    (failed,) = [told for told in alert.notifications if told.state == "failed"]
    assert failed.name == "Dana Ortiz"
    assert failed.error is not None
    assert "21610" in failed.error
    assert await opted_out(house) == {"Dana Ortiz"}
    await house.luis.until_received(f"Reply {alert.code} ")


async def test_start_brings_the_pages_back(house: House) -> None:
    await house.dana.reply("stop")
    assert await opted_out(house) == {"Dana Ortiz"}
    answer = await house.dana.reply("START")
    assert "gets alerts again" in answer.texts[0]
    assert await opted_out(house) == set()
    await paged(house)


async def test_a_forged_signature_is_refused_and_the_alert_stays_open(house: House) -> None:
    alert = await paged(house)
    form = inbound(house.dana, alert.code)
    other = house.walk.phones.signature(f"{house.walk.server.url}{INBOUND}", {"Body": "x"})
    elsewhere = house.walk.phones.signature("https://example.org/api/v1/twilio/inbound", form)
    for signature in ("", "nonsense", other, elsewhere):
        assert (await post(house, INBOUND, form, signature=signature)).status == 403
    assert await still_open(house, alert)
    assert (await post(house, INBOUND, form)).status == 200
    assert not await still_open(house, alert)


async def test_a_forged_stop_stops_nothing(house: House) -> None:
    assert (await post(house, INBOUND, inbound(house.dana, "STOP"), signature="x")).status == 403
    assert await opted_out(house) == set()


async def test_a_genuine_reply_that_is_replayed_changes_nothing(house: House) -> None:
    alert = await paged(house)
    form = inbound(house.dana, alert.code, sid="SM00000000000000000000000000000001")
    first = await post(house, INBOUND, form)
    assert "You have it" in first.texts[0]
    for _ in range(3):
        again = await post(house, INBOUND, form)
        assert again.status == 200
        assert "<Message>" not in again.texts[0]
    names = [event.name for event in (await detail(house.screen, alert)).events]
    assert names.count("acknowledged") == 1
    assert "acknowledged_late" not in names


async def test_a_yes_that_is_replayed_later_does_not_take_another_alert(house: House) -> None:
    first = await paged(house)
    form = inbound(house.dana, "yes", sid="SM00000000000000000000000000000002")
    await post(house, INBOUND, form)
    assert not await still_open(house, first)
    await house.screen.resolve(first)
    second = await paged(house)
    assert (await post(house, INBOUND, form)).status == 200
    assert await still_open(house, second)


async def test_a_wrong_code_that_is_replayed_counts_once(house: House) -> None:
    alert = await paged(house)
    (wrong,) = unknown_codes(house, 1)
    form = inbound(house.dana, wrong, sid="SM00000000000000000000000000000003")
    for _ in range(6):
        assert (await post(house, INBOUND, form)).status == 200
    assert (await reply(house.dana, alert.code)).startswith("You have it")


async def report(house: House, notification: Told, status: str) -> None:
    path = f"/api/v1/twilio/status/{notification.notification_id}"
    answer = await post(house, path, {"MessageStatus": status, "MessageSid": "SM1"})
    assert answer.status == 204


async def page_of(house: House, alert: Alert, name: str) -> Told:
    """What became of somebody's page."""
    pages = (await detail(house.screen, alert)).alert.notifications
    return next(each for each in pages if each.name == name and each.purpose == "page")


async def test_reports_out_of_order_and_doubled_never_move_a_message_back(house: House) -> None:
    house.walk.phones.pace_s = 120.0  # the carrier itself says nothing more while we do
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(
        sender.device_id,
        lambda each: sum(told.state == "accepted" for told in each.notifications) == 2,
    )
    page = await page_of(house, alert, "Dana Ortiz")
    await report(house, page, "delivered")
    assert (await page_of(house, alert, "Dana Ortiz")).state == "delivered"
    for status in ("sent", "queued", "delivered", "undelivered", "failed", "nonsense"):
        await report(house, page, status)
        assert (await page_of(house, alert, "Dana Ortiz")).state == "delivered"
    assert len((await detail(house.screen, alert)).named("notification_delivered")) == 1


async def test_an_undelivered_page_that_is_delivered_after_all_counts(house: House) -> None:
    house.walk.phones.pace_s = 120.0
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(
        sender.device_id,
        lambda each: sum(told.state == "accepted" for told in each.notifications) == 2,
    )
    page = await page_of(house, alert, "Luis Herrera")
    await report(house, page, "undelivered")
    assert (await page_of(house, alert, "Luis Herrera")).state == "undelivered"
    await report(house, page, "delivered")
    page = await page_of(house, alert, "Luis Herrera")
    assert (page.state, page.error) == ("delivered", None)


async def test_a_forged_report_changes_nothing(house: House) -> None:
    alert = await paged(house)
    alert = await house.now(
        alert, lambda each: [told.state for told in each.notifications] == ["delivered"] * 2
    )
    page = alert.notifications[0]
    path = f"/api/v1/twilio/status/{page.notification_id}"
    assert (await post(house, path, {"MessageStatus": "read"}, signature="x")).status == 403
    unknown = f"/api/v1/twilio/status/{alert.alert_id}"
    assert (await post(house, unknown, {"MessageStatus": "read"})).status == 204


async def test_a_phone_that_is_off_shows_as_not_reached_with_the_reason(house: House) -> None:
    house.luis.condition = Condition.OFF
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(
        sender.device_id,
        lambda each: {told.state for told in each.notifications} == {"delivered", "undelivered"},
    )
    (page,) = [each for each in alert.notifications if each.state == "undelivered"]
    assert page.name == "Luis Herrera"
    assert page.error is not None
    assert "30003" in page.error


async def test_where_nobody_of_tier_1_can_be_reached_tier_2_is_told_at_once(house: House) -> None:
    house.dana.condition = house.luis.condition = Condition.LANDLINE
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id, lambda each: each.tier == 2)
    await house.maya.until_received(f"Reply {alert.code} ")


async def test_a_carrier_that_is_busy_is_asked_again(house: House) -> None:
    house.dana.condition = Condition.TOO_MANY
    asked = house.dana.requests
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await house.dana.until_asked(asked + 1)
    house.dana.condition = Condition.ON
    await house.dana.until_received(f"Reply {alert.code} ")
    assert len(told(house.dana, f"Reply {alert.code} ")) == 1
    assert told(house.walk.phone(RAY), alert.code) == []


async def test_the_code_still_takes_an_alert_that_has_been_open_for_days(house: House) -> None:
    sender = await house.sender()
    await sender.send(sender.press(age_ms=3 * 24 * 3600 * 1000))
    alert = await house.alert_of(sender.device_id)
    await house.luis.until_received(f"Reply {alert.code} ")
    assert (await reply(house.luis, alert.code)).startswith("You have it")
