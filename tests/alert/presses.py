"""Presses as ingest hands them to the database."""

from uuid import UUID

import asyncpg
import msgspec

from tests.offices import Office
from tocsin_server.alert import ingest
from tocsin_server.fleet.directory import PolicyTier
from tocsin_wire.messages import new_id

TIERS = [PolicyTier(patience_s=30.0, people=[])]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One press of one button, as it was said at one attempt."""

    device_id: str
    press_id: UUID = msgspec.field(default_factory=new_id)
    kind: str = "duress"
    said_drill: bool = False
    gesture: str = "press"
    boot_id: UUID | None = None
    seq: int = 1
    attempt: int = 1
    age_ms: int = 0
    age_exact: bool = True
    cancels: UUID | None = None
    remarks: list[str] = []
    jws: str = "signed"
    held_ms: float = 0.0


async def store(
    pool: asyncpg.Pool | asyncpg.Connection, office: Office, *presses: Said
) -> list[UUID]:
    """Commit presses together; gives their alerts."""
    batch = sorted(presses, key=lambda press: (press.device_id, press.press_id))
    device = {
        "jurisdiction": office.jurisdiction,
        "site_id": office.site_id,
        "place": {"site": "County Clerk"},
        "tiers": TIERS,
    }
    rows = await pool.fetch(
        ingest.queries.store_presses.sql,
        msgspec.json.encode(batch).decode(),
        msgspec.json.encode({press.device_id: device for press in batch}).decode(),
    )
    return [row["alert_id"] for row in rows]


async def press(pool: asyncpg.Pool, office: Office, *device_ids: str) -> list[UUID]:
    """One press of each button, else of the office's own; gives their alerts."""
    buttons = device_ids or [office.device_id]
    return await store(pool, office, *[Said(device_id=device_id) for device_id in buttons])
