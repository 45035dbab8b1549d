"""Bad input beside the good: doubt is shown, never dropped, and never holds up a good press."""

import base64
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.parts import MAYA, Alert, Doubtful
from tests.walk.house import House, Sender, detail, moment, told
from tocsin_wire import messages
from tocsin_wire.messages import new_id
from tocsin_wire.signing import TYPES, SigningKey
from tocsin_wire.topics import new_device_id

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAY_MS = 24 * 3600 * 1000
Body = Callable[[Sender], bytes]


def part(value: object) -> bytes:
    """One part of a JWS, whatever it holds."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def payload(sender: Sender, **fields: object) -> bytes:
    """The body of a press, with fields that no honest button would write."""
    usual = json.loads(messages.encode(sender.press()))
    return json.dumps(usual | fields).encode()


def without_signature(sender: Sender) -> bytes:
    header = {"alg": "none", "typ": "tocsin-press+jws", "kid": sender.key.kid}
    return b".".join([part(header), part(json.loads(payload(sender))), b""])


def with_one_bit_changed(sender: Sender) -> bytes:
    head, body, signature = sender.key.sign(sender.press()).split(b".")
    return b".".join([head, body[:-1] + (b"A" if body[-1:] != b"A" else b"B"), signature])


STRANGER = SigningKey.generate()

DOUBTFUL: dict[str, Body] = {
    "nothing": lambda _: b"",
    "random bytes": lambda _: random.Random(7).randbytes(700),
    "zero bytes": lambda _: bytes(64),
    "an unsigned press": payload,
    "the algorithm none": without_signature,
    "another key": lambda sender: STRANGER.sign(sender.press()),
    "another key under this one's name": lambda sender: sender.sign_raw(
        payload(sender), key=STRANGER, kid=sender.key.kid
    ),
    "a changed payload": with_one_bit_changed,
    "a cut signature": lambda sender: sender.key.sign(sender.press())[:-9],
    "another button's id": lambda sender: sender.sign_raw(
        payload(sender, device_id=new_device_id())
    ),
    "the type of a receipt": lambda sender: sender.sign_raw(
        payload(sender), typ="tocsin-receipt+jws"
    ),
    "no press_id": lambda sender: sender.sign_raw(payload(sender, press_id="not a uuid")),
    "no object": lambda sender: sender.sign_raw(b"[1, 2, 3]"),
    "no JSON": lambda sender: sender.sign_raw(b"\xff\xfe press"),
    "too deep": lambda sender: sender.sign_raw(b'{"kind":' * 900 + b"1" + b"}" * 900),
    "more than 8 KiB": lambda sender: sender.sign_raw(payload(sender, note="x" * 9000)),
}


async def doubtful_of(house: House, sender: Sender) -> Doubtful:
    """What the lane shows of a sender."""
    await house.screen.until(
        lambda screen: any(each.device_id == sender.device_id for each in screen.doubtful.values())
    )
    shown = house.screen.doubtful.values()
    return next(each for each in shown if each.device_id == sender.device_id)


async def full_alert(house: House, sender: Sender) -> Alert:
    """The sender's alert, with all that belongs to one."""
    alert = await house.alert_of(sender.device_id)
    await house.dana.until_received(f"Reply {alert.code} ")
    assert (alert.state, alert.drill, alert.place.room) == ("open", False, "Front counter")
    return alert


@pytest.mark.parametrize("body", DOUBTFUL.values(), ids=DOUBTFUL.keys())
async def test_what_cannot_be_verified_is_shown_apart_and_a_good_press_beside_it_is_an_alert(
    house: House, body: Body
) -> None:
    sender = await house.sender()
    await sender.send_raw(body(sender))
    press = await sender.send(sender.press())
    await full_alert(house, sender)
    doubtful = await doubtful_of(house, sender)
    assert doubtful.reason
    assert doubtful.reason.isprintable()
    assert doubtful.times == 1
    assert len(house.alerts_of(sender.device_id)) == 1
    assert (await sender.until_receipt(press, "stored")).drill is False
    assert {receipt.press_id for receipt in sender.receipts()} == {press.press_id}


async def test_a_message_too_large_for_the_broker_costs_its_sender_the_link_and_nobody_else(
    house: House,
) -> None:
    sender, other = await house.sender(), await house.sender()
    await sender.send_too_much(b"x" * 40_000)
    await other.send(other.press())
    await full_alert(house, other)
    await sender.send(sender.press())
    await full_alert(house, sender)


