"""A county by telephone: who is rung, who hears what, and when that was by the record.

Promise: every part between a press and a phone is real (tests/walk/house.py). The county is
parametrized: Twilio reaches the server, or it doesn't and the server fetches. Where a limit in
seconds is named, it is held against what the database has recorded, never against our own clock.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import asyncpg

from tests import parts
from tests.parts import DANA, LUIS, MAYA, RAY, Alert, Deployment, Screen, Walk
from tests.standstill import Standstill, standstill
from tests.walk.house import LONG_S, House, Sender, until
from tocsin_server.channels.channel import Method
from tocsin_server.demo import example
from tocsin_server.demo.example import Person
from tocsin_server.demo.phone import AccountCondition, Call, Phone, Reports
from tocsin_server.demo.postgres import EmbeddedPostgres
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.fleet.policies import FIRST_POLICY, set_policy
from tocsin_server.people import accounts, contacts

ROSA = Person("Rosa Fuentes", "dispatcher", "rosa@example.org", "+15125550113")
BY_PHONE = (DANA, LUIS, MAYA, RAY, ROSA)  # who can be texted and called


@dataclass(frozen=True, slots=True)
class Sent:
    """One message to somebody, as it is on record."""

    name: str
    purpose: str
    method: Method
    address: str
    round: int
    tier: int
    state: str
    error: str | None
    created_at: datetime
    changed_at: datetime


class County(House):
    """A shared house whose people have text and voice. `public`: Twilio reaches the server."""

    def __init__(
        self,
        walk: Walk,
        screen: Screen,
        stack: AsyncExitStack,
        record: asyncpg.Connection,
        machine: Standstill,
    ) -> None:
        super().__init__(walk, screen, stack)
        self.public = walk.phones.inbound_url is not None
        self.record = record
        self._machine = machine
        self._before_s = 0.0
        self.people: dict[str, UUID] = {}

    def _take_phones(self) -> None:
        self.dana, self.luis, self.maya, self.ray, self.rosa = map(self.walk.phone, BY_PHONE)

    @property
    def stood_still_s(self) -> float:
        """How long this machine has since the last story."""
        return self._machine.so_far_s - self._before_s

    async def move_in(self) -> None:
        """Give everybody a voice beside their text, and remember how it all was."""
        async with self.walk.database.pool() as pool:
            await accounts.add_person(
                pool,
                jurisdiction=example.JURISDICTION,
                name=ROSA.name,
                email=ROSA.email,
                phone=ROSA.phone,
                role=ROSA.role,
                language="es",
                vouched_by="Maya Chen",
            )
            listed = await accounts.read_people(pool, jurisdiction=example.JURISDICTION)
            self.people = {person.name: person.person_id for person in listed}
            for person in BY_PHONE:
                await self.add_contact(person, "voice")
        await self.record.execute("CREATE TABLE known_contact AS SELECT * FROM contact")

    async def add_contact(
        self,
        person: Person,
        method: Method,
        address: str | None = None,
        *,
        vouched_by: str | None = "Maya Chen",
    ) -> UUID:
        """One more way to reach somebody, behind the others."""
        address = address or person.phone
        assert address is not None
        async with self.walk.database.pool() as pool:
            return await contacts.add_contact(
                pool,
                jurisdiction=example.JURISDICTION,
                person_id=self.people[person.name],
                method=method,
                address=address,
                vouched_by=vouched_by,
            )

    async def tell(
        self,
        *tiers: Sequence[Person],
        methods: tuple[Method, ...] = (),
        patience_s: Sequence[float] = (),
    ) -> None:
        """From the next new button on, these are told, tier by tier."""
        patience_s = patience_s or [LONG_S] * len(tiers)
        async with self.walk.database.pool() as pool:
            await set_policy(
                pool,
                jurisdiction=example.JURISDICTION,
                name=FIRST_POLICY,
                tiers=[
                    PolicyTier(
                        patience_s=patience,
                        people=[self.people[person.name] for person in people],
                        methods=methods,
                    )
                    for people, patience in zip(tiers, patience_s, strict=True)
                ],
            )

    async def until_read(self) -> Sender:
        """Return when the server has read what was changed in the directory."""
        return await self.sender()

    async def press(self, *, kind: str = "duress") -> Alert:
        """A new button is pressed."""
        sender = await self.sender()
        await sender.send(sender.press(kind=kind))
        return await self.alert_of(sender.device_id)

    async def text(self, phone: Phone, body: str, *, hears: str) -> str:
        """Text something, and give the answer, which has this in it."""
        (answer,) = await self.texts(phone, (body, hears))
        return answer

    async def texts(self, phone: Phone, *said_and_heard: tuple[str, str]) -> list[str]:
        """Text one thing after the other without waiting, and give the answers."""
        count = Counter(
            {hears: sum(hears in sms.body for sms in phone.received) for _, hears in said_and_heard}
        )
        for body, _ in said_and_heard:
            await phone.reply(body)
        answers = []
        for _, hears in said_and_heard:
            count[hears] += 1
            answers.append((await phone.until_received(hears, count=count[hears])).body)
        return answers

    async def listen(self, phone: Phone) -> Call:
        """The call that rings is answered, and heard until the voice waits for a key."""
        call = await phone.until_ringing()
        await call.answer()
        return call

    async def sent(self, alert: Alert, *, purpose: str = "page") -> list[Sent]:
        """What was sent, or will be, in the order in which that was decided."""
        rows = await self.record.fetch(
            "SELECT name, purpose, method, address, round, tier, state, error, created_at,"
            " changed_at FROM notification WHERE alert_id = $1 AND purpose = $2"
            " ORDER BY created_at, name",
            UUID(alert.alert_id),
            purpose,
        )
        return [Sent(**row) for row in rows]

    async def until_sent(
        self, alert: Alert, person: Person, method: Method, state: str, *, purpose: str = "page"
    ) -> Sent:
        """The newest message to somebody, once it is in this state."""

        async def found() -> Sent | None:
            sent = await self.sent(alert, purpose=purpose)
            mine = [each for each in sent if (each.name, each.method) == (person.name, method)]
            return mine[-1] if mine and mine[-1].state == state else None

        return await until(found)

    async def at(self, alert: Alert, event: str, **payload: object) -> datetime:
        """When this came on an alert's record; waits for it."""

        async def found() -> datetime | None:
            at: datetime | None = await self.record.fetchval(
                "SELECT at FROM alert_event WHERE alert_id = $1 AND name = $2"
                " AND payload::jsonb @> $3::jsonb ORDER BY n LIMIT 1",
                UUID(alert.alert_id),
                event,
                json.dumps(payload),
            )
            return at

        return await until(found)

    async def happened(self, alert: Alert, event: str) -> int:
        """How often this is on an alert's record."""
        count: int = await self.record.fetchval(
            "SELECT count(*) FROM alert_event WHERE alert_id = $1 AND name = $2",
            UUID(alert.alert_id),
            event,
        )
        return count

    async def called(self, alert: Alert, person: Person) -> datetime:
        """When the provider had taken the call to somebody."""
        return await self.at(
            alert, "notification_accepted", to=person.name, method="voice", purpose="page"
        )

    async def reported(self, alert: Alert, person: Person, method: Method, status: str) -> datetime:
        """When it was reported of somebody's page; waits for it."""

        async def found() -> datetime | None:
            at: datetime | None = await self.record.fetchval(
                "SELECT r.received_at FROM provider_report r JOIN notification n"
                " USING (notification_id) WHERE n.alert_id = $1 AND n.name = $2"
                " AND n.method = $3 AND n.purpose = 'page' AND r.status = $4"
                " ORDER BY r.received_at LIMIT 1",
                UUID(alert.alert_id),
                person.name,
                method,
                status,
            )
            return at

        return await until(found)

    async def unreachable(self) -> dict[tuple[str, Method], str]:
        """Which contacts nothing arrives at, and why, as the page of the people has it."""
        people = (await self.screen.get("people")).json()["people"]
        assert isinstance(people, list)
        return {
            (person["name"], contact["method"]): contact["unreachable"]
            for person in people
            for contact in person["contacts"]
            if contact["unreachable"] is not None
        }

    async def until_unreachable(self, person: Person, method: Method) -> str:
        """Why nothing arrives there, once that is known."""

        async def found() -> str | None:
            return (await self.unreachable()).get((person.name, method))

        return await until(found)

    async def until_nothing_is_on_its_way(self) -> None:
        """Everybody was told to stand down, every message has left, every call has ended."""

        async def nothing() -> bool:
            return not await self.record.fetchval(
                "SELECT EXISTS (SELECT FROM notification WHERE state IN ('pending', 'sending')"
                " OR withdraw_at IS NOT NULL) OR EXISTS (SELECT FROM alert WHERE decide_at"
                " IS NOT NULL AND acknowledged_at IS NOT NULL AND stood_down_at IS NULL)"
            )

        await until(nothing)

    async def restart(self) -> None:
        """The server ends and begins anew, and knows only what the database remembers."""
        await self.walk.server.stop()
        await self.walk.server.start()

    async def tidy_up(self) -> None:
        """Nothing is open or on its way, phones are new, and people as they were."""
        for account in self.walk.phones.accounts:
            account.condition = AccountCondition.WELL
            account.unregistered = None
        for phone in self.walk.phones.phones:
            phone.manner.held.clear()
            phone.reports = Reports.IN_ORDER
            for call in phone.calls:
                call.hang_up()
        await super().tidy_up()
        await self.record.execute(
            "UPDATE notification SET state = 'withdrawn' WHERE state = 'pending'"
        )
        await self.until_nothing_is_on_its_way()
        for call in [call for phone in self.walk.phones.phones for call in phone.calls]:
            call.hang_up()
        await self.walk.phones.until_idle()
        self.renew_phones()
        await self.record.execute(
            "DELETE FROM contact; INSERT INTO contact SELECT * FROM known_contact;"
            "UPDATE person SET ends_on = NULL WHERE ends_on IS NOT NULL"
        )
        self._before_s = self._machine.so_far_s


Counties: TypeAlias = tuple[County, County]


def seconds(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds()


async def in_each(
    counties: Sequence[County], story: Callable[[County], Coroutine[None, None, None]]
) -> None:
    """Tell a story in all of them at once."""
    async with asyncio.TaskGroup() as group:
        for county in counties:
            group.create_task(story(county))


@asynccontextmanager
async def open_county(
    postgres: EmbeddedPostgres, folder: Path, *, public: bool
) -> AsyncIterator[County]:
    """The whole system, with two accounts at the provider."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(parts.fresh_database(postgres, parts.EXAMPLE))
        deployment = Deployment(folder / "d", public=public, second_account=True)
        record = await stack.enter_async_context(database.connected())
        walk = await stack.enter_async_context(
            parts.whole_walk(deployment, database, patience_s=(LONG_S, LONG_S, LONG_S))
        )
        machine = await stack.enter_async_context(standstill())
        county = County(walk, await walk.screen(), stack, record, machine)
        await county.move_in()
        yield county
