"""The application: one replica, put together from top to bottom and closed in reverse.

Read `build_app` for the whole walk: what a broker brings goes to ingest or supervise,
what is committed comes back through changes, and that wakes the loops and the screens.
"""

import asyncio
import functools
import gc
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from aiohttp import web

from tocsin_server import street_map
from tocsin_server.alert.acknowledge import Acknowledge
from tocsin_server.alert.changes import Changes
from tocsin_server.alert.doubt import DoubtfulLane
from tocsin_server.alert.escalate import Escalate
from tocsin_server.alert.ingest import Ingest
from tocsin_server.alert.notify import Notify
from tocsin_server.alert.press import Stored
from tocsin_server.alert.receipts import Receipts
from tocsin_server.auditor import Auditor, no_trouble
from tocsin_server.broker import Arrived, Broker
from tocsin_server.channels.apprise import Apprise
from tocsin_server.channels.channel import Channel, Method, Report
from tocsin_server.channels.email import open_email
from tocsin_server.channels.twilio import Twilio, TwilioSms
from tocsin_server.channels.twilio_call import TwilioVoice
from tocsin_server.channels.twilio_fetch import TwilioFetch
from tocsin_server.channels.twilio_watch import TwilioWatch
from tocsin_server.channels.webpush import WebPush, open_push
from tocsin_server.config import Config, ConfigError
from tocsin_server.dead_man import DeadMan
from tocsin_server.errors import because
from tocsin_server.faults import Notice
from tocsin_server.fleet import receipt_keys
from tocsin_server.fleet.answering import Vacancies
from tocsin_server.fleet.certificates import Authority, CertificateError
from tocsin_server.fleet.directory import Directory, Entries
from tocsin_server.fleet.drills import Drills
from tocsin_server.fleet.moved import Whereabouts
from tocsin_server.fleet.pulse import Pulses
from tocsin_server.fleet.receipt_keys import ReceiptKeys
from tocsin_server.fleet.reconfigurations import Reconfigurations
from tocsin_server.fleet.redeem import Guesses, Redemption
from tocsin_server.fleet.revocation import Revocations
from tocsin_server.fleet.supervise import Supervisor
from tocsin_server.fleet.updates import Updates
from tocsin_server.hooks import deliver as webhooks
from tocsin_server.hooks.deliver import Deliver
from tocsin_server.people.codes import Codes
from tocsin_server.people.kiosks import KIOSK, Kiosks
from tocsin_server.people.line_check import LineCheck
from tocsin_server.people.muting import Muting
from tocsin_server.people.passkeys import Passkeys
from tocsin_server.people.passwords import Passwords
from tocsin_server.people.sessions import Reader, Sessions
from tocsin_server.people.sight import may_see
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_server.storage.schema import check_schema
from tocsin_server.web import (
    answer,
    claims,
    frames,
    kiosks,
    officer,
    push,
    releases,
    revocations,
    sign_in,
    twilio_hooks,
    walk_tests,
)
from tocsin_server.web.api import BODY_BYTES_MAX, KIOSKS, SESSIONS, json_response, openapi
from tocsin_server.web.guard import guard
from tocsin_server.web.guesses import GUESSES
from tocsin_server.web.handlers import build_api
from tocsin_server.web.live import PULSE_S, Painted, Screens
from tocsin_server.web.looking import Looking
from tocsin_server.web.middleware import add_headers, answer_errors, count_refused
from tocsin_server.web.routes import routes
from tocsin_server.web.services import SERVICES, Services
from tocsin_server.web.site_frames import SiteFrames
from tocsin_wire.messages import timestamp
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

_WEB = Path(__file__).parent / "web"
DATABASE_WAIT_S = 1.0
SHUTDOWN_S = 3.0
CANCEL_AGAIN_S = 0.5
SIGN_OF_LIFE_S = 0.02  # any time after the frames have left
GARBAGE_MIN = 20_000  # new objects between two looks for garbage: some seconds of a storm

Loop = Callable[[], Coroutine[Any, Any, None]]
_WORK = web.AppKey("work", list[asyncio.Task[None]])

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Ground:
    """What every part stands on. The brokers are added last: nothing may arrive before."""

    config: Config
    key: SigningKey
    keys: ReceiptKeys
    database: Database
    directory: Directory
    screens: Screens
    brokers: list[Broker]
    whereabouts: Whereabouts
    looking: Looking