async def test_a_flood_of_nonsense_is_a_few_lines_and_the_press_after_it_is_an_alert(
    house: House,
) -> None:
    sender = await house.sender()
    chance = random.Random(11)
    for _ in range(150):
        await sender.send_raw(nonsense(chance))
    for county in range(50):
        await sender.send_raw(b"nonsense", jurisdiction=f"{county:05}")
    await sender.send(sender.press())
    await full_alert(house, sender)
    await house.screen.until(lambda _: sum(each.times for each in lane(house, sender)) >= 200)
    assert len(lane(house, sender)) <= 10


def lane(house: House, sender: Sender) -> list[Doubtful]:
    return [each for each in house.screen.doubtful.values() if each.device_id == sender.device_id]


def nonsense(chance: random.Random) -> bytes:
    """Something that gets a little further into the reading each time."""
    size = chance.randrange(1, 200)
    middle = base64.urlsafe_b64encode(chance.randbytes(size)).rstrip(b"=")
    header = chance.choice(
        [
            middle,
            part({"alg": "EdDSA", "typ": "tocsin-press+jws", "kid": middle.decode()}),
            part({"alg": middle.decode(), "typ": "tocsin-press+jws", "kid": "x"}),
            part({"alg": "EdDSA", "typ": middle.decode()}),
        ]
    )
    return chance.choice([header + b"." + middle + b"." + b"A" * 86, middle, b"x" * size * 80])


async def test_a_person_marks_it_as_seen_and_it_leaves_every_screen(house: House) -> None:
    sender = await house.sender()
    other = await house.walk.screen(email=MAYA.email)
    await sender.send_raw(b"nonsense")
    doubtful = await doubtful_of(house, sender)
    answer = await house.screen.post(f"doubtful/{doubtful.doubtful_id}/seen")
    assert answer.status == 200
    await other.until(
        lambda screen: any(
            (each.doubtful_id, each.seen_by) == (doubtful.doubtful_id, "Dana Ortiz")
            for each in screen.doubtful.values()
        )
    )


async def test_a_press_under_another_countys_topic_is_doubtful(house: House) -> None:
    sender = await house.sender()
    await sender.send_raw(sender.key.sign(sender.press()), jurisdiction="48491")
    assert "another jurisdiction" in (await doubtful_of(house, sender)).reason
    assert house.alerts_of(sender.device_id) == []


async def test_a_press_of_a_revoked_button_is_doubtful(house: House) -> None:
    sender = await house.sender()
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE device SET state = 'revoked' WHERE device_id = $1", sender.device_id
        )
    await house.until_forgotten(sender.device_id)
    await sender.send(sender.press())
    assert "revoked" in (await doubtful_of(house, sender)).reason
    assert house.alerts_of(sender.device_id) == []


STRANGE: dict[str, dict[str, object]] = {
    "a clock in the future": {"device_clock": "2099-01-01T00:00:00.000Z"},
    "a clock at the epoch": {"device_clock": "1970-01-01T00:00:00.000Z"},
    "a clock that is none": {"device_clock": "half past nine"},
    "an inexact age": {"age_exact": False},
    "huge numbers": {"seq": 10**30, "attempt": 10**30, "age_ms": 10**30},
    "negative numbers": {"seq": -1, "attempt": -1, "age_ms": -(10**9)},
    "what are no numbers": {"seq": "one", "age_ms": None, "attempt": [1]},
    "floats": {"seq": 1.5, "age_ms": 1e300},
    "words of any length": {"gesture": "g" * 5000, "device_clock": "c" * 500},
    "a newer version": {"v": 9, "colour": "red", "nested": {"deep": [1, 2, 3]}},
    "a boot that is none": {"boot_id": "yesterday", "cancels": 7},
    "a drill that is no boolean": {"drill": "perhaps"},
}


