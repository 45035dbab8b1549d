"""What other systems are told of an alert, and what not."""

import base64
import hashlib
import hmac
from uuid import UUID

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from tests.alert.presses import Said, press, store
from tests.hooks.followed import DANA, Followed, One
from tests.hooks.receiver import Receiver
from tests.offices import open_office
from tocsin_server.errors import NotFound
from tocsin_server.hooks import hooks
from tocsin_server.hooks.message import EVENTS, new_secret
from tocsin_server.people.accounts import add_person
from tocsin_wire.messages import new_id


async def a_whole_life(followed: Followed) -> UUID:
    """A drill that nobody answers, is made real, and is taken twice: the first falls silent.

    And resolved: every event there is.
    """
    colleague = await add_person(
        followed.pool,
        jurisdiction=followed.jurisdiction,
        name=f"{DANA}, her colleague",
        email=f"{new_id()}@example.org",
        phone=None,
        role="dispatcher",
    )
    alert_id = await followed.press(drill=True)
    await followed.attempt(alert_id, unanswered=False)
    for _ in range(3):
        await followed.attempt(alert_id, unanswered=True)
    await followed.do("make_actual", alert_id, DANA)
    await followed.acknowledge(alert_id)
    await followed.pool.execute("SELECT ask_holder($1, 60), climb_again($1)", alert_id)
    await followed.acknowledge(alert_id, person_id=colleague)
    await followed.do("respond", alert_id, DANA)
    await followed.do("arrive", alert_id, DANA)
    await followed.do("resolve", alert_id, DANA, "actual", "Dana's knee hurts: 555-0199")
    return alert_id


async def test_an_alert_is_followed_from_the_press_to_its_end_in_order(
    followed: Followed, receiver: Receiver
) -> None:
    await followed.hook(receiver.url)
    alert_id = await a_whole_life(followed)
    await followed.send_all()
    assert receiver.events == [
        "alert.pressed",
        "alert.unanswered",
        "alert.made_actual",
        "alert.acknowledged",
        "alert.climbs_again",
        "alert.taken_over",
        "alert.responding",
        "alert.on_scene",
        "alert.resolved",
    ]
    sequences = [int(str(each.data["sequence"])) for each in receiver.received]
    assert sequences == sorted(set(sequences))
    assert {each.data["alert_id"] for each in receiver.received} == {str(alert_id)}
    assert [each.data["by"] for each in receiver.received] == [
        None,
        None,
        DANA,
        DANA,
        None,
        *[DANA] * 4,
    ]
    assert len({each.message_id for each in receiver.received}) == len(receiver.received)


async def press_and_cancel(followed: Followed) -> None:
    """Two presses of a button and its cancel: every event that a button makes."""
    first = Said(device_id=followed.office.device_id)
    cancel = Said(device_id=followed.office.device_id, kind="cancel", cancels=first.press_id)
    for each in (first, Said(device_id=followed.office.device_id), cancel):
        await store(followed.pool, followed.office, each)


async def test_further_presses_and_a_cancel_are_told_too(
    followed: Followed, receiver: Receiver
) -> None:
    await followed.hook(receiver.url)
    await press_and_cancel(followed)
    await followed.send_all()
    assert receiver.events == [
        "alert.pressed",
        "alert.pressed_again",
        "alert.cancelled_at_button",
    ]
    assert receiver.received[-1].data["cancelled"] is True


async def test_a_message_holds_what_a_screen_shows_and_no_code_note_or_number(
    followed: Followed, receiver: Receiver
) -> None:
    await followed.hook(receiver.url)
    alert_id = await a_whole_life(followed)
    await followed.pool.execute("UPDATE alert SET code = 'thecode' WHERE alert_id = $1", alert_id)
    await followed.send_all()
    for each in receiver.received:
        assert "code" not in each.data
        for secret in (b"thecode", b"knee", b"555-0199", b"+1512"):
            assert secret not in each.body
    data = receiver.received[-1].data
    assert (data["state"], data["outcome"], data["acknowledged_by"]) == ("resolved", "actual", DANA)
    assert (data["kind"], data["drill"], data["jurisdiction"]) == ("duress", False, "48453")
    place = data["place"]
    assert isinstance(place, dict)
    assert place["site"] == "County Clerk"
    message = receiver.received[-1].message
    assert (message["version"], set(message)) == (1, {"version", "type", "timestamp", "data"})


