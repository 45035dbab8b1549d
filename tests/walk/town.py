"""A town whose people are reached by everything there is; any path to them can be taken away.

Promise: two servers, a phone network with two accounts, a mail server and a push service with its
browsers stand here, and what is taken away is really gone: a port that nobody listens on, an
account that is locked, a process that was killed. Who was told, and after how long, is read from
the database's own times; that it came to somebody's phone, mailbox or screen is seen there.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, assert_never
from uuid import UUID

import aiohttp
import asyncpg

from tests import parts
from tests.channels.mail_server import MailServer, mail_server
from tests.channels.push_service import PushService, push_service
from tests.parts import Deployment, Screen, Server, Walk
from tests.standstill import Standstill, standstill
from tests.walk.house import LONG_S, Sender, until
from tocsin_server.alert.link_key import write_key
from tocsin_server.channels.channel import Method
from tocsin_server.channels.webpush import Payload
from tocsin_server.demo import example
from tocsin_server.demo.phone import AccountCondition, CallStatus, Condition, Phone
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port
from tocsin_server.fleet import policies, sites
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.people import accounts, contacts
from tocsin_server.people.shift_changes import OverrideForm, add_override, add_plan

# Ana has everything, tried in this order; the others have what their row is about.
PEOPLE: dict[str, tuple[Method, ...]] = {
    "Ana": ("sms", "voice", "email", "push"),
    "Bo": ("sms",),
    "Col": ("sms", "voice"),
    "Eve": ("push", "email"),
    "Kim": ("email",),
    "Max": ("email", "push"),
    "Ned": ("sms", "voice"),
    "Uma": ("sms", "voice"),  # nothing arrives there any more
    "Vic": ("sms",),  # who never sent the code back
}
MAIL_TO_NOWHERE = "max@example.org"  # at which the mail server stops answering
CONFIG = """
[email]
host = "127.0.0.1"
port = {port}
tls = "none"
from_address = "tocsin@example.org"
"""

Way = Literal[
    "provider",
    "provider's answers",
    "both accounts",
    "first account",
    "first account's answers",
    "mail",
    "push",
    "Ana's texts",
    "reports of Ned's texts",
]
By = Method | Literal["screen"]


@dataclass(frozen=True, slots=True)
class Tier:
    """Who is told together. `methods`: by these first; `shift`: whoever is on, which is nobody."""

    people: tuple[str, ...] = ()
    methods: tuple[Method, ...] = ()
    shift: bool = False
    patience_s: float = LONG_S


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who was told of an alert, and after how many seconds by the database's times."""

    who: str
    by: By
    after_s: float


