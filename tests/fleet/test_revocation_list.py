"""The signed list: what is written is what is read, and when a new one is due."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tocsin_server.fleet import revocation_list
from tocsin_server.fleet.certificates import Authority
from tocsin_server.fleet.revocation_list import (
    SIGNED_AGAIN,
    ListRefused,
    RevocationList,
    Revoked,
    is_due,
    next_number,
)

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
BUTTONS = ("btn-0123456789", "btn-abcdefghjk")
REVOKED = [
    Revoked(serial=0x7F << 150, device_id=BUTTONS[0], revoked_at=NOW),
    Revoked(serial=2, device_id=BUTTONS[1], revoked_at=NOW),
    Revoked(serial=3, device_id=BUTTONS[1], revoked_at=NOW),  # it was certified twice
]


@pytest.fixture(scope="module")
def authority() -> Authority:
    root = Authority.create("Tocsin 48453", now=NOW)
    return root.certify_issuing("Tocsin 48453 issuing", now=NOW)


def signed(authority: Authority, *, number: int = 7, now: datetime = NOW) -> bytes:
    return revocation_list.sign(authority, REVOKED, number=number, now=now)


def read(authority: Authority, *, now: datetime = NOW) -> RevocationList:
    return revocation_list.read(signed(authority), issuer=authority.certificate, now=now)


def test_what_is_signed_is_read_back(authority: Authority) -> None:
    found = read(authority)
    assert (found.number, found.signed_at) == (7, NOW)
    assert found.serials == {one.serial for one in REVOKED}
    assert found.device_ids == BUTTONS


def test_openssl_holds_it_for_a_list_of_this_authority(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "crl.pem").write_bytes(signed(authority))
    authority.save(tmp_path / "issuing.crt", tmp_path / "issuing.key")
    shown = subprocess.run(
        ["openssl", "crl", "-in", "crl.pem", "-CAfile", "issuing.crt", "-noout", "-text"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "verify OK" in shown.stderr
    assert all(f"..{device_id}" in shown.stdout for device_id in BUTTONS)
    assert "critical" not in shown.stdout


def test_it_holds_for_ten_years_and_on_a_clock_that_is_an_hour_late(authority: Authority) -> None:
    read(authority, now=NOW + timedelta(days=3651))
    read(authority, now=NOW - timedelta(hours=1))
    with pytest.raises(ListRefused, match="it ended on 2036-11-02"):
        read(authority, now=NOW + timedelta(days=3653))
    with pytest.raises(ListRefused, match="set that clock"):
        read(authority, now=NOW - timedelta(days=2))


def test_a_list_of_another_authority_of_the_same_name_is_refused(authority: Authority) -> None:
    other = Authority.create("Tocsin 48453 issuing", now=NOW)
    with pytest.raises(ListRefused, match="isn't signed by"):
        revocation_list.read(signed(other), issuer=authority.certificate, now=NOW)


def test_a_new_list_is_due_when_something_changed_and_every_day(authority: Authority) -> None:
    current = read(authority)
    assert not is_due(current, REVOKED, now=NOW)
    assert not is_due(current, REVOKED, now=NOW + SIGNED_AGAIN - timedelta(seconds=1))
    assert is_due(current, REVOKED, now=NOW + SIGNED_AGAIN)
    assert is_due(current, REVOKED[:2], now=NOW)
    assert is_due(current, [], now=NOW)
    assert is_due(None, [], now=NOW)


def test_numbers_rise_in_one_second_on_a_clock_set_back_and_after_a_restore() -> None:
    first = next_number(None, now=NOW)
    assert next_number(first, now=NOW) == first + 1
    assert next_number(first, now=NOW - timedelta(days=300)) == first + 1
    assert next_number(None, now=NOW + timedelta(seconds=1)) > first
