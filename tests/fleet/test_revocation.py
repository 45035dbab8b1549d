"""A certificate is on record from the moment it is issued, and revoked with its button."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from cryptography import x509

from tests.offices import Office, open_office
from tests.parts import Database
from tocsin_server.errors import Refused
from tocsin_server.fleet.certificates import Authority
from tocsin_server.fleet.directory import Directory
from tocsin_server.fleet.revocation import Revocations, queries, record_certificate
from tocsin_server.storage.database import Database as Replica

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> Authority:
    root = Authority.create("Tocsin 48453", now=NOW)
    return root.certify_issuing("Tocsin 48453 issuing", now=NOW)


def certificate_of(device_id: str, authority: Authority) -> x509.Certificate:
    return authority.certify_client(device_id, now=NOW).certificate


async def test_only_an_active_button_of_the_jurisdiction_can_have_a_certificate(
    database: Database, authority: Authority
) -> None:
    async with database.pool() as pool:
        here = await open_office(pool, jurisdiction="48453")
        await open_office(pool, jurisdiction="48209")
        certificate = certificate_of(here.device_id, authority)
        for jurisdiction, device_id in (
            ("48209", here.device_id),
            ("48453", "btn-0000000000"),
        ):
            with pytest.raises(Refused, match="can have no certificate"):
                await record_certificate(
                    pool, jurisdiction=jurisdiction, device_id=device_id, certificate=certificate
                )
        await record_certificate(
            pool, jurisdiction="48453", device_id=here.device_id, certificate=certificate
        )
        rows = await pool.fetch("SELECT * FROM certificate")
    assert [(row["serial"], row["device_id"]) for row in rows] == [
        (f"{certificate.serial_number:x}", here.device_id)
    ]


async def record(pool: asyncpg.Pool, office: Office, certificate: x509.Certificate) -> None:
    await record_certificate(
        pool,
        jurisdiction=office.jurisdiction,
        device_id=office.device_id,
        certificate=certificate,
    )


async def revoke(pool: asyncpg.Pool, office: Office) -> asyncpg.Record:
    return await queries.revoke_device(
        pool,
        device_id=office.device_id,
        jurisdiction=office.jurisdiction,
        by="Sam Novak",
        because="stolen",
    )


@asynccontextmanager
async def replica(database: Database, authority: Authority) -> AsyncIterator[Revocations]:
    connection = Replica(database.dsn, replica_id="server-1")
    await connection.open()
    try:
        yield Revocations(connection, Directory(connection), authority)
    finally:
        await connection.close()


async def test_a_certificate_that_is_recorded_while_its_button_is_revoked_is_revoked_or_refused(
    database: Database, authority: Authority
) -> None:
    async with database.pool() as pool:
        here = await open_office(pool)
        first, second = (certificate_of(here.device_id, authority) for _ in range(2))
        async with pool.acquire() as claiming, claiming.transaction():
            await record(claiming, here, first)
            revoking = asyncio.create_task(revoke(pool, here))
            # It stands behind our lock: only then is there a race to be won or lost.
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not await pool.fetchval(waits):
                assert not revoking.done()
                await asyncio.sleep(0.01)
        assert (await revoking)["certificates"] == 1
        (row,) = await pool.fetch("SELECT revoked_at FROM certificate")
        assert row["revoked_at"] is not None
        with pytest.raises(Refused, match="revoked"):
            await record(pool, here, second)


async def test_every_replica_hands_out_the_same_list_whoever_signs_it(
    database: Database, authority: Authority
) -> None:
    async with (
        database.pool() as pool,
        replica(database, authority) as one,
        replica(database, authority) as other,
    ):
        here = await open_office(pool)
        certificate = certificate_of(here.device_id, authority)
        await record(pool, here, certificate)
        await asyncio.gather(one.refresh(), other.refresh())
        assert one.current is not None
        assert one.current == other.current
        assert one.current.serials == frozenset()
        await revoke(pool, here)
        first = one.current.number
        await asyncio.gather(one.refresh(), other.refresh())
        await asyncio.gather(one.refresh(), other.refresh())
        assert one.current == other.current
        assert one.current.number > first
        assert one.current.serials == {certificate.serial_number}
        assert one.current.device_ids == (here.device_id,)
        before = one.current
        await one.refresh()
        assert one.current is before
        assert await pool.fetchval("SELECT count(*) FROM revocation_list") == 1


async def test_a_list_that_is_a_day_old_or_cannot_be_read_is_signed_anew_with_a_higher_number(
    database: Database, authority: Authority
) -> None:
    async with database.pool() as pool, replica(database, authority) as one:
        await one.refresh()
        assert one.current is not None
        first = one.current
        await pool.execute("UPDATE revocation_list SET pem = 'garbage'")
        async with replica(database, authority) as started_later:
            await started_later.refresh()
            assert started_later.current is not None
            assert started_later.current.number == first.number + 1
        one.current = None
        other_authority = Authority.create("Tocsin 48453 issuing", now=NOW)
        async with replica(database, other_authority) as with_a_new_key:
            await with_a_new_key.refresh()
            assert with_a_new_key.current is not None
            assert with_a_new_key.current.number == first.number + 2


async def test_a_certificate_that_is_over_leaves_the_list(
    database: Database, authority: Authority
) -> None:
    async with database.pool() as pool, replica(database, authority) as one:
        here = await open_office(pool)
        over = authority.certify_client(here.device_id, now=NOW - timedelta(days=9 * 365))
        await record(pool, here, over.certificate)
        assert (await revoke(pool, here))["certificates"] == 0
        await one.refresh()
        assert one.current is not None
        assert one.current.serials == frozenset()
