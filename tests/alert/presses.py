"""Presses as ingest hands them to the database."""

from uuid import UUID

import asyncpg
import msgspec

from tests.offices import Office
from tocsin_server.alert import ingest
from tocsin_server.fleet.directory import PolicyTier
from tocsin_wire.messages import new_press_id

TIERS = [PolicyTier(patience_s=30.0, people=[])]


async def press(
    pool: asyncpg.Pool, office: Office, *device_ids: str, kind: str = "duress"
) -> list[UUID]:
    """One press of each button (else of the office's own), committed together; their alerts."""
    batch = [
        {
            "device_id": device_id,
            "press_id": new_press_id(),
            "kind": kind,
            "said_drill": False,
            "gesture": "press",
            "seq": 1,
            "attempt": 1,
            "age_ms": 0,
            "age_exact": True,
            "remarks": [],
            "jws": "signed",
            "held_ms": 0.0,
        }
        for device_id in sorted(device_ids or [office.device_id])
    ]
    device = {
        "jurisdiction": office.jurisdiction,
        "site_id": office.site_id,
        "place": {"site": "County Clerk"},
        "tiers": TIERS,
    }
    rows = await pool.fetch(
        ingest.queries.store_presses.sql,
        msgspec.json.encode(batch).decode(),
        msgspec.json.encode({str(each["device_id"]): device for each in batch}).decode(),
    )
    return [row["alert_id"] for row in rows]
