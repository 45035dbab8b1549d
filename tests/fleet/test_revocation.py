"""A certificate is on record from the moment it is issued, and revoked with its button."""

from datetime import UTC, datetime

import pytest
from cryptography import x509

from tests.offices import open_office
from tests.parts import Database
from tocsin_server.errors import Refused
from tocsin_server.fleet.certificates import Authority
from tocsin_server.fleet.revocation import record_certificate

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
