"""The oracle condemns: each kind of wrong, put into a ledger by hand, is named."""

from collections.abc import Mapping

import msgspec
import pytest

from tests.faults.oracle import Evidence, Made, OnRecord, decide

DANA, LUIS = "+15125550111", "+15125550112"
RIGHT = Evidence(
    made=(
        Made(device_id="btn-a", press_id="a1"),
        Made(device_id="btn-a", press_id="a2"),
        Made(device_id="btn-b", press_id="b1"),
    ),
    alerts=(
        OnRecord(alert_id="one", device_id="btn-a", presses=("a1", "a2"), counted=2),
        OnRecord(alert_id="two", device_id="btn-b", presses=("b1",), counted=1),
    ),
    screens={"server-1": {"one": 2, "two": 1}, "server-2": {"one": 2, "two": 1}},
    first_tier=(DANA, LUIS),
    pages={DANA: {"one": 1, "two": 1}, LUIS: {"one": 1, "two": 1}},
)


def changed(**fields: object) -> Evidence:
    return msgspec.structs.replace(RIGHT, **fields)


def with_press(n: int, **fields: object) -> tuple[Made, ...]:
    made = list(RIGHT.made)
    made[n] = msgspec.structs.replace(made[n], **fields)
    return tuple(made)


def with_alert(n: int, **fields: object) -> tuple[OnRecord, ...]:
    alerts = list(RIGHT.alerts)
    alerts[n] = msgspec.structs.replace(alerts[n], **fields)
    return tuple(alerts)


THIRD = OnRecord(alert_id="three", device_id="btn-b", presses=("b1",), counted=1)
# What is said of it, in which case, and the evidence.
WRONG: Mapping[tuple[str, str], Evidence] = {
    ("lost", "as it is"): changed(alerts=with_alert(0, presses=("a1",), counted=1)),
    ("lost", "to another button"): changed(alerts=with_alert(1, device_id="btn-a")),
    ("lost", "with its agent, though a broker had it"): changed(
        made=with_press(0, forgotten=True), alerts=with_alert(0, presses=("a2",), counted=1)
    ),
    ("doubled", "on two alerts"): changed(
        alerts=(*RIGHT.alerts, THIRD),
        screens={"server-1": {"one": 2, "two": 1, "three": 1}},
        pages={DANA: dict.fromkeys(["one", "two", "three"], 1)},
        first_tier=(DANA,),
    ),
    ("doubled", "on one alert"): changed(alerts=with_alert(1, presses=("b1", "b1"))),
    ("doubled", "in the number on the screen"): changed(
        alerts=with_alert(1, counted=2), screens={"server-1": {"one": 2, "two": 2}}
    ),
    ("without a receipt", "as it is"): changed(made=with_press(2, receipted=False)),
    ("not on a screen", "of another replica"): changed(
        screens={"server-1": {"one": 2, "two": 1}, "server-2": {"one": 2}}
    ),
    ("not on a screen", "with its last press"): changed(screens={"server-1": {"one": 1, "two": 1}}),
    ("not told to the first tier", "one of it"): changed(
        pages={DANA: {"one": 1, "two": 1}, LUIS: {"one": 1}}
    ),
    ("never made", "as it is"): changed(made=RIGHT.made[:2]),
    ("never made", "an alert without a press"): changed(
        alerts=(
            *RIGHT.alerts,
            OnRecord(alert_id="three", device_id="btn-b", presses=(), counted=0),
        ),
        screens={},
        first_tier=(),
    ),
    ("texted more often than faults explain", "as it is"): changed(
        pages={DANA: {"one": 3, "two": 1}, LUIS: {"one": 1, "two": 1}}
    ),
    ("left over", "as it is"): changed(left_over=("a press NOT YET STORED on server-1",)),
    ("the record's chains do not verify", "as it is"): changed(verified=False),
}


def test_what_is_right_is_let_pass() -> None:
    verdict = decide(RIGHT)
    assert verdict.holds
    assert verdict.sentences() == []


@pytest.mark.parametrize("wrong", WRONG, ids=", ".join)
def test_what_is_wrong_is_condemned_and_named(wrong: tuple[str, str]) -> None:
    verdict = decide(WRONG[wrong])
    assert not verdict.holds
    assert wrong[0] in " ".join(verdict.sentences())


def test_a_second_text_after_a_fault_is_counted_and_let_pass() -> None:
    verdict = decide(changed(pages={DANA: {"one": 2, "two": 1}, LUIS: {"one": 2, "two": 1}}))
    assert verdict.holds
    assert verdict.second_texts == 2


def test_a_press_that_an_agent_died_with_may_be_on_record_or_not_but_once_for_each_asking() -> None:
    record = (*RIGHT.alerts[:1], msgspec.structs.replace(RIGHT.alerts[1], presses=("b1", "b2")))
    record = (record[0], msgspec.structs.replace(record[1], counted=2))
    screens = {"server-1": {"one": 2, "two": 2}}
    assert decide(changed(unanswered={"btn-b": 1})).holds
    assert decide(changed(alerts=record, screens=screens, unanswered={"btn-b": 1})).holds
    assert decide(changed(alerts=record, screens=screens)).invented == ("b2",)
    assert decide(changed(alerts=record, screens=screens, unanswered={"btn-a": 1})).invented


def test_a_press_younger_than_disk_and_broker_may_be_gone_and_no_other() -> None:
    gone = with_alert(0, presses=("a2",), counted=1)
    screens = {"server-1": {"one": 1, "two": 1}}
    young = with_press(0, too_young=True, receipted=False)
    assert decide(changed(made=young, alerts=gone, screens=screens)).holds
    sent = with_press(0, forgotten=True, receipted=False)
    assert decide(changed(made=sent, alerts=gone, screens=screens)).lost == ("a1",)
    assert decide(changed(made=sent)).holds