@pytest.mark.parametrize("fields", STRANGE.values(), ids=STRANGE.keys())
async def test_a_valid_signature_is_a_full_alert_however_strange_the_rest(
    house: House, fields: dict[str, object]
) -> None:
    sender = await house.sender()
    await sender.send_raw(sender.sign_raw(payload(sender, **fields)))
    alert = await full_alert(house, sender)
    assert alert.kind == "duress"
    assert (alert.presses, alert.cancelled) == (1, False)
    age_ms = (moment(alert.received_at) - moment(alert.pressed_at)).total_seconds() * 1000
    assert 0 <= age_ms <= messages.AGE_MS_MAX
    assert lane(house, sender) == []


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("gas_leak", "gas_leak"),
        ("nul\x00 and bell\x07", "nul� and bell�"),
        ("turned \u202e around", "turned � around"),
        ("\ud800", "�"),
        ("<b>bold</b>", "<b>bold</b>"),
        ("k" * 500, "k" * 40),
    ],
)
async def test_a_kind_nobody_knows_is_shown_as_it_is_and_told_like_any_other(
    house: House, kind: str, shown: str
) -> None:
    sender = await house.sender()
    await sender.send_raw(sender.sign_raw(payload(sender, kind=kind)))
    alert = await full_alert(house, sender)
    assert alert.kind == shown
    assert any("treat it as duress" in remark for remark in alert.remarks)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"device_clock": "2099-01-01T00:00:00.000Z"}, "clock is wrong"),
        ({"device_clock": "soon"}, "clock is wrong"),
        ({"age_exact": False}, "may be older than shown"),
        ({"seq": "one", "gesture": 7}, "can't be read: gesture, seq"),
        ({"kind": "gas_leak"}, "treat it as duress"),
    ],
)
async def test_what_is_strange_about_a_press_is_said_beside_it(
    house: House, fields: dict[str, object], said: str
) -> None:
    sender = await house.sender()
    await sender.send_raw(sender.sign_raw(payload(sender, **fields)))
    (remark,) = (await full_alert(house, sender)).remarks
    assert said in remark


async def test_a_press_of_long_ago_is_told_as_old_as_it_is(house: House) -> None:
    sender = await house.sender()
    pressed = datetime.now(UTC) - timedelta(milliseconds=3 * DAY_MS)
    clock = messages.timestamp(pressed)  # right, at that moment
    await sender.send(sender.press(age_ms=3 * DAY_MS, device_clock=clock))
    alert = await full_alert(house, sender)
    assert alert.remarks == ()
    text = told(house.dana, f"Reply {alert.code} ")[0]
    assert "Pressed 72 h ago" in text


async def test_a_thousand_replays_are_one_alert_one_press_and_one_page(house: House) -> None:
    sender, other = await house.sender(), await house.sender()
    press = sender.press()
    for attempt in range(1, 41):
        again = messages.decode(
            messages.Press, payload_of(press, attempt=attempt, age_ms=attempt * 5)
        )
        for _ in range(25):
            await sender.send(again)
    alert = await full_alert(house, sender)
    await other.send(other.press())
    await full_alert(house, other)
    now = (await detail(house.screen, alert)).alert
    assert (now.presses, now.state) == (1, "open")
    assert len(house.alerts_of(sender.device_id)) == 1
    assert len(told(house.dana, f"Reply {alert.code} ")) == 1


def payload_of(press: messages.Press, **fields: object) -> bytes:
    return json.dumps(json.loads(messages.encode(press)) | fields).encode()


async def test_a_replay_after_the_end_is_answered_and_opens_nothing(house: House) -> None:
    sender, other = await house.sender(), await house.sender()
    press = await sender.send(sender.press())
    alert = await full_alert(house, sender)
    await house.screen.resolve(alert)
    await sender.until_receipt(press, "resolved")
    before = len(sender.receipts())
    await sender.send(press)
    await other.send(other.press())
    await full_alert(house, other)
    assert len(house.alerts_of(sender.device_id)) == 1
    await sender.until_another_receipt(before)
    assert {receipt.state for receipt in sender.receipts()[before:]} == {"resolved"}


async def test_an_unsigned_copy_that_comes_first_does_not_stand_in_the_way(house: House) -> None:
    sender = await house.sender()
    press = sender.press()
    await sender.send_raw(messages.encode(press))
    await sender.send_raw(STRANGER.sign(press))
    await doubtful_of(house, sender)
    await sender.send(press)
    alert = await full_alert(house, sender)
    assert alert.remarks == ()
    assert [each.press_id for each in (await detail(house.screen, alert)).presses] == [
        str(press.press_id)
    ]


async def test_a_cancel_marks_its_alert_and_never_closes_it(house: House) -> None:
    sender = await house.sender()
    press = await sender.send(sender.press())
    await full_alert(house, sender)
    await sender.send(sender.press(kind="cancel", cancels=press.press_id))
    alert = await house.alert_of(sender.device_id, lambda each: each.cancelled)
    assert (alert.state, alert.presses) == ("open", 1)
    assert alert.next_decision_at is not None
    assert len(house.alerts_of(sender.device_id)) == 1