async def test_every_event_that_can_be_followed_is_told_of_at_some_time(
    followed: Followed, receiver: Receiver
) -> None:
    await followed.hook(receiver.url)
    await a_whole_life(followed)
    await press_and_cancel(followed)
    await followed.send_all()
    assert set(receiver.events) == set(EVENTS)


async def test_a_signature_is_what_the_specification_says(
    followed: Followed, receiver: Receiver
) -> None:
    """Checked by the reference library, and once more by hand."""
    made = await followed.hook(receiver.url)
    await followed.press()
    await followed.send_all()
    (one,) = receiver.received
    one.verify(made.secret)
    with pytest.raises(WebhookVerificationError):
        one.verify(new_secret())
    key = base64.b64decode(made.secret.removeprefix("whsec_"))
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert one.headers["webhook-signature"] == f"v1,{mac}"
    assert one.headers["content-type"] == "application/json"


async def test_a_secret_that_is_rotated_signs_beside_its_successor_for_a_while(
    followed: Followed, receiver: Receiver
) -> None:
    made = await followed.hook(receiver.url)
    rotated = await hooks.rotate_secret(followed.pool, **followed.one(made), keep_hours=1, by=DANA)
    assert rotated.secret != made.secret
    await followed.press()
    await followed.send_all()
    for secret in (made.secret, rotated.secret):
        receiver.received[0].verify(secret)
    assert receiver.received[0].headers["webhook-signature"].count("v1,") == 2
    await followed.pool.execute("UPDATE hook SET former_until = clock_timestamp()")
    await followed.press()
    await followed.send_all()
    receiver.received[1].verify(rotated.secret)
    with pytest.raises(WebhookVerificationError):
        receiver.received[1].verify(made.secret)


async def test_a_drill_is_marked_and_left_out_where_that_is_wanted(
    followed: Followed, receiver: Receiver
) -> None:
    await followed.hook(f"{receiver.url}/all")
    await followed.hook(f"{receiver.url}/real", name="Real alone", drills=False)
    alert_id = await followed.press(drill=True)
    await followed.acknowledge(alert_id)
    await followed.send_all()
    assert [(each.event, each.data["drill"]) for each in receiver.received] == [
        ("alert.pressed", True),
        ("alert.acknowledged", True),
    ]
    await followed.do("make_actual", alert_id, DANA)
    await followed.send_all()
    news = [(each.event, each.data["drill"]) for each in receiver.received[2:]]
    assert news == [("alert.made_actual", False)] * 2


async def test_only_the_events_that_are_wanted_are_told(
    followed: Followed, receiver: Receiver
) -> None:
    await followed.hook(receiver.url, "alert.resolved", "alert.pressed")
    await a_whole_life(followed)
    await followed.send_all()
    assert receiver.events == ["alert.pressed", "alert.resolved"]


async def test_a_neighbour_hears_and_sees_nothing(followed: Followed, receiver: Receiver) -> None:
    made = await followed.hook(receiver.url)
    neighbour = await open_office(followed.pool, jurisdiction="48209")
    await press(followed.pool, neighbour)
    await followed.send_all()
    assert receiver.received == []
    assert await hooks.read_hooks(followed.pool, jurisdiction="48209") == []
    there = One(jurisdiction="48209", hook_id=made.hook.hook_id)
    with pytest.raises(NotFound):
        await hooks.read_deliveries(followed.pool, **there)
    with pytest.raises(NotFound):
        await hooks.remove_hook(followed.pool, by="Nia", **there)
    with pytest.raises(NotFound):
        await hooks.disable_hook(followed.pool, by="Nia", **there)
    with pytest.raises(NotFound):
        await hooks.rotate_secret(followed.pool, keep_hours=0, by="Nia", **there)
    with pytest.raises(NotFound):
        await hooks.resend(followed.pool, delivery_id=None, **there)
    with pytest.raises(NotFound):
        await hooks.try_hook(followed.pool, **there)
    assert await followed.hooks() == [made.hook]


async def test_a_test_says_that_it_is_one(followed: Followed, receiver: Receiver) -> None:
    made = await followed.hook(receiver.url)
    await hooks.try_hook(followed.pool, **followed.one(made))
    await followed.send_all()
    (one,) = receiver.received
    one.verify(made.secret)
    assert one.event == "hook.test"
    assert "test" in str(one.data["text"])
    assert await followed.states(made) == ["delivered"]