@dataclass(frozen=True, slots=True)
class _Phones:
    """Everything of Twilio's."""

    twilio: Twilio
    voice: TwilioVoice
    watch: TwilioWatch


@dataclass(frozen=True, slots=True)
class _Walk:
    """The steps of an alert."""

    ingest: Ingest
    doubt: DoubtfulLane
    changes: Changes
    receipts: Receipts
    escalate: Escalate
    notify: Notify
    channels: Mapping[Method, Channel]
    phones: _Phones | None
    push: WebPush | None
    deliver: Deliver
    wake: Callable[[], None]  # whoever is due is told


@dataclass(frozen=True, slots=True)
class _Fleet:
    """What watches the buttons, the drills, and this replica itself."""

    supervisor: Supervisor
    drills: Drills
    pulses: Pulses
    auditor: Auditor
    dead_man: DeadMan | None
    revocations: Revocations | None
    redemption: Redemption
    reconfigurations: Reconfigurations
    updates: Updates
    muting: Muting


async def build_app(config: Config) -> web.Application:
    """Put a replica together. Raises ConfigError, SchemaError, or one of DATABASE_ERRORS."""
    key = SigningKey.load(config.path(config.keys.receipt_key_file))
    keys = receipt_keys.read(config.path(config.keys.receipt_keys_file))
    database = Database(config.dsn(), replica_id=config.replica_id)
    await database.open()
    await check_schema(database.pool)
    directory = Directory(database)
    await directory.read()  # before anything arrives: to an empty one every button is a stranger

    screens, whereabouts = Screens(), Whereabouts(database)
    looking = Looking(database, screens, replica_id=config.replica_id)
    ground = _Ground(config, key, keys, database, directory, screens, [], whereabouts, looking)
    walk = _build_walk(ground)
    fleet = _build_fleet(ground, walk)
    hear = _ears(walk, fleet)
    ground.brokers.extend(Broker(config, broker, hear) for broker in config.brokers)

    app = web.Application(
        middlewares=[count_refused, answer_errors, guard], client_max_size=BODY_BYTES_MAX
    )
    app.on_response_prepare.append(add_headers)
    app[_WORK] = []
    rule = config.sign_in.second_factor
    app[SESSIONS] = Sessions(
        database, second_factor=rule, lock_after_s=config.sign_in.lock_after_s or None
    )
    app[sign_in.WAYS] = sign_in.Ways(
        passwords=Passwords(database, second_factor=rule),
        codes=Codes(database),
        passkeys=Passkeys(database, public_url=config.public_url),
    )
    app[KIOSKS] = _kiosks(database, ground.screens)
    _warn_of_map(config)
    app[SERVICES] = Services(
        config=config,
        database=database,
        directory=directory,
        brokers=ground.brokers,
        screens=ground.screens,
        looking=ground.looking,
        ingest=walk.ingest,
        doubt=walk.doubt,
        changes=walk.changes,
        escalate=walk.escalate,
        notify=walk.notify,
        acknowledge=Acknowledge(database, directory),
        supervisor=fleet.supervisor,
        drills=fleet.drills,
        muting=fleet.muting,
        auditor=fleet.auditor,
        revocations=fleet.revocations,
        redemption=fleet.redemption,
        twilio=walk.phones.twilio if walk.phones else None,
        voice=walk.phones.voice if walk.phones else None,
        push=walk.push,
        deliver=walk.deliver,
    )
    work = _work(ground, walk, fleet)
    if walk.phones is not None and config.twilio is not None:
        if not config.twilio.public:
            work.append(_fetching(app, walk, walk.phones))
        if config.twilio.look_up_numbers:
            work.append(LineCheck(database, walk.phones.watch.line_type).run)
    app.cleanup_ctx.append(_run(walk, work=work, upkeep=_upkeep(ground, walk, fleet)))
    app.on_shutdown.append(_hand_over)
    _add_routes(app)
    return app


