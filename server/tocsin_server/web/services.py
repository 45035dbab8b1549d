"""What the handlers use, put together once by the application."""

from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from tocsin_server.alert.acknowledge import Acknowledge
from tocsin_server.alert.changes import Changes
from tocsin_server.alert.doubt import DoubtfulLane
from tocsin_server.alert.escalate import Escalate
from tocsin_server.alert.ingest import Ingest
from tocsin_server.alert.notify import Notify
from tocsin_server.auditor import Auditor
from tocsin_server.broker import Broker
from tocsin_server.channels.twilio import Twilio
from tocsin_server.channels.twilio_call import TwilioVoice
from tocsin_server.channels.webpush import WebPush
from tocsin_server.config import Config
from tocsin_server.fleet.directory import Directory
from tocsin_server.fleet.drills import Drills
from tocsin_server.fleet.redeem import Redemption
from tocsin_server.fleet.revocation import Revocations
from tocsin_server.fleet.supervise import Supervisor
from tocsin_server.hooks.deliver import Deliver
from tocsin_server.people.muting import Muting
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_server.web.live import Screens
from tocsin_server.web.looking import Looking


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one replica."""

    config: Config
    database: Database
    directory: Directory
    brokers: list[Broker]
    screens: Screens
    looking: Looking
    ingest: Ingest
    doubt: DoubtfulLane
    changes: Changes
    escalate: Escalate
    notify: Notify
    acknowledge: Acknowledge
    supervisor: Supervisor
    drills: Drills
    muting: Muting
    auditor: Auditor
    revocations: Revocations | None
    redemption: Redemption
    twilio: Twilio | None
    voice: TwilioVoice | None
    push: WebPush | None
    deliver: Deliver

    async def read_again(self) -> None:
        """Let what was just changed count here before the answer; PostgreSQL tells the others."""
        with suppress(*DATABASE_ERRORS):  # it is done all the same, and read a moment later
            await self.directory.read()


SERVICES = web.AppKey("services", Services)
