"""What reports and refusals mean, and what the voice says: every case is a sentence."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.channels.house import parse
from tocsin_server.channels.channel import LANGUAGES, Language, Message, Report
from tocsin_server.channels.twilio_reports import (
    KEY_RANK,
    read_call_report,
    read_machine,
    read_report,
)
from tocsin_server.channels.twiml import (
    KEYS_CHARS_MAX,
    TWIML_CHARS_MAX,
    twiml_announcement,
    twiml_menu,
    twiml_reply,
    twiml_spoken,
)

ACTION = "https://tocsin.county.example/api/v1/twilio/voice/018f3c70-0000-7000-8000-000000000000"
MESSAGE = Message(
    notification_id=None,
    to="+15125550111",
    text="a text",
    spoken="Tocsin. Duress at Town & Hall, room <4>.",
    spoken_keys="Press 1 to take it, 2 to pass it on, 3 to hear it again.",
    spoken_code="Text 7 K 2 M to take it.",
)


def undelivered(code: str) -> Report:
    report = read_report({"MessageStatus": "undelivered", "ErrorCode": code})
    assert report is not None
    return report


@pytest.mark.parametrize(
    ("code", "unreachable"),
    [
        ("21211", "there is no such number"),
        ("21610", "opted out: this number has texted STOP"),
        ("21614", "a landline, or a line that takes no texts"),
        ("30005", "its carrier knows no such phone"),
        ("30006", "a landline, or a line that takes no texts"),
    ],
)
def test_a_number_that_takes_no_texts_is_unreachable_and_it_says_why(
    code: str, unreachable: str
) -> None:
    report = undelivered(code)
    assert report.unreachable == unreachable
    assert report.problem == f"{unreachable} ({code})"
    assert report.sender_problem is None


@pytest.mark.parametrize("code", ["30002", "30032", "30034", "30035"])
def test_what_carriers_have_against_our_number_marks_nobody(code: str) -> None:
    report = undelivered(code)
    assert report.unreachable is None
    assert report.sender_problem == report.problem
    assert report.sender_problem is not None
    assert "our" in report.sender_problem
    assert ":" in report.sender_problem, "it says what to do"


@pytest.mark.parametrize("code", ["30003", "30007", "30008", "30036", "31999", "", "-1", "٣"])
def test_what_may_be_better_next_time_marks_neither(code: str) -> None:
    report = undelivered(code)
    assert (report.unreachable, report.sender_problem) == (None, None)
    assert report.problem


def call(status: str) -> Report:
    report = read_call_report({"CallStatus": status})
    assert report is not None
    return report


def test_a_call_climbs_and_none_counts_as_heard() -> None:
    climbing = [call(each) for each in ("queued", "initiated", "ringing", "in-progress")]
    assert [report.rank for report in climbing] == [1, 2, 3, 4]
    assert {report.state for report in climbing} == {"accepted"}
    over = [call(each) for each in ("busy", "no-answer", "failed", "canceled", "completed")]
    assert {report.state for report in over} == {"undelivered"}
    assert min(report.rank for report in over) > call("in-progress").rank
    assert max(report.rank for report in over) < KEY_RANK, "a pressed key wins over all of them"
    assert call("busy").problem == "the line was busy"
    assert call("no-answer").problem == "the phone rang and nobody answered"
    assert call("completed").problem == "somebody or a machine answered, and no key was pressed"
    assert read_call_report({"CallStatus": "answered"}) is None
    assert read_call_report({}) is None


@pytest.mark.parametrize(
    ("answered_by", "problem"),
    [
        ("machine_start", "a voicemail answered"),
        ("machine_end_beep", "a voicemail answered"),
        ("machine_end_silence", "a voicemail answered"),
        ("machine_end_other", "a voicemail answered"),
        ("fax", "a fax machine answered"),
        ("human", None),
        ("unknown", None),
        ("", None),
        ("machine_<b>", None),
    ],
)
def test_a_machine_is_told_from_a_person_and_doubt_is_for_the_person(
    answered_by: str, problem: str | None
) -> None:
    report = read_machine({"AnsweredBy": answered_by})
    assert (report.problem if report else None) == problem
    assert report is None or report.state == "undelivered"


def test_that_a_voicemail_answered_stays_in_whatever_order_the_reports_come() -> None:
    machine = read_machine({"AnsweredBy": "machine_start"})
    assert machine is not None
    for order in permutations([call("in-progress"), call("completed"), machine]):
        last = order[0]
        for report in order[1:]:
            last = report if report.rank > last.rank else last
        assert last.problem == "a voicemail answered"


def said(twiml: str) -> list[str]:
    return ["".join(say.itertext()) for say in parse(twiml).iter("Say")]


def test_a_menu_says_it_twice_then_the_keys_and_hears_a_key_from_the_first_word_on() -> None:
    root = parse(twiml_menu(MESSAGE, ACTION))
    assert [element.tag for element in root] == ["Gather", "Gather", "Gather", "Hangup"]
    for gather in root.iter("Gather"):
        assert gather.attrib == {
            "action": ACTION,
            "input": "dtmf",
            "method": "POST",
            "numDigits": "1",
            "timeout": "5",
        }
        assert [element.tag for element in gather][::2] == ["Pause"] * (len(gather) // 2)
    spoken, keys = MESSAGE.spoken, MESSAGE.spoken_keys
    assert said(twiml_menu(MESSAGE, ACTION)) == [spoken, spoken, keys, spoken, keys, spoken, keys]
    assert all(rate.get("rate") == "85%" for rate in root.iter("prosody"))


def test_without_keys_it_says_how_to_answer_and_nothing_where_nobody_can() -> None:
    spoken, code = MESSAGE.spoken, MESSAGE.spoken_code
    assert said(twiml_announcement(MESSAGE)) == [spoken, spoken, code, code]
    bare = Message(notification_id=None, to=MESSAGE.to, text="", spoken=spoken)
    assert said(twiml_announcement(bare)) == [spoken, spoken]


@pytest.mark.parametrize(
    ("language", "voice"),
    [("en", ("Polly.Joanna-Neural", "en-US")), ("es", ("Polly.Lupe-Neural", "es-US"))],
)
def test_each_language_has_its_voice(language: Language, voice: tuple[str, str]) -> None:
    (say,) = parse(twiml_spoken("Dana", language)).iter("Say")
    assert (say.get("voice"), say.get("language")) == voice


def test_a_sentence_may_be_the_last_or_not() -> None:
    assert "<Hangup" in twiml_spoken("Dana has it.", "en")
    assert "<Hangup" not in twiml_spoken("Dana has it.", "en", hang_up=False)
    assert parse(twiml_spoken("", "en")).find("Say") is None


def test_an_answer_to_a_text_is_one_message_or_none() -> None:
    (message,) = parse(twiml_reply("You\nhave it & <that>")).iter("Message")
    assert message.text == "You have it & <that>"
    assert len(parse(twiml_reply(None))) == 0


@given(st.text(), st.text(), st.sampled_from(LANGUAGES))
def test_no_word_breaks_a_call(spoken: str, keys: str, language: Language) -> None:
    message = Message(
        notification_id=None,
        to="+15125550111",
        text="",
        spoken=spoken,
        spoken_keys=keys,
        spoken_code=keys,
        language=language,
    )
    for twiml in (
        twiml_menu(message, ACTION),
        twiml_announcement(message),
        twiml_spoken(spoken, language),
        twiml_reply(spoken),
    ):
        assert parse(twiml).tag == "Response"


@pytest.mark.parametrize("letter", ["a", "&", '"', "é", "\U0001f514"])
def test_a_menu_fits_into_a_call_however_long_its_words(letter: str) -> None:
    long = Message(
        notification_id=None,
        to="+15125550111",
        text="",
        spoken=letter * 5000,
        spoken_keys=letter * 5000,
        spoken_code=letter * 5000,
    )
    assert len(twiml_menu(long, ACTION)) <= TWIML_CHARS_MAX
    assert len(twiml_announcement(long)) <= TWIML_CHARS_MAX
    assert max(map(len, said(twiml_menu(long, ACTION)))) > KEYS_CHARS_MAX // 5
