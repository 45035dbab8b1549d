"""The application: one replica, put together from top to bottom and closed in reverse.

Read `build_app` for the whole walk: what a broker brings goes to ingest or supervise,
what is committed comes back through changes, and that wakes the loops and the screens.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from tocsin_server.alert.acknowledge import Acknowledge
from tocsin_server.alert.changes import Changes
from tocsin_server.alert.doubt import DoubtfulLane
from tocsin_server.alert.escalate import Escalate
from tocsin_server.alert.ingest import Ingest
from tocsin_server.alert.notify import Notify
from tocsin_server.alert.press import Stored
from tocsin_server.alert.receipts import Receipts
from tocsin_server.auditor import Auditor
from tocsin_server.broker import Arrived, Broker
from tocsin_server.channels.twilio import Twilio
from tocsin_server.config import Config
from tocsin_server.fleet.directory import Directory
from tocsin_server.fleet.drills import Drills
from tocsin_server.fleet.pulse import Pulses
from tocsin_server.fleet.supervise import Supervisor
from tocsin_server.people.sessions import Reader, Sessions
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_server.storage.schema import check_schema
from tocsin_server.web import frames
from tocsin_server.web.api import BODY_BYTES_MAX, SESSIONS, json_response, openapi
from tocsin_server.web.handlers import build_api
from tocsin_server.web.live import PULSE_S, FromPage, Painted, Screens
from tocsin_server.web.middleware import add_headers, answer_errors
from tocsin_server.web.routes import routes
from tocsin_server.web.services import SERVICES, Services
from tocsin_wire.messages import timestamp
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

_WEB = Path(__file__).parent / "web"
DATABASE_WAIT_S = 1.0
SHUTDOWN_S = 3.0

Loop = Callable[[], Coroutine[Any, Any, None]]

log = structlog.get_logger()


async def build_app(config: Config) -> web.Application:
    """Put a replica together. Raises ConfigError, SchemaError, or one of DATABASE_ERRORS."""
    key = SigningKey.load(config.path(config.keys.receipt_key_file))
    database = Database(config.dsn(), replica_id=config.replica_id)
    await database.open()
    await check_schema(database.pool)

    directory = Directory(database)
    await directory.read()  # before anything arrives: to an empty one every button is a stranger
    screens = Screens()
    brokers: list[Broker] = []
    receipts = Receipts(database, key, lambda: brokers)
    twilio = _twilio(config)
    notify = Notify(database, directory, twilio, public_url=config.public_url)
    escalate = Escalate(database, directory)

    def wake() -> None:
        escalate.wake()
        notify.wake()

    changes = Changes(
        database, show=screens.show, wake=wake, send_receipts=receipts.send_for_alerts
    )

    doubt = DoubtfulLane(
        database,
        directory,
        show=lambda jurisdiction, view: screens.show(jurisdiction, frames.doubtful(view)),
        watching=screens.watching,
    )

    def on_stored(stored: list[Stored]) -> None:
        changes.stored(stored)
        for one in stored:
            receipts.send(
                one.jurisdiction, one.device_id, one.press_id, one.alert_id, one.state, one.drill
            )

    ingest = Ingest(
        database,
        directory,
        doubt=doubt.add,
        on_stored=on_stored,
        on_held=lambda view, jurisdiction: screens.show(jurisdiction, frames.held(view)),
        on_held_gone=lambda held: screens.show(
            held.device.jurisdiction, frames.held_gone(*held.key)
        ),
        page_from_memory=notify.page_from_memory,
    )
    drills = Drills(database, directory, key, lambda: brokers, show=screens.show)
    supervisor = Supervisor(
        database,
        directory,
        brokers=lambda: brokers,
        show=screens.show,
        answer_heartbeat=receipts.answer_heartbeat,
        on_connected=drills.connected,
    )
    pulses = Pulses(database, key, lambda: brokers, replica_id=config.replica_id)

    def on_message(broker: Broker, arrived: Arrived) -> None:
        leaf = arrived.topic.rpartition("/")[2]
        if leaf == Leaf.PRESS:
            ingest.arrived(arrived)
            supervisor.heard(broker, arrived)
            return
        if leaf == "pulse":
            pulses.heard(broker, arrived)
        else:
            supervisor.heard(broker, arrived)
        arrived.accept()

    brokers += [Broker(config, broker, on_message) for broker in config.brokers]
    auditor = Auditor(
        database,
        directory,
        replica_id=config.replica_id,
        links=pulses.links,
        loops={
            "escalate": lambda: time.monotonic() - escalate.turned_at,
            "notify": lambda: time.monotonic() - notify.turned_at,
        },
        watching=screens.watching,
        show=screens.show,
        send_directly=notify.send_directly,
    )

    def painted(reader: Reader, message: FromPage) -> None:
        if isinstance(message, Painted):
            changes.painted(message.alert_id, jurisdiction=reader.jurisdiction)

    screens.on_painted(painted)

    app = web.Application(middlewares=[answer_errors], client_max_size=BODY_BYTES_MAX)
    app.on_response_prepare.append(add_headers)
    app[SESSIONS] = Sessions(database)
    app[SERVICES] = Services(
        config=config,
        database=database,
        directory=directory,
        brokers=brokers,
        screens=screens,
        ingest=ingest,
        doubt=doubt,
        changes=changes,
        escalate=escalate,
        notify=notify,
        acknowledge=Acknowledge(database, directory),
        supervisor=supervisor,
        drills=drills,
        auditor=auditor,
        twilio=twilio,
    )
    app.cleanup_ctx.append(
        _run(
            database.listen,
            directory.run,
            ingest.verify,
            ingest.store,
            ingest.watch,
            doubt.run,
            doubt.show_changed,
            doubt.page_unseen,
            changes.run,
            changes.record_painted,
            escalate.run,
            notify.run,
            supervisor.run,
            drills.run,
            pulses.run,
            auditor.run,
            lambda: _pulse_screens(screens, database),
            *[broker.run for broker in brokers],
        )
    )
    app.on_shutdown.append(_close_screens)
    _add_routes(app)
    return app


def _add_routes(app: web.Application) -> None:
    api = build_api()
    document = openapi(api)

    async def describe(_request: web.Request) -> web.Response:
        return json_response(document)

    app.router.add_routes(routes)
    api.register(app)
    app.router.add_get("/api/v1/openapi.json", describe)
    app.router.add_static("/static/console", _WEB / "console")
    app.router.add_static("/static/vendor", _WEB / "vendor")


def _twilio(config: Config) -> Twilio | None:
    if config.twilio is None:
        log.warning("NOBODY IS TOLD BY PHONE: [twilio] is missing from the configuration")
        return None
    token = config.secret("twilio.auth_token_file", config.twilio.auth_token_file)
    return Twilio(config.twilio, token, public_url=config.public_url)


async def _pulse_screens(screens: Screens, database: Database) -> None:
    while True:
        screens.show(None, frames.pulse(timestamp(database.now())))
        await asyncio.sleep(PULSE_S)


async def _close_screens(app: web.Application) -> None:
    await app[SERVICES].screens.close()


def _run(
    *loops: Loop,
) -> Callable[[web.Application], AsyncIterator[None]]:
    """Keep every loop going while the application runs."""

    async def context(app: web.Application) -> AsyncIterator[None]:
        services = app[SERVICES]
        tasks = [asyncio.create_task(_loudly(loop)) for loop in loops]
        yield
        await services.notify.drain()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for broker in services.brokers:
            await broker.close()
        if services.twilio is not None:
            await services.twilio.close()
        await services.database.close()

    return context


async def _loudly(loop: Loop) -> None:
    try:
        await loop()
    except Exception:
        # A loop that is gone can't be trusted to be missed: the process ends and is started again.
        log.critical("a loop died; this replica ends so that it is started again", exc_info=True)
        raise SystemExit(1) from None


async def serve(config: Config, *, extend: Callable[[web.Application], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM. `extend` adds routes: `tocsin demo` has some of its own."""
    app = await _build_when_possible(config)
    if extend is not None:
        extend(app)
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
            log.error("the database does not answer yet", because=str(error))
            await asyncio.sleep(DATABASE_WAIT_S)


async def _until_asked_to_stop() -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked.set)
    await asked.wait()