class Town:
    """The whole system, and what of it is there. `record` is the database, as a test reads it."""

    def __init__(
        self,
        walk: Walk,
        other: Server,
        screen: Screen,
        record: asyncpg.Pool,
        machine: Standstill,
    ) -> None:
        self.walk = walk
        self.other = other
        self.screen = screen  # at the other server
        self.record = record
        self.machine = machine
        self.mails: MailServer
        self.pushes = PushService(on_pushed=self._show)
        self.senders: dict[str, Sender] = {}
        self._people: dict[str, UUID] = {}
        self._mail_port = 0
        self._mail = ExitStack()
        self._push = AsyncExitStack()
        self._showing: set[asyncio.Task[None]] = set()
        self._browsers = aiohttp.ClientSession()
        self._answering = asyncio.create_task(self._answer_phones())

    def phone(self, name: str) -> Phone:
        return self.walk.phones.phone(_number(name))

    async def open(self, *, mail_port: int) -> None:
        """Let mail and pushes be taken, and people move in."""
        self._mail_port = mail_port
        self._open_mail()
        await self._open_push()
        for name, methods in PEOPLE.items():
            await self._move_in(name, methods)
        await self.record.execute(
            "UPDATE contact c SET unreachable = 'opted out', unreachable_at = clock_timestamp()"
            " FROM person p WHERE p.person_id = c.person_id AND p.name = 'Uma'"
        )

    async def close(self) -> None:
        self._answering.cancel()
        await self._browsers.close()
        self._mail.close()
        await self._push.aclose()
        for sender in self.senders.values():
            await sender.leave()

    async def build(self, tiers_of: Mapping[str, Sequence[Tier]]) -> None:
        """Make a site with a policy and a button for each; return when both servers know them."""
        for name, tiers in tiers_of.items():
            self.senders[name] = await self._site(name, tiers)
        # Whom nothing reaches no policy takes: they become so afterwards.
        await self.record.execute(
            "UPDATE contact c SET verified_at = NULL, verified_by = NULL FROM person p"
            " WHERE p.person_id = c.person_id AND p.name = 'Vic'"
        )
        ids = {sender.device_id for sender in self.senders.values()}
        for server in (self.walk.server, self.other):
            await parts.until_known(server, ids)

    async def _move_in(self, name: str, methods: Sequence[Method]) -> None:
        person_id = self._people[name] = await accounts.add_person(
            self.record,
            jurisdiction=example.JURISDICTION,
            name=name,
            email=f"{name.lower()}@example.org",
            phone=None,
            role="responder",
        )
        for method in methods:
            await contacts.add_contact(
                self.record,
                jurisdiction=example.JURISDICTION,
                person_id=person_id,
                method=method,
                address=self._address(name, method),
                vouched_by="the town",
            )

    def _address(self, name: str, method: Method) -> str:
        match method:
            case "sms" | "voice":
                return _number(name)
            case "email":
                return f"{name.lower()}@example.org"
            case "push":
                return self.pushes.subscription(endpoint=f"{self.pushes.origin}/push/{name}")
            case "apprise":
                raise ValueError(method)
            case _:
                assert_never(method)

    async def _site(self, name: str, tiers: Sequence[Tier]) -> Sender:
        jurisdiction = example.JURISDICTION
        policy_id = await policies.set_policy(
            self.record,
            jurisdiction=jurisdiction,
            name=name,
            tiers=[
                PolicyTier(
                    patience_s=tier.patience_s,
                    people=[self._people[each] for each in tier.people],
                    methods=tier.methods,
                    shifts=(await self._shift_with_a_gap(name),) if tier.shift else (),
                )
                for tier in tiers
            ],
        )
        site_id = await sites.add_site(
            self.record, jurisdiction=jurisdiction, name=name, policy_id=policy_id
        )
        place_id = await sites.add_place(self.record, jurisdiction=jurisdiction, site_id=site_id)
        button, public_key = self.walk.deployment.new_button()
        await sites.register_device(
            self.record,
            device_id=button.device_id,
            jurisdiction=jurisdiction,
            public_key=public_key,
        )
        await sites.place_device(
            self.record,
            jurisdiction=jurisdiction,
            device_id=button.device_id,
            place_id=place_id,
            confirmed_by="the town",
        )
        sender = Sender(button.folder, self.walk.deployment.broker_port)
        await sender.connect()
        return sender

    async def _shift_with_a_gap(self, name: str) -> UUID:
        """Bo is on in an hour; until then nobody is."""
        plan_id = await add_plan(
            self.record, jurisdiction=example.JURISDICTION, name=name, by="the town"
        )
        now = await self.record.fetchval("SELECT date_trunc('minute', clock_timestamp())")
        later = OverrideForm(
            from_at=now + timedelta(hours=1),
            until_at=now + timedelta(hours=9),
            person_id=self._people["Bo"],
        )
        await add_override(
            self.record,
            jurisdiction=example.JURISDICTION,
            plan_id=plan_id,
            form=later,
            by="the town",
        )
        return plan_id

    @asynccontextmanager
    async def without(self, way: Way) -> AsyncIterator[None]:
        """Take a way away for a while."""
        await self._set(way, gone=True)
        try:
            yield
        finally:
            await self._set(way, gone=False)

    async def _set(self, way: Way, *, gone: bool) -> None:
        phones = self.walk.phones
        first, second = phones.accounts
        refuses = AccountCondition.LOCKED_OUT if gone else AccountCondition.WELL
        hangs = AccountCondition.HANGING if gone else AccountCondition.WELL
        match way:
            case "provider":
                await (phones.stop() if gone else phones.start())
            case "provider's answers":
                first.condition = second.condition = hangs
            case "both accounts":
                first.condition = second.condition = refuses
            case "first account":
                first.condition = refuses
            case "first account's answers":
                first.condition = hangs
            case "Ana's texts":
                self.phone("Ana").condition = Condition.FILTERED if gone else Condition.ON
            case "reports of Ned's texts":
                self.phone("Ned").condition = Condition.NO_REPORT if gone else Condition.ON
            case "mail":
                self._mail.close() if gone else self._open_mail()
            case "push":
                await (self._push.aclose() if gone else self._open_push())
            case _:
                assert_never(way)

    @asynccontextmanager
    async def pressed(self, name: str) -> AsyncIterator[UUID]:
        """Press the button of a site; the alert that comes of it is closed at the end."""
        alert_id = await self.press(name)
        try:
            yield alert_id
        finally:
            body = {"outcome": "test", "note": ""}
            assert (await self.screen.post(f"alerts/{alert_id}/resolve", body)).status == 200

    async def press(self, name: str) -> UUID:
        """Press the button of a site; the alert that comes of it, to which more presses belong."""
        sender = self.senders[name]
        press = await sender.send(sender.press())

        async def found() -> UUID | None:
            alert_id: UUID | None = await self.record.fetchval(
                "SELECT alert_id FROM press WHERE device_id = $1 AND press_id = $2",
                sender.device_id,
                press.press_id,
            )
            return alert_id

        return await until(found)

    async def told(self, alert_id: UUID) -> Told:
        """Who outside of the house was the first to be told; waits for it."""

        async def found() -> Told | None:
            row = await self.record.fetchrow(
                "SELECT e.payload->>'to' AS who, e.payload->>'method' AS by,"
                " extract(epoch FROM e.at - a.pressed_at)::double precision AS after_s"
                " FROM alert_event e JOIN alert a USING (alert_id) WHERE a.alert_id = $1 AND"
                " e.payload->>'purpose' = 'page' AND (e.name = 'notification_delivered'"
                # A mail says no more than that it is in the mailbox; a call, that somebody listens.
                " OR e.name = 'notification_accepted' AND e.payload->>'method' = 'email'"
                " OR e.payload->>'status' = 'in-progress') ORDER BY e.n LIMIT 1",
                alert_id,
            )
            return Told(**row) if row is not None else None

        return await until(found)

    async def shown(self, alert_id: UUID) -> Told:
        """When a dispatcher's screen had painted it."""

        async def found() -> float | None:
            after_s: float | None = await self.record.fetchval(
                "SELECT extract(epoch FROM shown_at - pressed_at)::double precision"
                " FROM alert WHERE alert_id = $1",
                alert_id,
            )
            return after_s

        return Told(parts.DANA.name, "screen", await until(found))

    async def until_it_is_there(self, alert_id: UUID, told: Told) -> None:
        """See the alert on the phone, in the mailbox or on the screen of whoever was told."""
        row = await self.record.fetchrow(
            "SELECT a.code, n.link_key FROM alert a LEFT JOIN notification n ON n.alert_id ="
            " a.alert_id AND n.name = $2 AND n.method = $3 WHERE a.alert_id = $1",
            alert_id,
            told.who,
            told.by,
        )
        match told.by:
            case "sms":
                await self.phone(told.who).until_received(row["code"])
            case "voice":
                call = self.phone(told.who).calls[-1]
                await call.until_quiet()
                assert any("Duress" in heard for heard in call.heard), call.heard
                call.hang_up()
            case "email":
                assert any(write_key(row["link_key"]) in str(mail) for mail in self.mails.mails)
            case "push":
                urls = [pushed.payload.url or "" for pushed in self.pushes.pushed]
                assert any(url.endswith(write_key(row["link_key"])) for url in urls)
            case "screen":
                assert str(alert_id) in self.screen.alerts
            case "apprise":
                raise ValueError(told.by)
            case _:
                assert_never(told.by)

    async def states(self, alert_id: UUID) -> list[str]:
        """What has become of every message of an alert."""
        rows = await self.record.fetch(
            "SELECT state FROM notification WHERE alert_id = $1 ORDER BY created_at", alert_id
        )
        return [row["state"] for row in rows]

    async def unreachable(self, name: str) -> dict[str, str]:
        """By which ways of somebody nothing arrives, and why."""
        rows = await self.record.fetch(
            "SELECT c.method, c.unreachable FROM contact c JOIN person p USING (person_id)"
            " WHERE p.name = $1 AND c.unreachable IS NOT NULL",
            name,
        )
        return {row["method"]: row["unreachable"] for row in rows}

    def _open_mail(self) -> None:
        self.mails = self._mail.enter_context(mail_server(port=self._mail_port))
        self.mails.hangs_at = MAIL_TO_NOWHERE

    async def _open_push(self) -> None:
        port = self.walk.deployment.push_port
        await self._push.enter_async_context(push_service(self.pushes, port=port))

    async def _answer_phones(self) -> None:
        """Whoever is rung picks up and listens, and presses nothing."""
        while True:
            for phone in self.walk.phones.phones:
                for call in phone.calls:
                    if call.status is CallStatus.RINGING:
                        call.pick_up()
            await self.walk.phones.changed()

    def _show(self, browser: str, payload: Payload) -> None:
        """The worker in a browser shows it and says so; Eve's never says anything."""
        if browser != "Eve":
            showing = asyncio.create_task(self._say_shown(payload))
            self._showing.add(showing)
            showing.add_done_callback(self._showing.discard)

    async def _say_shown(self, payload: Payload) -> None:
        if payload.url is None:
            return
        server, _, key = payload.url.rpartition("/answer/")
        async with self._browsers.post(
            f"{server}/api/v1/push/received",
            data=json.dumps({"key": key}),
            headers={"Content-Type": "application/json"},
        ) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def open_town(postgres: EmbeddedPostgres, folder: Path) -> AsyncIterator[Town]:
    """Two servers and everything that they reach people by."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(parts.fresh_database(postgres, parts.EXAMPLE))
        deployment = Deployment(folder / "d", second_account=True)
        mail_port = free_port()
        with deployment.config.open("a") as config:
            config.write(CONFIG.format(port=mail_port))
        walk = await stack.enter_async_context(parts.whole_walk(deployment, database))
        other = await walk.another_server()
        record = await stack.enter_async_context(database.pool())
        machine = await stack.enter_async_context(standstill())
        town = Town(walk, other, await walk.screen(server=other), record, machine)
        stack.push_async_callback(town.close)
        await town.open(mail_port=mail_port)
        yield town


def _number(name: str) -> str:
    return f"+1512555{list(PEOPLE).index(name) + 140:04}"
