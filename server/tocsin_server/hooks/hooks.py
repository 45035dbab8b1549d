"""The hooks of a jurisdiction: which other systems follow its alerts, and what each was told.

Promise: a secret is shown once, when it is made. What could not be delivered is kept for
`KEPT_DAYS`, and can be sent again with the same id, by which a receiver knows it.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, TypedDict
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.config import HooksConfig
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.hooks.addresses import check_url
from tocsin_server.hooks.message import EVENTS, TEST, Event, new_secret

HOOKS_MAX = 20  # of a jurisdiction: each is written to in the transaction of every press
KEPT_DAYS = 30
KEEP_HOURS = 24  # how long a former secret signs too: time to change it at the receiver
KEEP_HOURS_MAX = 24 * 7
DELIVERIES_MAX = 500  # of one list

State = Literal["pending", "sending", "delivered", "dead"]

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class OfHook(TypedDict):
    """Which hook is meant, and whose it is."""

    jurisdiction: str
    hook_id: UUID


class HookView(msgspec.Struct, frozen=True, kw_only=True):
    """A hook and how it does. `former_secret_until`: so long two secrets sign."""

    hook_id: UUID
    name: str
    url: str
    events: list[str]
    drills: bool
    disabled_because: str | None
    added_by: str
    added_at: datetime
    former_secret_until: datetime | None
    waiting: int
    waiting_since: datetime | None
    dead: int
    delivered_at: datetime | None


class HookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A hook and its new secret, which is shown this once."""

    hook: HookView
    secret: str

    def __repr__(self) -> str:
        return "HookSecret(…)"


class DeliveryView(msgspec.Struct, frozen=True, kw_only=True):
    """One event for one hook; `delivery_id` is its webhook-id."""

    delivery_id: UUID
    alert_id: UUID | None
    event: str
    state: State
    tries: int
    status: int | None
    error: str | None
    created_at: datetime
    changed_at: datetime
    due_at: datetime | None


class HookList(msgspec.Struct, frozen=True):
    """The hooks of a jurisdiction."""

    hooks: list[HookView]


class DeliveryList(msgspec.Struct, frozen=True):
    """What a hook was told, the newest first."""

    deliveries: list[DeliveryView]


class Resent(msgspec.Struct, frozen=True):
    """How many deliveries are sent again."""

    deliveries: int


async def add_hook(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    name: str,
    url: str,
    events: Sequence[Event],
    drills: bool,
    by: str,
    config: HooksConfig,
) -> HookSecret:
    """Let another system follow these events; none named: all. Raises Invalid, Refused."""
    secret = new_secret()
    hook_id: UUID | None = await queries.add_hook(
        pool,
        jurisdiction=jurisdiction,
        name=(name := inputs.text("the name", name)),
        url=check_url(url, config),
        secret=secret,
        events=[event for event in EVENTS if event in events or not events],
        drills=drills,
        by=by,
        hooks_max=HOOKS_MAX,
    )
    if hook_id is None:
        raise Refused(
            f"There is a webhook named {name!r} already, or there are {HOOKS_MAX}, the most:"
            " take another name, or remove one first."
        )
    log.warning("webhook added", jurisdiction=jurisdiction, hook=name, by=by)
    hook = await read_hook(pool, jurisdiction=jurisdiction, hook_id=hook_id)
    return HookSecret(hook=hook, secret=secret)


async def read_hooks(pool: asyncpg.Pool, *, jurisdiction: str) -> list[HookView]:
    """List the hooks, by name."""
    return [HookView(**row) async for row in queries.hooks(pool, jurisdiction=jurisdiction)]


async def read_hook(pool: asyncpg.Pool, *, jurisdiction: str, hook_id: UUID) -> HookView:
    """Give one hook. Raises NotFound."""
    for hook in await read_hooks(pool, jurisdiction=jurisdiction):
        if hook.hook_id == hook_id:
            return hook
    raise NotFound("There is no such webhook in your jurisdiction.")


async def remove_hook(pool: asyncpg.Pool, *, jurisdiction: str, hook_id: UUID, by: str) -> HookView:
    """Take a hook away, with all that it was told. Raises NotFound."""
    hook = await read_hook(pool, jurisdiction=jurisdiction, hook_id=hook_id)
    await queries.remove_hook(pool, jurisdiction=jurisdiction, hook_id=hook_id)
    log.warning("webhook removed", jurisdiction=jurisdiction, hook=hook.name, by=by)
    return hook


