"""A county in one process: alerts by the product's own functions, and replicas that deliver."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TypedDict
from uuid import UUID

import asyncpg

from tests.alert.presses import Said, press, store
from tests.offices import Office
from tests.parts import Database
from tocsin_server.config import Config, DatabaseConfig, HooksConfig, KeysConfig
from tocsin_server.hooks import hooks
from tocsin_server.hooks.deliver import Deliver, trusted
from tocsin_server.hooks.hooks import DeliveryView, HookSecret, HookView
from tocsin_server.hooks.message import Event
from tocsin_server.storage.database import Database as Replica

HERE = HooksConfig(allow_http=True)
DANA = "Dana Ortiz"


class One(TypedDict):
    """Which hook is meant, and whose it is."""

    jurisdiction: str
    hook_id: UUID


class Followed:
    """One county. `deliver` is its first replica's; loops run only where a test starts them."""

    deliver: Deliver

    def __init__(
        self, database: Database, pool: asyncpg.Pool, office: Office, stack: AsyncExitStack
    ) -> None:
        self.database = database
        self.pool = pool
        self.office = office
        self._stack = stack

    @property
    def jurisdiction(self) -> str:
        return self.office.jurisdiction

    async def replica(self, name: str, config: HooksConfig = HERE) -> Deliver:
        connection = Replica(self.database.dsn, replica_id=name)
        await connection.open()
        self._stack.push_async_callback(connection.close)
        whole = Config(
            replica_id=name,
            public_url="https://tocsin.example.org",
            database=DatabaseConfig(dsn=self.database.dsn),
            brokers=[],
            keys=KeysConfig(receipt_key_file="none"),
            hooks=config,
        )
        deliver = Deliver(connection, config, tls=trusted(whole))
        self._stack.push_async_callback(deliver.close)
        return deliver

    async def hook(
        self,
        url: str,
        *events: Event,
        name: str = "County CAD",
        drills: bool = True,
        config: HooksConfig = HERE,
    ) -> HookSecret:
        return await hooks.add_hook(
            self.pool,
            jurisdiction=self.jurisdiction,
            name=name,
            url=url,
            events=events,
            drills=drills,
            by=DANA,
            config=config,
        )

    def one(self, made: HookSecret) -> One:
        return One(jurisdiction=self.jurisdiction, hook_id=made.hook.hook_id)

    async def send_all(self, deliver: Deliver | None = None) -> None:
        """Turn until nothing more is due, to the end of everything that was started."""
        deliver = deliver or self.deliver
        while True:
            await deliver.turn()
            if not deliver._sending:
                return
            await asyncio.wait(deliver._sending)

    async def press(self, *, drill: bool = False, device_id: str | None = None) -> UUID:
        if drill:
            await self.pool.execute(
                "INSERT INTO drill_window (jurisdiction, site_id, opened_by, opened_at, closes_at)"
                " SELECT $1, $2, $3, now - interval '1 minute', now + interval '5 minutes'"
                " FROM clock_timestamp() AS now",
                self.jurisdiction,
                self.office.site_id,
                DANA,
            )
            said = Said(device_id=device_id or self.office.device_id, said_drill=True)
            return (await store(self.pool, self.office, said))[0]
        return (await press(self.pool, self.office, device_id or self.office.device_id))[0]

    async def do(self, act: str, alert_id: UUID, *more: str) -> None:
        """One of the record's own functions: acknowledge, respond, resolve, make_actual."""
        values = ", ".join(f"${n}" for n in range(3, 3 + len(more)))
        call = f"SELECT {act}($1, $2{', ' + values if more else ''})"
        await self.pool.fetch(call, alert_id, self.jurisdiction, *more)

    async def acknowledge(self, alert_id: UUID, *, person_id: UUID | None = None) -> None:
        await self.pool.fetch(
            "SELECT acknowledge($1, $2, $3, $4, 'console', NULL)",
            alert_id,
            self.jurisdiction,
            person_id or self.office.dispatcher,
            DANA,
        )

    async def attempt(self, alert_id: UUID, *, unanswered: bool) -> None:
        """A tier is told; `unanswered`: everybody was, and nobody has answered."""
        await self.pool.fetch(
            "SELECT begin_attempt($1, attempt, attempt + 1, 1, '[]', 30, $2) FROM alert"
            " WHERE alert_id = $1",
            alert_id,
            unanswered,
        )

    async def hooks(self) -> list[HookView]:
        return await hooks.read_hooks(self.pool, jurisdiction=self.jurisdiction)

    async def deliveries(self, hook: HookSecret) -> list[DeliveryView]:
        """What it was told, the oldest first."""
        listed = await hooks.read_deliveries(self.pool, **self.one(hook))
        return listed[::-1]

    async def states(self, hook: HookSecret) -> list[str]:
        return [each.state for each in await self.deliveries(hook)]

    async def step(self, by: timedelta) -> None:
        """The database's clock steps; every moment it remembers is so much further away."""
        await self.pool.execute(
            "UPDATE hook_delivery SET due_at = due_at - $1::interval,"
            " lease_until = lease_until - $1::interval, created_at = created_at - $1::interval",
            by,
        )
