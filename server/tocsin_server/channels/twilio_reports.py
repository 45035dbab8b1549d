"""What Twilio's codes and reports mean: for the message, for the person, or for us who send.

Promise: every final error is a sentence that a dispatcher understands, and it is said whose trouble
it is. That of a person (`unreachable`) stays until somebody gives another number. That of the
sender (`sender_problem`) is ours: nobody is marked for it, because with an unregistered number
*every* contact would be called unreachable, and would stay so once the number is registered;
instead the sender is set aside, and the auditor says what to do.

Sources: Twilio's error dictionary (https://www.twilio.com/docs/api/errors), its pages on the status
of messages, on call progress events, and on answering machine detection.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tocsin_server.channels.channel import Report

STOP_WORDS = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"}
)
START_WORDS = frozenset({"start", "unstop"})

KEY_RANK = 9  # of a key that was pressed, as the core records it: the last word on a call


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error code says of a message, of the person, or of our number or account."""

    words: str
    of_person: bool = False
    of_sender: bool = False


_LANDLINE = Meaning("a landline, or a line that takes no texts", of_person=True)
_NO_SUCH_NUMBER = Meaning("there is no such number", of_person=True)
_NOT_OURS = Meaning(
    "our number can't send this: at Twilio, check that the account owns it and that it may send"
    " texts and place calls",
    of_sender=True,
)
_UNREGISTERED = Meaning(
    "US carriers refuse our number, which is not registered: at Twilio, register it for A2P 10DLC",
    of_sender=True,
)

_MEANINGS = {
    20003: Meaning("Twilio refuses our account id or token: check both", of_sender=True),
    20005: Meaning("our Twilio account is not active: ask Twilio why", of_sender=True),
    20429: Meaning("Twilio has too many requests of ours", of_sender=True),
    21210: _NOT_OURS,
    21211: _NO_SUCH_NUMBER,
    21212: _NOT_OURS,
    21214: Meaning("this number can't be reached", of_person=True),
    21215: Meaning("calls to that country are switched off at Twilio: see its geo permissions"),
    21217: _NO_SUCH_NUMBER,
    21219: Meaning("a trial account calls verified numbers only: upgrade it", of_sender=True),
    21408: Meaning("texts to that country are switched off at Twilio: see its geo permissions"),
    21606: _NOT_OURS,
    21608: Meaning("a trial account texts verified numbers only: upgrade it", of_sender=True),
    21610: Meaning("opted out: this number has texted STOP", of_person=True),
    21611: Meaning("too many texts wait for our number at Twilio", of_sender=True),
    21612: Meaning("our number can't reach this one", of_sender=True),
    21614: _LANDLINE,
    21635: _LANDLINE,
    21659: _NOT_OURS,
    21660: _NOT_OURS,
    21661: _NOT_OURS,
    30001: Meaning("too many texts wait for our number at Twilio", of_sender=True),
    30002: Meaning("our Twilio account is suspended: see its e-mail, and its bill", of_sender=True),
    30003: Meaning("the phone is off, or out of reach"),
    30004: Meaning("the phone or its carrier blocks our number"),
    30005: Meaning("its carrier knows no such phone", of_person=True),
    30006: _LANDLINE,
    30007: Meaning("the carrier took it for spam"),
    30008: Meaning("the carrier gave no reason"),
    30022: Meaning("the carrier takes no more texts of ours this minute"),
    30023: Meaning("the carrier takes no more texts of ours today", of_sender=True),
    30032: Meaning(
        "US carriers refuse our toll-free number, which is not verified: have Twilio verify it",
        of_sender=True,
    ),
    30034: _UNREGISTERED,
    30035: _UNREGISTERED,
    30036: Meaning("it waited at Twilio until it was too old to be sent"),
    63038: Meaning("our Twilio account has sent all that it may send today", of_sender=True),
}

# Reports come out of order and doubled, so they are ranked; delivered is the last word.
_TEXTS = {
    "accepted": (1, "accepted"),
    "scheduled": (1, "accepted"),
    "queued": (2, "accepted"),
    "sending": (3, "accepted"),
    "sent": (4, "accepted"),
    "canceled": (5, "undelivered"),
    "failed": (5, "undelivered"),
    "undelivered": (5, "undelivered"),
    "delivered": (6, "delivered"),
    "read": (6, "delivered"),
}

_CALLS = {"queued": 1, "initiated": 2, "ringing": 3, "in-progress": 4}
_CALL_OVER_RANK = 5
_ENDED_CALLS = {
    "busy": "the line was busy",
    "no-answer": "the phone rang and nobody answered",
    "canceled": "the call was taken back before anybody answered",
    "completed": "somebody or a machine answered, and no key was pressed",
    "failed": "the call could not be put through",
}
# What a machine did is known before or after its call is over, and says more than that it is.
_MACHINE_RANK = 6
_MACHINES = re.compile(r"machine_[a-z_]{1,30}|fax")


def meaning_of(code: int | None) -> Meaning | None:
    """Say what an error code means; None for one that says nothing that we could add to."""
    return _MEANINGS.get(code or 0)


def read_report(form: Mapping[str, str]) -> Report | None:
    """Read a status callback of a text; None for a status that is none."""
    status = form.get("MessageStatus", "")[:40]
    if status not in _TEXTS:
        return None
    rank, state = _TEXTS[status]
    if state != "undelivered":
        return Report(status, rank, state, None)
    code = form.get("ErrorCode", "")[:20]
    meaning = meaning_of(int(code)) if code.isascii() and code.isdigit() else None
    if meaning is None:
        known = f"{status}, code {code}" if code else status
        return Report(status, rank, state, f"the carrier did not deliver it ({known})")
    return Report(
        status,
        rank,
        state,
        f"{meaning.words} ({code})",
        unreachable=meaning.words if meaning.of_person else None,
        sender_problem=f"{meaning.words} ({code})" if meaning.of_sender else None,
    )


def read_call_report(form: Mapping[str, str]) -> Report | None:
    """Read a status callback of a call; None for a status that is none.

    No call counts as delivered by itself: only a pressed key shows that a person heard it.
    """
    status = form.get("CallStatus", "")[:40]
    if status in _CALLS:
        return Report(status, _CALLS[status], "accepted", None)
    if status in _ENDED_CALLS:
        return Report(status, _CALL_OVER_RANK, "undelivered", _ENDED_CALLS[status])
    return None


def read_machine(form: Mapping[str, str]) -> Report | None:
    """Read who answered a call; None where it may be a person."""
    answered_by = form.get("AnsweredBy", "")[:40]
    if not _MACHINES.fullmatch(answered_by):
        return None
    who = "a fax machine" if answered_by == "fax" else "a voicemail"
    return Report(answered_by, _MACHINE_RANK, "undelivered", f"{who} answered")