def _build_walk(ground: _Ground) -> _Walk:
    config, database, directory = ground.config, ground.database, ground.directory
    screens = ground.screens
    show_emergency = functools.partial(screens.show_alert, drill=False)
    phones, push = _phones(config), open_push(config)
    receipts = Receipts(database, ground.key, lambda: ground.brokers)
    channels = _channels(config, directory, phones, push)
    notify = Notify(database, directory, channels, public_url=config.public_url)
    escalate = Escalate(database, directory)
    deliver = Deliver(database, config.hooks, tls=webhooks.trusted(config))

    def wake() -> None:
        escalate.wake()
        notify.wake()
        deliver.wake()

    changes = Changes(
        database, show=screens.show_alert, wake=wake, send_receipts=receipts.send_for_alerts
    )

    def painted(reader: Reader, message: Painted) -> None:
        # What a wall has painted, nobody may have seen.
        if may_see(reader.role, drill=False) and reader.role != KIOSK:
            changes.painted(message.alert_id, jurisdiction=reader.jurisdiction)

    screens.on_painted(painted)
    doubt = DoubtfulLane(
        database,
        directory,
        show=lambda jurisdiction, view: show_emergency(jurisdiction, frames.doubtful(view)),
        watching=screens.watching,
    )

    def after_frames(stored: list[Stored]) -> None:
        wake()
        for one in stored:
            receipts.send(
                one.jurisdiction, one.device_id, one.press_id, one.alert_id, one.state, one.drill
            )

    def on_stored(stored: list[Stored]) -> None:
        changes.stored(stored)
        # After the frames: signing takes a moment, and a dispatcher can act on it sooner.
        asyncio.get_running_loop().call_soon(after_frames, stored)

    ingest = Ingest(
        database,
        directory,
        doubt=doubt.add,
        on_stored=on_stored,
        on_held=lambda view, jurisdiction: show_emergency(jurisdiction, frames.held(view)),
        on_held_gone=lambda held: show_emergency(
            held.device.jurisdiction, frames.held_gone(*held.key)
        ),
        page_from_memory=notify.page_from_memory,
        place_doubtful=ground.whereabouts.is_doubtful,
    )
    return _Walk(
        *(ingest, doubt, changes, receipts, escalate, notify),
        channels=channels,
        phones=phones,
        push=push,
        deliver=deliver,
        wake=wake,
    )


def _build_fleet(ground: _Ground, walk: _Walk) -> _Fleet:
    config, database, directory = ground.config, ground.database, ground.directory
    show = ground.screens.show
    SiteFrames(directory, show=show)
    drills = Drills(database, directory, ground.key, lambda: ground.brokers, show=show)
    supervisor = Supervisor(
        database,
        directory,
        brokers=lambda: ground.brokers,
        show=show,
        answer_heartbeat=walk.receipts.answer_heartbeat,
        on_connected=drills.connected,
        whereabouts=ground.whereabouts,
    )
    pulses = Pulses(
        database,
        ground.key,
        lambda: ground.brokers,
        replica_id=config.replica_id,
        statements=ground.keys.statements,
    )
    vacancies = Vacancies(lambda: directory.entries, database.now)
    auditor = Auditor(
        database,
        directory,
        replica_id=config.replica_id,
        links=pulses.links,
        loops={
            "escalate": lambda: time.monotonic() - walk.escalate.turned_at,
            "notify": lambda: time.monotonic() - walk.notify.turned_at,
        },
        watching=ground.screens.watching,
        show=functools.partial(ground.screens.show_alert, drill=False),  # a fault names alerts
        send_directly=walk.notify.send_directly,
        trouble=walk.phones.watch.trouble if walk.phones else no_trouble,
        notices=lambda: _notices(vacancies, directory.entries, walk.phones),
        wake=walk.wake,
    )
    authority = _authority(config)
    revoked = Revocations(database, directory, authority) if authority is not None else None
    redemption = Redemption(database, config, authority)
    others = Reconfigurations(database, lambda: ground.brokers)
    updates = Updates(database, ground.key, lambda: ground.brokers, public_url=config.public_url)
    dead_man = _dead_man(config, database, auditor)
    return _Fleet(
        *(supervisor, drills, pulses, auditor, dead_man, revoked, redemption, others, updates),
        # Somebody is muted only while an alert calls.
        muting=Muting(database, show=functools.partial(ground.screens.show_alert, drill=False)),
    )


def _ears(walk: _Walk, fleet: _Fleet) -> Callable[[Broker, Arrived], None]:
    """Hand on what a broker brings. Only ingest decides itself when a message is accepted."""
    loop = asyncio.get_running_loop()

    def hear(broker: Broker, arrived: Arrived) -> None:
        leaf = arrived.topic.rpartition("/")[2]
        if leaf == Leaf.PRESS:
            walk.ingest.arrived(arrived)
            # That its button lives is news that can wait until the press is on its way.
            loop.call_later(SIGN_OF_LIFE_S, fleet.supervisor.heard, broker, arrived)
            return
        if leaf == "pulse":
            fleet.pulses.heard(broker, arrived)
        else:
            fleet.supervisor.heard(broker, arrived)
        arrived.accept()

    return hear


