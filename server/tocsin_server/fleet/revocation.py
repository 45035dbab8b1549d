"""Revocation: a button that is lost, stolen or retired speaks for nobody any more.

Promise: every certificate of a button is on record, so that all of them can be taken back at once.

Refused: a certificate for a button that is unknown or revoked; anything of another jurisdiction,
as if it weren't there.
"""

from pathlib import Path

import aiosql
import asyncpg
from cryptography import x509

from tocsin_server.errors import Refused

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


async def record_certificate(
    pool: asyncpg.Pool, *, jurisdiction: str, device_id: str, certificate: x509.Certificate
) -> None:
    """Put a certificate on record before its button gets it. `pool` may be one connection.

    Raises Refused (no such button here, or it was revoked).
    """
    recorded = await queries.record_certificate(
        pool,
        serial=f"{certificate.serial_number:x}",
        jurisdiction=jurisdiction,
        device_id=device_id,
        expires_at=certificate.not_valid_after_utc,
    )
    if recorded is None:
        raise Refused(
            f"{device_id} can have no certificate: it is not known in {jurisdiction}, or it was"
            " revoked; make the button anew, under a new name"
        )
