"""`tocsin doctor` finds each thing that is wrong, says what to do, and puts nobody out."""

import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest_asyncio
from msgspec.structs import replace

from tests.broker.parties import Identity, Party
from tests.cli.terminal import Terminal
from tests.offices import open_office
from tests.parts import Database, Deployment
from tocsin_server.cli.doctor import (
    Finding,
    Findings,
    check_broker,
    check_buttons,
    check_certificates,
    check_dead_man,
    check_phones,
    examine,
)
from tocsin_server.config import Config, DeadManConfig, load_config
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet import revocation_list
from tocsin_server.fleet.certificates import read_certificate
from tocsin_server.fleet.deployment import create_deployment, issuing_authority
from tocsin_server.fleet.following import Following, record_following
from tocsin_server.fleet.revocation import queries
from tocsin_server.fleet.revocation_list import Revoked

NOW = datetime.now(UTC)


@pytest_asyncio.fixture
async def config(deployment: Deployment, database: Database) -> Config:
    """A deployment in which everything is well, but for what runs."""
    path = deployment.server_config(
        replica_id="server-1", port=free_port(), dsn=database.dsn, brokers=deployment.broker_urls
    )
    async with database.pool() as pool:
        authority = issuing_authority(deployment.folder)
        pem = revocation_list.sign(authority, [], number=7, now=NOW)
        await queries.add_list(pool, number=7, signed_at=NOW, pem=pem.decode())
        await record_following(pool, Following(broker="broker-a", number=7))
    token = deployment.folder / "server" / "twilio_token"
    if token.exists():
        token.chmod(0o600)
    return load_config(path)


def bad(findings: list[Finding]) -> dict[str, Finding]:
    found = {each.check: each for each in findings if not each.ok}
    assert all(each.remedy for each in found.values())
    return found


async def test_a_deployment_in_which_all_is_well_is_called_well_and_nobody_is_put_out(
    config: Config, broker: Mosquitto
) -> None:
    server = Identity.server(Path(config.folder), "server-1")
    with Party(server, broker.port) as running:
        findings = await examine(config, now=NOW)
        assert not running.put_out.is_set()
    assert bad(findings) == {}
    (root_key,) = [each for each in findings if each.check == "root key"]
    assert "two safes" in (root_key.remedy or "")


async def test_a_server_that_twilio_can_t_reach_is_told_what_calls_can_t_do(config: Config) -> None:
    assert list(check_phones(config)) == []
    assert config.twilio is not None
    hidden = replace(config, twilio=replace(config.twilio, public=False))
    (finding,) = check_phones(hidden)
    assert finding.ok
    assert "by a key" in finding.detail
    assert "answer by text" in (finding.remedy or "")


async def test_each_fault_is_found_and_named(config: Config, broker: Mosquitto) -> None:
    folder = Path(config.folder)
    url = config.brokers[0].url
    faults: dict[str, tuple[str, Callable[[], object]]] = {
        "a key that others may read": (
            "keys.receipt_key_file",
            lambda: (folder / "server/receipt.key").chmod(0o644),
        ),
        "a key that is gone": (
            "authority.key_file",
            (folder / "ca/issuing.key").unlink,
        ),
        "a key of somebody else": (
            "issuing authority",
            lambda: shutil.copy(folder / "ca/ca.key", folder / "ca/issuing.key"),
        ),
        "no certificate": (
            "server certificate",
            lambda: (folder / "server/server-1.crt").write_text("nonsense"),
        ),
        "another deployment's root": (f"broker {url}", lambda: _exchange_root(folder)),
    }
    untouched = folder.with_name("untouched")
    shutil.copytree(folder, untouched)
    for what, (check, break_it) in faults.items():
        break_it()
        assert check in bad(await examine(config, now=NOW)), what
        for file in untouched.rglob("*"):
            if file.is_file():
                shutil.copy2(file, folder / file.relative_to(untouched))
    assert bad(await examine(config, now=NOW)) == {}


def _exchange_root(folder: Path) -> None:
    create_deployment(folder.with_name("other"), jurisdiction="48453")
    shutil.copy(folder.with_name("other") / "ca/ca.crt", folder / "ca/ca.crt")


async def test_a_broker_that_is_away_or_refuses_us_is_found(
    config: Config, broker: Mosquitto
) -> None:
    folder = Path(config.folder)
    serial = read_certificate(folder / "server/server-1.crt").serial_number
    us = Revoked(serial=serial, device_id="btn-0000000000", revoked_at=NOW)
    pem = revocation_list.sign(issuing_authority(folder), [us], number=8, now=NOW)
    (broker.folder / "crl.pem").write_bytes(pem)
    await broker.stop()
    url = config.brokers[0].url
    away = await check_broker(config, url, now=NOW)
    assert "can't be reached" in away.detail
    await broker.start()
    refused = await check_broker(config, url, now=NOW)
    assert not refused.ok, refused
    assert "log" in f"{refused.detail} {refused.remedy}"


