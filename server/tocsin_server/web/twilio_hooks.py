"""What Twilio posts: replies, delivery reports, calls, and the keys pressed in them.

Promise: nothing is done for anybody but Twilio, and nothing twice: every request is signed by one
of our tokens, a reply and a key that was pressed are dealt with once by their ids, and reports only
ever move forward. What is refused is counted, here where it is answered as Twilio expects, and
else by `middleware.count_refused`.
"""

from http import HTTPStatus
from urllib.parse import parse_qsl
from uuid import UUID

import structlog
from aiohttp import web

from tocsin_server import metrics
from tocsin_server.channels.channel import Report, SendFailed
from tocsin_server.channels.twilio_reports import (
    START_WORDS,
    STOP_WORDS,
    read_call_report,
    read_machine,
    read_report,
)
from tocsin_server.channels.twiml import twiml_menu, twiml_reply, twiml_spoken
from tocsin_server.errors import NotFound, because
from tocsin_server.people import contacts
from tocsin_server.storage.database import DATABASE_ERRORS
from tocsin_server.web.api import ApiError, read_bytes
from tocsin_server.web.services import SERVICES, Services

FORM_FIELDS_MAX = 100
TAKE, PASS_ON = "1", "2"

log = structlog.get_logger()
routes = web.RouteTableDef()


@routes.post("/api/v1/twilio/inbound")
async def inbound(request: web.Request) -> web.Response:
    """Take a text from Twilio and answer it, once."""
    form = await _genuine_form(request)
    text = await take_text(
        request.app[SERVICES],
        phone=form.get("From", ""),
        body=form.get("Body", ""),
        message_id=form.get("MessageSid", ""),
        opt_out_type=form.get("OptOutType", ""),
    )
    if text is None:
        metrics.WEBHOOKS_REFUSED.labels("replayed").inc()
    return _xml(twiml_reply(text))


async def take_text(
    services: Services, *, phone: str, body: str, message_id: str, opt_out_type: str = ""
) -> str | None:
    """Deal with a text, and give the answer; None: it was dealt with before."""
    message_id = message_id[:64]
    try:
        if message_id and not await services.acknowledge.claim_text(message_id):
            log.warning("a text that was answered before", message_id=message_id)
            return None
    except DATABASE_ERRORS as error:
        log.error("a text can't be dealt with", because=because(error))
        return _AWAY
    try:
        answer = await _answer(services, phone[:20], body[:1600], opt_out_type)
        await services.acknowledge.finish_text(message_id)
    except DATABASE_ERRORS as error:
        log.error("a text can't be dealt with", because=because(error))
        await services.acknowledge.release_text(message_id)
        return _AWAY
    return answer


_AWAY = (
    "Tocsin can't reach its database: this may not have been taken. Text it again in a"
    " minute; if somebody may be in danger, call the site."
)


async def _answer(services: Services, phone: str, body: str, opt_out_type: str) -> str:
    word, pool = body.strip().lower(), services.database.pool
    if word in STOP_WORDS or opt_out_type == "STOP":
        await contacts.queries.opt_out(pool, address=phone, why=contacts.OPTED_OUT)
        return (
            "This number gets no more alerts. Nothing was taken: alerts stay open."
            " Reply START to be told again."
        )
    if word in START_WORDS or opt_out_type == "START":
        await contacts.queries.opt_in(pool, address=phone)
        return "This number gets alerts again."
    return await services.acknowledge.by_text(phone, body)


@routes.post("/api/v1/twilio/status/{notification_id}")
async def status(request: web.Request) -> web.Response:
    """Take a delivery report of a text."""
    form = await _genuine_form(request)
    report = read_report(form)
    twilio = request.app[SERVICES].twilio
    if report is not None and twilio is not None:
        twilio.learn(form, report)
    return await _record(request, report)


@routes.post("/api/v1/twilio/call/{notification_id}")
async def call(request: web.Request) -> web.Response:
    """Take a report of how far a call is."""
    return await _record(request, read_call_report(await _genuine_form(request)))