async def enable_hook(pool: asyncpg.Pool, *, jurisdiction: str, hook_id: UUID, by: str) -> HookView:
    """Send to a hook again, from now on. Raises NotFound."""
    return await _set_disabled(pool, jurisdiction, hook_id, by=by, because=None)


async def disable_hook(
    pool: asyncpg.Pool, *, jurisdiction: str, hook_id: UUID, by: str
) -> HookView:
    """Send nothing to a hook; what waited is dead, and can be sent again. Raises NotFound."""
    return await _set_disabled(pool, jurisdiction, hook_id, by=by, because=f"disabled by {by}")


async def _set_disabled(
    pool: asyncpg.Pool, jurisdiction: str, hook_id: UUID, *, by: str, because: str | None
) -> HookView:
    await read_hook(pool, jurisdiction=jurisdiction, hook_id=hook_id)
    await queries.set_disabled(pool, hook_id=hook_id, because=because)
    hook = await read_hook(pool, jurisdiction=jurisdiction, hook_id=hook_id)
    log.warning(
        "webhook enabled" if because is None else "webhook disabled",
        jurisdiction=jurisdiction,
        hook=hook.name,
        by=by,
    )
    return hook


async def rotate_secret(
    pool: asyncpg.Pool, *, jurisdiction: str, hook_id: UUID, keep_hours: int, by: str
) -> HookSecret:
    """Draw a new secret; the former one signs as well for so long. Raises Invalid, NotFound."""
    if not 0 <= keep_hours <= KEEP_HOURS_MAX:
        raise Invalid(
            f"the former secret can sign for 0 to {KEEP_HOURS_MAX} hours, not {keep_hours}"
        )
    await read_hook(pool, jurisdiction=jurisdiction, hook_id=hook_id)
    secret = new_secret()
    await queries.rotate_secret(pool, hook_id=hook_id, secret=secret, keep_hours=keep_hours)
    hook = await read_hook(pool, jurisdiction=jurisdiction, hook_id=hook_id)
    log.warning("webhook's secret rotated", jurisdiction=jurisdiction, hook=hook.name, by=by)
    return HookSecret(hook=hook, secret=secret)


async def try_hook(pool: asyncpg.Pool, *, jurisdiction: str, hook_id: UUID) -> DeliveryView:
    """Send a message that says it is a test, once. Raises NotFound, Refused (it is disabled)."""
    hook = await read_hook(pool, jurisdiction=jurisdiction, hook_id=hook_id)
    _check_enabled(hook)
    row = await queries.add_test(pool, hook_id=hook_id, name=TEST)
    return DeliveryView(**row)


async def read_deliveries(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    hook_id: UUID,
    state: State | None = None,
    deliveries_max: int = DELIVERIES_MAX,
) -> list[DeliveryView]:
    """List what a hook was told, the newest first. Raises NotFound."""
    await read_hook(pool, jurisdiction=jurisdiction, hook_id=hook_id)
    rows = queries.deliveries(pool, hook_id=hook_id, state=state, deliveries_max=deliveries_max)
    return [DeliveryView(**row) async for row in rows]


async def read_delivery(pool: asyncpg.Pool, *, delivery_id: UUID) -> DeliveryView:
    """Look again at what became of a delivery. Raises NotFound."""
    row = await queries.delivery(pool, delivery_id=delivery_id)
    if row is None:
        raise NotFound("There is no such delivery: its webhook was removed.")
    return DeliveryView(**row)


async def resend(
    pool: asyncpg.Pool, *, jurisdiction: str, hook_id: UUID, delivery_id: UUID | None
) -> int:
    """Send one delivery again now, whatever became of it, or (None) all dead ones; gives how many.

    Raises NotFound, Refused (the hook is disabled).
    """
    hook = await read_hook(pool, jurisdiction=jurisdiction, hook_id=hook_id)
    _check_enabled(hook)
    sent: int = await queries.resend(pool, hook_id=hook_id, delivery_id=delivery_id)
    if delivery_id is not None and not sent:
        raise NotFound(f"There is no such delivery of {hook.name}, or it is being sent just now.")
    return sent


def _check_enabled(hook: HookView) -> None:
    if hook.disabled_because is not None:
        raise Refused(
            f"{hook.name} is disabled ({hook.disabled_because}): enable it first; nothing was sent."
        )
