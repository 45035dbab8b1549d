"""One account with the provider: who may send, from which number, and how it fares.

Promise: whoever knows one of its tokens gets in, and its webhooks are signed with the first of
them, as Twilio's are; an account that fails says so in Twilio's words until it is repaired.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from twilio.request_validator import RequestValidator

from tocsin_server.demo.sms import Sms

if TYPE_CHECKING:
    from tocsin_server.demo.call import Call

MESSAGES_PER_ACCOUNT_MAX = 20_000  # the newest can be fetched; a storm test sends thousands
CALLS_PER_ACCOUNT_MAX = 5000


class AccountCondition(StrEnum):
    """What the provider says to every request of an account."""

    WELL = "well"
    LOCKED_OUT = "locked_out"
    BROKEN = "broken"
    TOO_MANY = "too_many"
    GARBAGE = "garbage"
    HANGING = "hanging"


class Account:
    """An account with one number. `inbound_url` is where replies to that number go.

    `unregistered` is the error code with which carriers end its messages (30034: no A2P campaign,
    30032: a toll-free number that isn't verified); None where the sender is registered.
    """

    def __init__(
        self,
        *,
        sid: str,
        auth_token: str,
        from_number: str,
        inbound_url: str | None,
        touch: Callable[[], None],
    ) -> None:
        self.sid = sid
        self.auth_tokens = [auth_token]  # more than one while they are rotated
        self.from_number = from_number
        self.inbound_url = inbound_url
        self.status = "active"
        self.messaging_service_sid: str | None = None
        self.balance = "100.00"
        self.unregistered: int | None = None
        self.created_at = datetime.now(UTC)
        self.requests = 0  # how often somebody came with one of its tokens
        self.messages: dict[str, Sms] = {}
        self.calls: dict[str, Call] = {}
        self._condition = AccountCondition.WELL
        self._touch = touch

    @property
    def condition(self) -> AccountCondition:
        return self._condition

    @condition.setter
    def condition(self, condition: AccountCondition) -> None:
        self._condition = condition
        self._touch()

    def lets_in(self, authorization: str | None) -> bool:
        """Say whether a request with this header is one of the account's own."""
        return any(
            authorization == f"Basic {b64encode(f'{self.sid}:{token}'.encode()).decode()}"
            for token in self.auth_tokens
        )

    def signature(self, url: str, form: Mapping[str, str]) -> str:
        """X-Twilio-Signature for a form posted to `url`."""
        validator = RequestValidator(self.auth_tokens[0])
        return str(validator.compute_signature(url, dict(form)))

    def keep(self, sms: Sms) -> None:
        """Let it be fetched; the oldest go."""
        self.messages[sms.sid] = sms
        if len(self.messages) > MESSAGES_PER_ACCOUNT_MAX:
            del self.messages[next(iter(self.messages))]

    def keep_call(self, call: "Call") -> None:
        """Let it be fetched and changed; the oldest go."""
        self.calls[call.sid] = call
        if len(self.calls) > CALLS_PER_ACCOUNT_MAX:
            del self.calls[next(iter(self.calls))]