@routes.post("/api/v1/twilio/machine/{notification_id}")
async def machine(request: web.Request) -> web.Response:
    """Take word that a machine has answered: the call ends, and the next method starts."""
    form = await _genuine_form(request)
    report = read_machine(form)
    if report is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)  # it may be a person
    answer = await _record(request, report)
    voice = request.app[SERVICES].voice
    if voice is not None:
        try:
            await voice.hang_up(form.get("CallSid", "")[:64])
        except SendFailed as error:
            log.warning("a voicemail goes on recording", because=because(error))
    return answer


@routes.post("/api/v1/twilio/voice/{notification_id}")
async def voice(request: web.Request) -> web.Response:
    """Take the key that somebody pressed in a call, and say what came of it."""
    form = await _genuine_form(request)
    services = request.app[SERVICES]
    notification_id, key = _notification_id(request), form.get("Digits", "").strip()
    message = await services.notify.message_of(notification_id) if notification_id else None
    if notification_id is None or message is None or services.voice is None:
        return _no_call()
    if key not in {TAKE, PASS_ON}:
        again = services.voice.action_url(notification_id)
        return _xml(twiml_menu(message, again or ""))
    pressed = f"{notification_id} {form.get('CallSid', '')[:40]} {key}"
    if not await services.acknowledge.claim_text(pressed):
        log.warning("a key that was dealt with before", notification_id=str(notification_id))
        metrics.WEBHOOKS_REFUSED.labels("replayed").inc()
        return _xml(twiml_reply(None))
    try:
        if key == TAKE:
            said = (await services.acknowledge.by_call(notification_id)).text
        else:
            said = await services.notify.pass_on(notification_id=notification_id)
    except NotFound:
        return _no_call()
    except DATABASE_ERRORS:
        await services.acknowledge.release_text(pressed)
        raise
    await services.acknowledge.finish_text(pressed)
    return _xml(twiml_spoken(said, message.language))


def _no_call() -> web.Response:
    metrics.WEBHOOKS_REFUSED.labels("unknown").inc()
    return _xml(twiml_spoken("This call is not known any more. Goodbye.", "en"))


async def record_report(services: Services, notification_id: UUID, report: Report) -> bool:
    """Put on record what became of a message; False where it is none of ours."""
    return await services.notify.outcomes.reported(notification_id, report)


async def _record(request: web.Request, report: Report | None) -> web.Response:
    notification_id = _notification_id(request)
    if report is None or notification_id is None:
        log.warning("a report that is none", path=request.path)
        metrics.WEBHOOKS_REFUSED.labels("unreadable").inc()
    elif not await record_report(request.app[SERVICES], notification_id, report):
        log.warning("a report of no message of ours", notification_id=str(notification_id))
        metrics.WEBHOOKS_REFUSED.labels("unknown").inc()
    return web.Response(status=HTTPStatus.NO_CONTENT)


async def _genuine_form(request: web.Request) -> dict[str, str]:
    """Read a webhook's form, if Twilio signed it. Raises ApiError (400, 403, 404)."""
    services = request.app[SERVICES]
    if services.twilio is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "no_provider", "No Twilio account is configured.")
    form = await _form(request)
    signature = request.headers.get("X-Twilio-Signature", "")
    if not services.twilio.is_genuine(request.path_qs, form, signature):
        log.warning("a webhook with a signature that is not Twilio's", path=request.path)
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "bad_signature",
            "The signature is not Twilio's: check public_url and the auth token. Nothing was done.",
        )
    # PostgreSQL keeps every character but NUL, and what somebody texted must not depend on one.
    return {name: value.replace("\0", "\N{REPLACEMENT CHARACTER}") for name, value in form.items()}


async def _form(request: web.Request) -> dict[str, str]:
    """Read a form as Twilio writes it: URL-encoded UTF-8 and nothing else. Raises ApiError (400).

    A reader of everything that may be called a form has too many ways to fail, and this is read
    before anybody knows who sent it.
    """
    try:
        text = (await read_bytes(request)).decode()
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX))
    except ValueError:
        raise ApiError(
            HTTPStatus.BAD_REQUEST, "bad_form", "That is no form of Twilio's. Nothing was done."
        ) from None


def _notification_id(request: web.Request) -> UUID | None:
    try:
        return UUID(request.match_info["notification_id"])
    except ValueError:
        return None


def _xml(twiml: str) -> web.Response:
    return web.Response(text=twiml, content_type="text/xml")
