"""The provider's door: Twilio's REST API for one or several accounts.

Promise: these requests are answered as Twilio answers them, in JSON, with its error codes:
Account (fetch), Messages (create, fetch, list), Calls (create, fetch, list, cancel, end,
redirect), Balance, IncomingPhoneNumbers (list), and Lookup v2's line type. An account or a phone
that is told to fail fails here, before anything is accepted.

Source: Twilio's API reference (2010-04-01; Lookup v2), its error dictionary.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from tocsin_server.demo import resources
from tocsin_server.demo.account import Account, AccountCondition
from tocsin_server.demo.call import Call, CallOrder, CallStatus
from tocsin_server.demo.handset import Condition, Phone
from tocsin_server.demo.sms import BODY_CHARS_MAX, Sms
from tocsin_server.demo.voice import Document

if TYPE_CHECKING:
    from tocsin_server.demo.phone import PhoneNetwork

NUMBER_CHARS_MAX = 16  # E.164: "+" and 15 digits
TWIML_CHARS_MAX = 4000  # of the parameter; what a URL gives may be longer
RING_S = 60  # Twilio's default of Timeout
RING_S_MAX = 600
CALL_S_MAX = 14_400  # Twilio's default of TimeLimit: four hours
VALIDITY_S_MAX = 36_000
SLOW_S = 30.0  # longer than any client waits
CALL_EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})

Form = Mapping[str, Sequence[str]]
Handler = Callable[[Account, web.Request], Awaitable[web.Response]]


class Refused(Exception):
    """A request that gets this answer and changes nothing."""

    def __init__(self, response: web.Response) -> None:
        super().__init__(response.text)
        self.response = response


class Provider:
    """The handlers of one phone network."""

    def __init__(self, network: "PhoneNetwork") -> None:
        self._network = network

    def routes(self) -> list[web.RouteDef]:
        root = "/2010-04-01/Accounts/{account}"
        return [
            web.get(f"{root}.json", self._door(self._account)),
            web.post(f"{root}/Messages.json", self._door(self._send)),
            web.get(f"{root}/Messages.json", self._door(self._messages)),
            web.get(f"{root}/Messages/{{sid}}.json", self._door(self._message)),
            web.post(f"{root}/Calls.json", self._door(self._call)),
            web.get(f"{root}/Calls.json", self._door(self._calls)),
            web.get(f"{root}/Calls/{{sid}}.json", self._door(self._one_call)),
            web.post(f"{root}/Calls/{{sid}}.json", self._door(self._change_call)),
            web.get(f"{root}/Balance.json", self._door(self._balance)),
            web.get(f"{root}/IncomingPhoneNumbers.json", self._door(self._numbers)),
            web.get("/v2/PhoneNumbers/{number}", self._door(self._lookup)),
        ]

    def _door(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Let in whom the account lets in, and fail where it is told to."""

        async def enter(request: web.Request) -> web.Response:
            try:
                account = self._whose(request)
                await self._fail(account)
                return await handler(account, request)
            except Refused as refused:
                return refused.response
            except resources.BadFilter as bad:
                return _refusal(400, 20001, str(bad)).response

        return enter

    def _whose(self, request: web.Request) -> Account:
        authorization = request.headers.get("Authorization")
        account = next(
            (each for each in self._network.accounts if each.lets_in(authorization)), None
        )
        if account is None:
            raise _refusal(401, 20003, "Authenticate")
        if request.match_info.get("account", account.sid) != account.sid:
            raise _not_found()
        account.requests += 1
        self._network.touch()
        return account

    async def _fail(self, account: Account) -> None:
        match account.condition:
            case AccountCondition.WELL:
                return
            case AccountCondition.LOCKED_OUT:
                raise _refusal(401, 20003, "Authenticate")
            case AccountCondition.BROKEN:
                raise _refusal(500, 20500, "An internal server error has occurred")
            case AccountCondition.TOO_MANY:
                raise _refusal(429, 20429, "Too Many Requests")
            case AccountCondition.GARBAGE:
                raise _garbage()
            case AccountCondition.HANGING:
                await self._while(lambda: account.condition is AccountCondition.HANGING)
                raise _refusal(503, 20503, "Service Unavailable")

    async def _send(self, account: Account, request: web.Request) -> web.Response:
        """POST Messages.json: refuse as Twilio would, or accept and carry it."""
        form = await _form(request)
        number, body = _field(form, "To"), _field(form, "Body")
        self._check_numbers(account, form, from_code=21606)
        if not body:
            raise _refusal(400, 21602, "Message body is required")
        if len(body) > BODY_CHARS_MAX:
            raise _refusal(400, 21617, "The concatenated message body exceeds 1600 characters")
        if not 1 <= _seconds(form, "ValidityPeriod", VALIDITY_S_MAX) <= VALIDITY_S_MAX:
            raise _refusal(400, 21624, f"ValidityPeriod lies between 1 and {VALIDITY_S_MAX} s")
        phone = self._network.phone(number)
        phone.requests += 1
        self._network.touch()
        await self._refuse(phone)
        if phone.opted_out:
            raise _refusal(400, 21610, "Attempt to send to unsubscribed recipient")
        callback = _field(form, "StatusCallback") or None
        sms = self._network.text(account, phone, body, callback)
        return web.json_response(resources.message(account, sms), status=201)

    async def _messages(self, account: Account, request: web.Request) -> web.Response:
        query = request.query
        sent = resources.within(query, "DateSent")

        def fits(sms: Sms) -> bool:
            inbound = sms.direction == "inbound"
            to = sms.system_number if inbound else sms.number
            sender = sms.number if inbound else sms.system_number
            return (
                query.get("To", to) == to
                and query.get("From", sender) == sender
                and sent(sms.sent_at)
            )

        found = (sms for sms in reversed(account.messages.values()) if fits(sms))
        page = resources.page(account, "Messages", found, query, resources.message)
        return web.json_response(page)

    async def _message(self, account: Account, request: web.Request) -> web.Response:
        if (sms := account.messages.get(request.match_info["sid"])) is None:
            raise _not_found()
        return web.json_response(resources.message(account, sms))

    async def _call(self, account: Account, request: web.Request) -> web.Response:
        """POST Calls.json."""
        form = await _form(request)
        self._check_numbers(account, form, from_code=21210)
        order = _order(form)
        phone = self._network.phone(_field(form, "To"))
        await self._refuse(phone)
        made = self._network.call(account, phone, order)
        return web.json_response(resources.call(account, made), status=201)

    async def _calls(self, account: Account, request: web.Request) -> web.Response:
        query = request.query
        started = resources.within(query, "StartTime")
        ended = resources.within(query, "EndTime")

        def fits(call: Call) -> bool:
            return (
                query.get("To", call.number) == call.number
                and query.get("From", account.from_number) == account.from_number
                and query.get("Status", call.status) == call.status
                and started(call.started_at or call.created_at)
                and ended(call.ended_at)
            )

        found = (call for call in reversed(account.calls.values()) if fits(call))
        page = resources.page(account, "Calls", found, query, resources.call)
        return web.json_response(page)

    async def _one_call(self, account: Account, request: web.Request) -> web.Response:
        return web.json_response(resources.call(account, _made(account, request)))

    async def _change_call(self, account: Account, request: web.Request) -> web.Response:
        """POST Calls/{sid}.json: cancel it, end it, or give it other words."""
        call = _made(account, request)
        form = await _form(request)
        status = _field(form, "Status")
        if status not in {"", "canceled", "completed"}:
            raise _refusal(400, 20001, f"Status is canceled or completed, not {status[:40]}")
        await self._refuse(self._network.phone(call.number))
        if call.is_over:
            raise _refusal(400, 21220, "Call is not in-progress. Cannot redirect.")
        if status == "completed":
            call.complete()
        elif status == "canceled":
            call.cancel()
        else:
            document = _document(form)
            if call.status is not CallStatus.IN_PROGRESS:
                raise _refusal(400, 21220, "Call is not in-progress. Cannot redirect.")
            call.redirect(document)
        return web.json_response(resources.call(account, call))

    async def _account(self, account: Account, _request: web.Request) -> web.Response:
        return web.json_response(resources.account(account))

    async def _balance(self, account: Account, _request: web.Request) -> web.Response:
        return web.json_response(resources.balance(account))

    async def _numbers(self, account: Account, request: web.Request) -> web.Response:
        wanted = request.query.get("PhoneNumber", account.from_number)
        numbers = [account] if wanted == account.from_number else []
        page = resources.page(
            account,
            "IncomingPhoneNumbers",
            numbers,
            request.query,
            lambda _, each: resources.number(each),
        )
        return web.json_response(page)

    async def _lookup(self, _account: Account, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        if not self._is_number(number):
            raise _not_found()
        fields = request.query.get("Fields", "").split(",")
        phone = self._network.phone(number)
        return web.json_response(
            resources.lookup(phone, line_type="line_type_intelligence" in fields)
        )

    def _check_numbers(self, account: Account, form: Form, *, from_code: int) -> None:
        number = _field(form, "To")
        if not self._is_number(number):
            raise _refusal(400, 21211, f"Invalid 'To' Phone Number: {number[:32]}")
        service = account.messaging_service_sid
        if service is not None and _field(form, "MessagingServiceSid") == service:
            return  # it has this account's only number
        if _field(form, "From") != account.from_number:
            raise _refusal(400, from_code, "The 'From' phone number isn't one of this account's")

    def _is_number(self, number: str) -> bool:
        digits = number.removeprefix("+")
        return (
            number.startswith("+")
            and digits.isascii()
            and digits.isdigit()
            and 8 <= len(number) <= NUMBER_CHARS_MAX
            and self._network.has_room_for(number)
        )

    async def _refuse(self, phone: Phone) -> None:
        """What the provider says while it is in trouble with this one phone."""
        if phone.condition is Condition.SLOW:  # accepted all the same, after the client gave up
            await self._while(lambda: phone.condition is Condition.SLOW)
        match phone.condition:
            case Condition.TOO_MANY:
                raise _refusal(429, 20429, "Too Many Requests")
            case Condition.BROKEN:
                raise _refusal(500, 20500, "An internal server error has occurred")
            case Condition.GARBAGE:
                raise _garbage()
        if self._network.is_full:
            raise _refusal(429, 30001, "Queue overflow")

    async def _while(self, is_so: Callable[[], bool]) -> None:
        try:
            await self._network.until(lambda: None if is_so() else True, timeout_s=SLOW_S)
        except TimeoutError:
            return


def _order(form: Form) -> CallOrder:
    detection = _field(form, "MachineDetection")
    if detection not in {"", "Enable", "DetectMessageEnd"}:
        raise _refusal(400, 20001, f"MachineDetection isn't {detection[:40]}")
    events = frozenset(form.get("StatusCallbackEvent", ()))
    if not events <= CALL_EVENTS:
        raise _refusal(400, 21626, f"StatusCallbackEvent is one of {sorted(CALL_EVENTS)}")
    is_async = _field(form, "AsyncAmd") == "true"
    return CallOrder(
        document=_document(form),
        ring_s=min(_seconds(form, "Timeout", RING_S), RING_S_MAX),
        time_limit_s=min(_seconds(form, "TimeLimit", CALL_S_MAX), CALL_S_MAX),
        status_callback=_field(form, "StatusCallback") or None,
        events=events or frozenset({"completed"}),
        detects_machine=bool(detection),
        machine_callback=_field(form, "AsyncAmdStatusCallback") or None if is_async else None,
    )


def _document(form: Form) -> Document:
    """As Twilio: where both are given, Url wins."""
    if url := _field(form, "Url"):
        if not url.startswith(("http://", "https://")):
            raise _refusal(400, 21205, f"Url is not a valid URL: {url[:80]}")
        return Document(None, url)
    if not (text := _field(form, "Twiml")):
        raise _refusal(400, 21205, "Url or Twiml is required")
    if len(text) > TWIML_CHARS_MAX:
        raise _refusal(400, 20001, f"Twiml of more than {TWIML_CHARS_MAX} characters")
    return Document(text)


async def _form(request: web.Request) -> Form:
    fields: dict[str, list[str]] = {}
    for name, value in (await request.post()).items():
        fields.setdefault(name, []).append(str(value))
    return fields


def _field(form: Form, name: str) -> str:
    return form.get(name, ("",))[0]


def _seconds(form: Form, name: str, otherwise: int) -> int:
    text = _field(form, name)
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise _refusal(400, 20001, f"{name} is a number of seconds, not {text[:40]}")
    return int(text)


def _made(account: Account, request: web.Request) -> Call:
    if (call := account.calls.get(request.match_info["sid"])) is None:
        raise _not_found()
    return call


def _refusal(status: int, code: int, message: str) -> Refused:
    said = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return Refused(web.json_response(said, status=status))


def _not_found() -> Refused:
    return _refusal(404, 20404, "The requested resource was not found")


def _garbage() -> Refused:
    return Refused(web.Response(text="<html><body>It works!</body></html>", status=200))
