"""One phone: what it shows, what it does by itself, and what a person does with it."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from tocsin_server.demo.call import Call, CallStatus, Pickup
from tocsin_server.demo.sms import Answer, Sms
from tocsin_server.demo.webhooks import Manner, Reports

if TYPE_CHECKING:
    from tocsin_server.demo.phone import PhoneNetwork

Seen = TypeVar("Seen")

MESSAGES_PER_PHONE_MAX = 500  # a phone shows its newest; nobody scrolls further
CALLS_PER_PHONE_MAX = 100


class Condition(StrEnum):
    """What happens to a message and to a call for one phone."""

    ON = "on"
    OFF = "off"
    LANDLINE = "landline"
    VOIP = "voip"
    VOICEMAIL = "voicemail"
    BUSY = "busy"
    FILTERED = "filtered"
    FAILED = "failed"
    UNDELIVERED = "undelivered"
    NO_REPORT = "no_report"
    TOO_MANY = "too_many"
    BROKEN = "broken"
    GARBAGE = "garbage"
    SLOW = "slow"


# What a text comes to, and Twilio's error code.
_FATES: dict[Condition, tuple[str, int | None]] = {
    Condition.OFF: ("undelivered", 30003),
    Condition.LANDLINE: ("undelivered", 30006),
    Condition.FILTERED: ("undelivered", 30007),
    Condition.FAILED: ("failed", 30008),
    Condition.NO_REPORT: ("sent", None),  # it arrives, and the carrier never says so
}

# What a call comes to without anybody's doing. It rings where nothing is said here.
_PICKUPS: dict[Condition, Pickup] = {
    Condition.VOICEMAIL: Pickup.MACHINE,
    Condition.BUSY: Pickup.BUSY,
    Condition.FAILED: Pickup.FAILED,
}

_LINE_TYPES = {Condition.LANDLINE: "landline", Condition.VOIP: "nonFixedVoip"}


class Phone:
    """One phone by its number. Its thread holds the newest messages, oldest first."""

    def __init__(self, number: str, network: "PhoneNetwork") -> None:
        self.number = number
        self.opted_out = False
        self.has_voicemail = True  # which answers at once while the phone is off
        self.requests = 0  # how often the provider was asked to text here, whatever came of it
        self.manner = Manner()
        self._condition = Condition.ON
        self._error_code = 30005
        self._network = network
        self._thread: dict[str, Sms] = {}
        self._calls: dict[str, Call] = {}

    @property
    def condition(self) -> Condition:
        return self._condition

    @condition.setter
    def condition(self, condition: Condition) -> None:
        self._condition = condition
        self.touch()

    def undeliver(self, error_code: int) -> None:
        """From now on no text arrives, and this is Twilio's reason."""
        self._error_code = error_code
        self.condition = Condition.UNDELIVERED

    @property
    def fate(self) -> tuple[str, int | None]:
        """The final state of a text to this phone, and the error code."""
        if self.condition is Condition.UNDELIVERED:
            return "undelivered", self._error_code
        return _FATES.get(self.condition, ("delivered", None))

    @property
    def pickup(self) -> Pickup | None:
        """What becomes of a call by itself; None: it rings until somebody does something."""
        if self.condition is Condition.OFF:
            return Pickup.MACHINE if self.has_voicemail else Pickup.NOBODY
        return _PICKUPS.get(self.condition)

    @property
    def line_type(self) -> str:
        """What a look-up says of the number."""
        return _LINE_TYPES.get(self.condition, "mobile")

    @property
    def reports(self) -> Reports:
        """How the status callbacks of what is sent here come."""
        return self.manner.reports

    @reports.setter
    def reports(self, reports: Reports) -> None:
        self.manner.reports = reports

    async def let_reports_go(self) -> None:
        """Post those that were held back, late; later ones come in order."""
        self.manner.reports = Reports.IN_ORDER
        while self.manner.held:
            await self._network.webhooks.report(self.manner.held.popleft())

    @property
    def thread(self) -> list[Sms]:
        """Both directions, and what never reached it."""
        return list(self._thread.values())

    @property
    def received(self) -> list[Sms]:
        """What a person holding this phone has seen arrive."""
        return [sms for sms in self.thread if sms.arrived]

    @property
    def calls(self) -> list[Call]:
        """The newest calls, oldest first."""
        return list(self._calls.values())

    def find_call(self, sid: str) -> Call | None:
        return self._calls.get(sid)

    async def until_received(
        self, text: str = "", *, count: int = 1, timeout_s: float = 20.0
    ) -> Sms:
        """The `count`-th message here that contains `text`, as soon as there is one."""

        def found() -> Sms | None:
            matching = [sms for sms in self.received if text in sms.body]
            return matching[count - 1] if len(matching) >= count else None

        return await self.until(found, timeout_s=timeout_s)

    async def until_ringing(self, *, timeout_s: float = 20.0) -> Call:
        """The call that rings here, as soon as there is one."""

        def found() -> Call | None:
            ringing = (call for call in self.calls if call.status is CallStatus.RINGING)
            return next(ringing, None)

        return await self.until(found, timeout_s=timeout_s)

    async def until_called(self, count: int = 1, *, timeout_s: float = 20.0) -> Call:
        """The `count`-th call here, in whatever state it is."""
        return await self.until(
            lambda: self.calls[count - 1] if len(self.calls) >= count else None, timeout_s=timeout_s
        )

    async def until_asked(self, count: int, *, timeout_s: float = 20.0) -> None:
        """Return once the provider was asked `count` times to text here."""
        await self.until(lambda: True if self.requests >= count else None, timeout_s=timeout_s)

    async def until(self, look: Callable[[], Seen | None], *, timeout_s: float) -> Seen:
        """Look at every change until there is something to see; TimeoutError where there isn't."""
        return await self._network.until(look, timeout_s=timeout_s)

    async def reply(self, body: str) -> Answer:
        return await self._network.reply(self.number, body)

    def put(self, sms: Sms) -> None:
        """Show it, or show what became of it."""
        self._thread[sms.sid] = sms
        if len(self._thread) > MESSAGES_PER_PHONE_MAX:
            del self._thread[next(iter(self._thread))]
        self.touch()

    def put_call(self, call: Call) -> None:
        """Show it; what becomes of it shows by itself."""
        self._calls[call.sid] = call
        if len(self._calls) > CALLS_PER_PHONE_MAX:
            del self._calls[next(iter(self._calls))]
        self.touch()

    def touch(self) -> None:
        """Something changed here."""
        self._network.touch()