def _work(ground: _Ground, walk: _Walk, fleet: _Fleet) -> list[Loop]:
    """Name what begins something new: a replica that is ending leaves that to the others."""
    return [
        *[broker.run for broker in ground.brokers],
        walk.escalate.run,
        walk.notify.run,
        walk.deliver.run,
        walk.doubt.page_unseen,
        fleet.supervisor.run,
        fleet.drills.run,
        fleet.pulses.run,
        fleet.reconfigurations.run,
        fleet.updates.run,
        fleet.auditor.run,
        *(one.run for one in (fleet.dead_man, fleet.revocations) if one is not None),
    ]


def _upkeep(ground: _Ground, walk: _Walk, fleet: _Fleet) -> list[Loop]:
    """Name what finishes what was begun, and shows it."""
    return [
        ground.database.listen,
        ground.directory.run,
        walk.ingest.verify,
        walk.ingest.store,
        walk.ingest.watch,
        walk.doubt.run,
        walk.doubt.show_changed,
        walk.changes.run,
        walk.changes.record_painted,
        fleet.muting.run,
        ground.looking.run,
        lambda: _pulse_screens(ground.screens, ground.database),
    ]


def _add_routes(app: web.Application) -> None:
    api = build_api()
    document = openapi(api)

    async def describe(_request: web.Request) -> web.Response:
        return json_response(document)

    app.router.add_routes(routes)
    app.router.add_routes(sign_in.routes)
    app.router.add_routes(revocations.routes)
    app.router.add_routes(claims.routes)
    app.router.add_routes(releases.routes)
    app.router.add_routes(walk_tests.routes)
    app.router.add_routes(twilio_hooks.routes)
    app.router.add_routes(push.routes)
    app.router.add_routes(answer.routes)
    app.router.add_routes(kiosks.routes)
    app.router.add_routes(officer.routes)
    app[GUESSES] = Guesses()
    api.register(app)
    app.router.add_get("/api/v1/openapi.json", describe)
    for page in (
        *("console", "facilities", "people", "account", "answer", "kiosk", "officer"),
        "offline",
        "server",
    ):
        app.router.add_static(f"/static/{page}", _WEB / page)
    app.router.add_static("/static/vendor", _WEB / "vendor")


def _notices(vacancies: Vacancies, entries: Entries, phones: _Phones | None) -> list[Notice]:
    """Tell the auditor who is missing. What is to come can wait for an hour; what is can't."""
    short = phones.watch.warnings if phones else []
    coming = [
        Notice("provider_trouble", jurisdiction, f"provider: {sentence}", sentence, "warning")
        for jurisdiction in entries.jurisdictions
        for sentence in short
    ]
    return coming + [
        Notice(
            each.check,
            each.jurisdiction,
            each.name if each.is_now else f"{each.name}, to come",
            each.sentence,
            "fault" if each.is_now else "warning",
        )
        for each in vacancies.current()
    ]


def _phones(config: Config) -> _Phones | None:
    twilio = Twilio.of(config)
    if twilio is None or config.twilio is None:
        log.warning("NOBODY IS TOLD BY PHONE: [twilio] is missing from the configuration")
        return None
    watch = TwilioWatch(twilio, balance_min=config.twilio.balance_min)
    return _Phones(twilio, TwilioVoice(twilio), watch)


def _fetching(app: web.Application, walk: _Walk, phones: _Phones) -> Loop:
    """Fetch from Twilio what it can't post to a server without a public address."""
    services = app[SERVICES]

    async def on_text(phone: str, body: str, message_id: str) -> str | None:
        return await twilio_hooks.take_text(services, phone=phone, body=body, message_id=message_id)

    async def on_report(notification_id: UUID, report: Report) -> None:
        await twilio_hooks.record_report(services, notification_id, report)

    return TwilioFetch(
        phones.twilio,
        is_busy=lambda: walk.changes.anything_open,
        outstanding=walk.notify.outstanding,
        on_text=on_text,
        on_report=on_report,
    ).run


def _authority(config: Config) -> Authority | None:
    """Read who certifies buttons, and takes certificates back. Raises ConfigError."""
    if config.authority is None:
        return None
    files = config.path(config.authority.certificate_file), config.path(config.authority.key_file)
    try:
        return Authority.load(*files)
    except CertificateError as error:
        raise ConfigError(f"authority: {error}") from None