async def test_what_ends_soon_or_has_ended_is_found_before_nobody_can_connect(
    config: Config,
) -> None:
    soon = NOW + timedelta(days=5 * 365 - 20)
    assert "in 21 days" in bad([*check_certificates(config, now=soon)])["server certificate"].detail
    late = NOW + timedelta(days=21 * 365)
    assert {"root certificate", "issuing certificate", "server certificate"} == set(
        bad([*check_certificates(config, now=late)])
    )


async def test_a_button_whose_certificate_ends_soon_is_named(
    terminal: Terminal, database: Database
) -> None:
    said = await terminal.run("device", "add", "--json")
    device_id = msgspec.json.decode(said.out, type=dict[str, object])["device_id"]
    config = load_config(Path(terminal.environment["TOCSIN_CONFIG"]))
    async with database.pool() as pool:
        five_years = timedelta(days=5 * 365)
        assert await check_buttons(pool, now=NOW + five_years - timedelta(days=90)) == []
        soon = await check_buttons(pool, now=NOW + five_years - timedelta(days=30))
        assert str(device_id) in bad(soon)["button certificates"].detail
        await pool.execute("UPDATE device SET state = 'revoked'")
        assert await check_buttons(pool, now=NOW + five_years) == []
    assert "button certificates" not in bad(await examine(config, now=NOW))


async def test_a_list_that_nobody_signs_or_follows_is_found(
    config: Config, broker: Mosquitto, database: Database
) -> None:
    later = await examine(config, now=NOW + timedelta(days=3))
    assert "no server has signed the list since" in bad(later)["revocations"].detail
    async with database.connected() as connection:
        await connection.execute("UPDATE broker_following SET number = 6")
    behind = bad(await examine(config, now=NOW))["revocations at broker-a"]
    assert "the newest is NOT in force there" in behind.detail
    async with database.connected() as connection:
        await connection.execute(
            "UPDATE broker_following SET number = 7, at = clock_timestamp() - interval '1 h'"
        )
    silent = bad(await examine(config, now=NOW))["revocations at broker-a"]
    assert "60 min ago" in silent.detail
    async with database.connected() as connection:
        await connection.execute("TRUNCATE broker_following, revocation_list")
    assert "ever signed" in bad(await examine(config, now=NOW))["revocations"].detail


async def test_the_answer_is_an_exit_code_and_lines_or_json(
    deployed: Terminal, folder: Path, bare: Terminal
) -> None:
    said = await deployed.run("doctor")
    assert (said.code, said.err) == (1, "")
    assert "BAD broker mqtts://127.0.0.1:8883: it can't be reached" in said.out
    assert "    do: start tocsin serve" in said.out
    answer = msgspec.json.decode((await deployed.run("doctor", "--json")).out, type=Findings)
    assert not answer.ok
    config = folder / "d" / "tocsin.toml"
    config.write_text("replica_id = 7")
    broken = await deployed.run("doctor")
    assert (broken.code, broken.err) == (1, "")
    assert broken.out.startswith("BAD configuration: ")


async def test_a_tier_that_will_have_nobody_is_found_days_before(
    config: Config, broker: Mosquitto, database: Database
) -> None:
    async with database.pool() as pool:
        await open_office(pool)
        assert bad(await examine(config, now=NOW)) == {}
        await pool.execute("UPDATE person SET ends_on = current_date + 2")
    found = bad(await examine(config, now=NOW))
    assert "Dana Ortiz's account ends on" in found["accounts of 48453"].detail
    assert "tocsin person until" in (found["accounts of 48453"].remedy or "")


async def test_whether_anybody_outside_would_notice_is_said(
    config: Config, database: Database
) -> None:
    def with_address(url_file: str = "server/dead_man_url") -> Config:
        return msgspec.structs.replace(config, dead_man=DeadManConfig(url_file=url_file))

    file = Path(config.folder) / "server" / "dead_man_url"
    file.write_text("https://hc.example.org/0123-secret\n")
    async with database.pool() as pool:
        none = await check_dead_man(pool, config)
        assert none.ok
        assert "nobody outside notices" in none.detail
        still = await check_dead_man(pool, with_address())
        assert "this server does not run" in still.detail
        await pool.execute("INSERT INTO replica VALUES ('server-1', now(), NULL, now(), NULL)")
        never = await check_dead_man(pool, with_address())
        assert not never.ok
        assert "has answered never" in never.detail
        # The machine may pause before it is looked at, and 90 s are the limit.
        for ago_s, good in ((70, True), (91, False)):
            await pool.execute(
                "UPDATE replica SET dead_man_at = clock_timestamp() - $1 * interval '1 s'", ago_s
            )
            found = await check_dead_man(pool, with_address())
            said = re.search(r"(\d+) s ago", found.detail)
            assert said is not None
            assert found.ok is good
            assert ago_s <= int(said[1]) < ago_s + 20
        for broken in ("not a url", "ftp://example.org/", "https://:80/secret"):
            file.write_text(broken)
            bad_one = await check_dead_man(pool, with_address())
            assert not bad_one.ok
            assert "copy the one that the service outside gave you" in bad_one.detail
            assert broken not in bad_one.detail, "it is a secret, even so"
        gone = await check_dead_man(pool, with_address("server/gone"))
        assert "can't read server/gone" in gone.detail
