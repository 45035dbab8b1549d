"""Revocation: a button that is lost, stolen or retired speaks for nobody any more.

Promise: every certificate of a button is on record, and all of them are taken back with it. The
server refuses its key in the same moment; each replica hands out one and the same signed list, on
which every broker finds what to refuse (`broker_follow`), with a number that rises with every
change and every day. Whoever revokes is told at which brokers it holds, and at which it doesn't.

Refused: a certificate for a button that is unknown or revoked; anything of another jurisdiction,
as if it weren't there; making a revoked button good again.
"""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Literal

import aiosql
import asyncpg
import msgspec
import structlog
from cryptography import x509

from tocsin_server import inputs
from tocsin_server.config import Config
from tocsin_server.errors import NotFound, Refused, because
from tocsin_server.fleet import following, revocation_list
from tocsin_server.fleet.certificates import Authority
from tocsin_server.fleet.directory import Directory
from tocsin_server.fleet.following import BrokerView
from tocsin_server.fleet.revocation_list import ListRefused, RevocationList, Revoked
from tocsin_server.storage.database import DATABASE_ERRORS, Database

IN_FORCE_S_MAX = 5.0  # somebody sits and waits; a broker asks every second
ASK_AGAIN_S = 0.1
LOOK_AGAIN_S = 1.0
TRIES_MAX = 5  # of replicas that sign at once, one is first

Because = Literal["lost", "stolen", "retired", "compromised"]

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class RevocationView(msgspec.Struct, frozen=True, kw_only=True):
    """A button that is taken out, and where that holds. `fresh`: it was not so before."""

    device_id: str
    fresh: bool
    revoked_at: datetime | None
    revoked_by: str | None
    revoked_because: str | None
    in_force: bool
    brokers: list[BrokerView]
    remarks: list[str]


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


async def revoke_device(
    pool: asyncpg.Pool,
    *,
    config: Config,
    jurisdiction: str,
    device_id: str,
    by: str,
    reason: Because,
) -> RevocationView:
    """Take a button out for good, and wait a moment until the brokers say that it holds.

    Once more changes nothing. Raises Invalid, NotFound.
    """
    row = await queries.revoke_device(
        pool,
        device_id=device_id,
        jurisdiction=jurisdiction,
        by=inputs.text("the name of who says so", by),
        because=reason,
    )
    if row is None:
        raise NotFound(f"no button {device_id} in {jurisdiction}")
    brokers: list[BrokerView] = []
    remarks: list[str] = []
    if config.authority is None:
        remarks.append(
            "No broker can be told: tocsin.toml has no [authority]. Deny the button at each"
            " broker by hand (broker_config/README.md)."
        )
    elif row["certificates"] == 0:
        remarks.append(
            "No certificate of this button that still holds is on record, so no broker can be"
            " told. If it may have one, deny the button at each broker by hand"
            " (broker_config/README.md)."
        )
    else:
        brokers, remarks = await _until_in_force(pool, config, device_id)
    for broker in config.brokers:
        if broker.persistent:
            remarks.append(
                f"The cluster at {broker.url} takes no list: delete the button's user there"
                " (broker_config/rabbitmq/README.md)."
            )
    return RevocationView(
        device_id=device_id,
        fresh=row["fresh"],
        revoked_at=row["revoked_at"],
        revoked_by=row["revoked_by"],
        revoked_because=row["revoked_because"],
        in_force=not remarks and all(broker.in_force for broker in brokers),
        brokers=brokers,
        remarks=remarks,
    )


async def _until_in_force(
    pool: asyncpg.Pool, config: Config, device_id: str
) -> tuple[list[BrokerView], list[str]]:
    """Wait while a broker that lives may still be taking the list over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + IN_FORCE_S_MAX
    while True:
        number = await _number_of_list_with(pool, device_id)
        views = await following.brokers(pool, number=number)
        waited_for = [
            each for each in views if not each.in_force and each.heard_s_ago < following.SILENT_S
        ]
        if (number is not None and not waited_for) or loop.time() >= deadline:
            break
        await asyncio.sleep(ASK_AGAIN_S)
    if number is None:
        return [], [
            "NO BROKER KNOWS OF IT YET: no server has signed the list. It is done as soon as one"
            " runs: start tocsin serve, and ask again with the same command."
        ]
    urls = [broker.url for broker in config.brokers if not broker.persistent]
    lacking = following.missing(views, urls)
    return views, [] if lacking is None else [f"{lacking}."]


async def _number_of_list_with(pool: asyncpg.Pool, device_id: str) -> int | None:
    """Give the newest list's number once this button's certificates are on it."""
    serials = [row["serial"] async for row in queries.revoked_serials_of(pool, device_id=device_id)]
    newest = await queries.newest_list(pool)
    if newest is None:
        return None
    crl = x509.load_pem_x509_crl(newest["pem"].encode())
    listed = (crl.get_revoked_certificate_by_serial_number(int(each, 16)) for each in serials)
    number: int | None = newest["number"] if all(each is not None for each in listed) else None
    return number


async def newest_number(pool: asyncpg.Pool) -> int | None:
    """Give the number of the newest list; None where none was ever signed."""
    newest = await queries.newest_list(pool)
    return newest["number"] if newest is not None else None


class Revocations:
    """The list as one replica hands it out."""

    def __init__(self, database: Database, directory: Directory, authority: Authority) -> None:
        self._database = database
        self._authority = authority
        self._changed = asyncio.Event()
        self._changed.set()
        self.current: RevocationList | None = None
        directory.on_change(self._changed.set)

    @property
    def issuer(self) -> x509.Certificate:
        """Give who signs the list, and every broker's certificate."""
        return self._authority.certificate

    async def run(self) -> None:
        """Look again whenever the directory was read, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.refresh()
            except DATABASE_ERRORS as error:
                log.warning("the list of revocations stays as it was", because=because(error))
                self._changed.set()
                await asyncio.sleep(LOOK_AGAIN_S)

    async def refresh(self) -> None:
        """Take over the newest list; sign one first where it is due. Raises DATABASE_ERRORS."""
        pool = self._database.pool
        for _ in range(TRIES_MAX):
            revoked = [
                Revoked(int(row["serial"], 16), row["device_id"], row["revoked_at"])
                async for row in queries.revoked_certificates(pool)
            ]
            newest = await queries.newest_list(pool)
            now = self._database.now()
            current = self._read(newest, now) if newest else None
            if not revocation_list.is_due(current, revoked, now=now):
                self.current = current
                return
            number = revocation_list.next_number(newest["number"] if newest else None, now=now)
            # Beside the loop: a press must not wait while a long list is written.
            pem = await asyncio.to_thread(
                revocation_list.sign, self._authority, revoked, number=number, now=now
            )
            await queries.add_list(pool, number=number, signed_at=now, pem=pem.decode())
            await queries.forget_lists(pool, number=number)
            log.info("signed the list of revocations", number=number, certificates=len(revoked))
        self._changed.set()

    def _read(self, row: asyncpg.Record, now: datetime) -> RevocationList | None:
        if self.current is not None and self.current.number == row["number"]:
            return self.current
        try:
            return revocation_list.read(
                row["pem"].encode(), issuer=self._authority.certificate, now=now
            )
        except ListRefused as error:
            log.warning("the list of revocations is signed anew", because=because(error))
            return None
