"""A text message on its way, and what carriers make of its words.

Sources: GSM 03.38; Twilio's support article on opt-out keywords.
"""

from datetime import datetime

import msgspec

BODY_CHARS_MAX = 1600  # Twilio's own limit, error 21617

STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
HELP_WORDS = frozenset({"HELP", "INFO"})
STOPPED = (
    "You have successfully been unsubscribed. You will not receive any more messages from this "
    "number. Reply START to resubscribe."
)
STARTED = (
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
HELPED = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."

# GSM 03.38: a text made of these alone goes out at 7 bits a character.
_GSM_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = "^{}\\[~]|€"


class Sms(msgspec.Struct, frozen=True, kw_only=True):
    """One text message. `incoming` is the phone's view; `status` is Twilio's word.

    `arrived`: the phone shows it, whatever the carrier reports. `direction` is Twilio's: inbound,
    outbound-api or outbound-reply.
    """

    sid: str
    number: str
    system_number: str
    body: str
    at: datetime
    incoming: bool
    direction: str
    status: str
    arrived: bool = False
    sent_at: datetime | None = None
    changed_at: datetime | None = None
    error_code: int | None = None
    note: str | None = None
    callback: str | None = None  # where its reports go


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the webhook said to a reply. `status` is None where there was no answer at all."""

    status: int | None
    texts: tuple[str, ...] = ()


def segments(body: str) -> int:
    """How many SMS a text takes on the air (GSM 03.38, else UCS-2)."""
    if all(character in _GSM_BASIC or character in _GSM_EXTENDED for character in body):
        length = len(body) + sum(character in _GSM_EXTENDED for character in body)
        single, part = 160, 153
    else:
        length = len(body.encode("utf-16-be")) // 2
        single, part = 70, 67
    return 1 if length <= single else -(-length // part)