def _warn_of_map(config: Config) -> None:
    try:
        street_map.find(config)
    except street_map.UnusableMap as error:
        log.warning("NO STREETS ON THE MAP", because=str(error), do=street_map.REMEDY)


def _kiosks(database: Database, screens: Screens) -> Kiosks:
    """Let go of a screen on the wall as soon as its key is taken back, on whichever replica."""
    known = Kiosks(database)

    def changed(payload: str) -> None:
        kiosk_id = UUID(payload)
        known.forget(kiosk_id)
        screens.look_again(kiosk_id)

    database.on("tocsin_kiosk", changed)
    return known


def _dead_man(config: Config, database: Database, auditor: Auditor) -> DeadMan | None:
    url = config.dead_man_url()
    if url is None or config.dead_man is None:
        log.warning("NOBODY OUTSIDE NOTICES when this server is silent: [dead_man] is missing")
        return None
    return DeadMan(
        database,
        url,
        every_s=config.dead_man.every_s,
        replica_id=config.replica_id,
        standing=lambda: auditor.standing,
        audited_s_ago=lambda: time.monotonic() - auditor.audited_at,
    )


def _channels(
    config: Config, directory: Directory, phones: _Phones | None, push: WebPush | None
) -> Mapping[Method, Channel]:
    """Put together every way to reach a person that the configuration has."""
    contacts = [each for person in directory.entries.people.values() for each in person.contacts]
    ways: dict[Method, Channel | None] = {
        "sms": TwilioSms(phones.twilio) if phones else None,
        "voice": phones.voice if phones else None,
        "push": push,
        "email": open_email(config),
        "apprise": Apprise(soon=any(each.method == "apprise" for each in contacts)),
    }
    return {method: channel for method, channel in ways.items() if channel is not None}


async def _pulse_screens(screens: Screens, database: Database) -> None:
    while True:
        screens.show(None, frames.pulse(timestamp(database.now())))
        await asyncio.sleep(PULSE_S)


async def _hand_over(app: web.Application) -> None:
    """Take no more work: what is pressed now, and whoever is to be told, are the others'."""
    await _end(app[_WORK])
    await app[SERVICES].auditor.say_goodbye()
    for broker in app[SERVICES].brokers:
        await broker.close()
    await app[SERVICES].screens.close()


def _run(
    walk: _Walk, *, work: list[Loop], upkeep: list[Loop]
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Keep every loop going while the application runs; `_hand_over` ends those of work first."""

    async def context(app: web.Application) -> AsyncIterator[None]:
        services = app[SERVICES]
        tasks = [asyncio.create_task(_loudly(loop)) for loop in upkeep]
        app[_WORK].extend(asyncio.create_task(_loudly(loop)) for loop in work)
        yield
        await asyncio.gather(services.notify.drain(), services.deliver.drain())
        await _end(tasks)
        if walk.phones is not None:
            await walk.phones.watch.close()
        for channel in walk.channels.values():
            await channel.close()
        await services.deliver.close()
        await services.database.close()

    return context


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel until all have ended.

    `asyncio.wait_for` swallows a cancellation that comes in the moment in which what it waited
    for is there: asked once, one stop in ten or so of a busy replica never ended.
    """
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _loudly(loop: Loop) -> None:
    try:
        await loop()
    except Exception:
        # A loop that is gone can't be trusted to be missed: the process ends and is started again.
        log.critical("a loop died; this replica ends so that it is started again", exc_info=True)
        raise SystemExit(1) from None


async def serve(config: Config) -> None:
    """Serve until SIGINT or SIGTERM."""
    app = await _build_when_possible(config)
    # What is here now stays: nobody need look through it for garbage again, while a press waits.
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_MIN)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S, handle_signals=False)
    await runner.setup()
    host, port = config.host_and_port
    try:
        await web.TCPSite(runner, host, port, reuse_address=True).start()
        log.info("serving", url=config.public_url, replica_id=config.replica_id)
        await _until_asked_to_stop()
        log.info("ending")
    finally:
        await runner.cleanup()


async def _build_when_possible(config: Config) -> web.Application:
    while True:
        try:
            return await build_app(config)
        except DATABASE_ERRORS as error:
            log.error("the database does not answer yet", because=because(error))
            await asyncio.sleep(DATABASE_WAIT_S)


async def _until_asked_to_stop() -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