async def test_a_cancel_that_comes_before_its_press_is_one_open_alert(house: House) -> None:
    sender = await house.sender()
    press = sender.press()
    await sender.send(sender.press(kind="cancel", cancels=press.press_id))
    early = await house.alert_of(sender.device_id)
    assert (early.kind, early.state, early.cancelled) == ("duress", "open", True)
    await sender.send(press)
    alert = await house.now(early, lambda each: each.presses == 1)
    assert (alert.state, alert.cancelled) == ("open", True)
    await house.dana.until_received(f"Reply {alert.code} ")
    await sender.until_receipt(press, "stored")
    assert len(house.alerts_of(sender.device_id)) == 1


async def test_a_press_that_follows_its_cancel_after_the_end_is_an_alert_of_its_own(
    house: House,
) -> None:
    sender = await house.sender()
    press = sender.press()
    await sender.send(sender.press(kind="cancel", cancels=press.press_id))
    early = await house.alert_of(sender.device_id)
    await house.screen.resolve(early)
    await house.now(early, lambda each: each.state == "resolved")
    await sender.send(press)
    late = await house.alert_of(sender.device_id, lambda each: each.alert_id != early.alert_id)
    assert (late.state, late.presses, late.previous_alert_id) == ("open", 1, early.alert_id)


async def test_a_cancel_of_a_press_that_never_comes_is_an_alert_all_the_same(
    house: House,
) -> None:
    sender = await house.sender()
    await sender.send(sender.press(kind="cancel", cancels=uuid4()))
    alert = await house.alert_of(sender.device_id)
    assert (alert.kind, alert.state, alert.cancelled) == ("duress", "open", True)
    text = await house.dana.until_received(f"Reply {alert.code} ")
    assert "may be under coercion" in text.body


async def test_tamper_assist_and_test_neither_join_a_duress_nor_swallow_one(house: House) -> None:
    sender = await house.sender()
    kinds = ["tamper", "assist", "test", "duress"]
    for kind in [*kinds, *reversed(kinds)]:
        await sender.send(sender.press(kind=kind))
    await house.screen.until(
        lambda _: [each.presses for each in house.alerts_of(sender.device_id)] == [2, 2, 2, 2]
    )
    alerts = house.alerts_of(sender.device_id)
    assert sorted(alert.kind for alert in alerts) == sorted(kinds)
    for alert in alerts:
        await house.dana.until_received(f"Reply {alert.code} ")


@pytest.mark.parametrize("fields", [{"drill": True}, {"kind": "test"}], ids=["drill", "test"])
async def test_a_drill_without_a_window_is_actual_and_says_why(
    house: House, fields: dict[str, object]
) -> None:
    sender = await house.sender()
    press = await sender.send(sender.press(**fields))
    alert = await full_alert(house, sender)
    assert any("says this is a drill, but it is none here" in remark for remark in alert.remarks)
    assert "DRILL" not in told(house.dana, f"Reply {alert.code} ")[0]
    assert (await sender.until_receipt(press, "stored")).drill is False


async def test_a_retained_press_is_one_alert_also_when_the_server_subscribes_again(
    house: House,
) -> None:
    sender, other = await house.sender(), await house.sender()
    press = await sender.send(sender.press(), retain=True)
    alert = await full_alert(house, sender)
    await house.screen.resolve(alert)
    await sender.until_receipt(press, "resolved")
    before = len(sender.receipts())
    await house.walk.server.stop()
    await house.walk.server.start()
    await house.screen.until(lambda screen: screen.live)
    await other.send(other.press())
    await full_alert(house, other)
    assert [each.alert_id for each in house.alerts_of(sender.device_id)] in ([], [alert.alert_id])
    await sender.until_another_receipt(before)
    await sender.send_raw(b"", retain=True)


async def test_new_ids_of_the_same_moment_are_new_presses(house: House) -> None:
    sender = await house.sender()
    presses = [sender.press(press_id=new_id()) for _ in range(20)]
    for press in reversed(presses):
        await sender.send(press)
    alert = await house.alert_of(sender.device_id, lambda each: each.presses == 20)
    assert len(house.alerts_of(sender.device_id)) == 1
    assert TYPES[messages.Press] == "tocsin-press+jws"
    for press in presses:
        await sender.until_receipt(press, "stored")
    await house.dana.until_received(f"Reply {alert.code} ")
    assert len(told(house.dana, f"Reply {alert.code} ")) == 1
