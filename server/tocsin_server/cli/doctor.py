"""`tocsin doctor`: what is wrong with this server and its brokers, and what to do.

Promise: it looks at everything from here, one thing at a time, and changes nothing. Each thing that
is wrong is one line with what to do under it; the exit code is 0 only where nothing is.

Refused: standing at a broker in this server's name, which would put out the server that runs.
"""

import argparse
import asyncio
import ssl
import stat
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import msgspec
from cryptography import x509

from tocsin_server import dead_man, street_map
from tocsin_server.cli.command import add_config, add_json, configuration, done
from tocsin_server.cli.office import database
from tocsin_server.config import Config, ConfigError
from tocsin_server.errors import TocsinError
from tocsin_server.fleet import following, receipt_keys
from tocsin_server.fleet.certificates import (
    CertificateError,
    Certified,
    DeploymentError,
    client_context,
    read_certificate,
)
from tocsin_server.fleet.receipt_keys import KeyFiles
from tocsin_server.fleet.revocation import newest_list, queries
from tocsin_server.fleet.revocation_list import SIGNED_AGAIN
from tocsin_server.people.ending import REMEDY, read_vacancies
from tocsin_server.storage.schema import SchemaError, check_schema
from tocsin_wire.signing import SigningKey

ENDS_SOON = timedelta(days=60)  # certificates are renewed by people, who have holidays
CONNECT_S_MAX = 5.0
# With TLS 1.3 a broker refuses a certificate only after the handshake, in its first word.
REFUSES_S_MAX = 0.5
_RENEWED = "have it certified anew (Certificates, in broker_config/README.md)"
NAMED_MAX = 10  # in one line; tocsin keys list has all
PRIVATE = 0o077  # what nobody but the owner may do with a secret


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at; `remedy` says what to do, also where it is merely advice."""

    check: str
    ok: bool
    detail: str
    remedy: str | None = None


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was looked at."""

    ok: bool
    findings: list[Finding]


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_config(parser)
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Look, and say what was found: 0 all is well, 1 it isn't."""
    try:
        config = configuration(options)
    except ConfigError as error:
        findings = [_bad("configuration", str(error), "correct the file")]
    else:
        findings = done(examine(config, now=datetime.now(UTC)))
    ok = all(each.ok for each in findings)
    if options.json:
        sys.stdout.write(msgspec.json.encode(Findings(ok=ok, findings=findings)).decode() + "\n")
    else:
        sys.stdout.writelines(map(_line, findings))
        sys.stdout.write("nothing is wrong here\n" if ok else "")
    return 0 if ok else 1


async def examine(config: Config, *, now: datetime) -> list[Finding]:
    """Look at everything that the configuration names."""
    findings = [_good("configuration", f"{config.folder}/tocsin.toml is understood")]
    findings += check_secrets(config)
    findings += check_receipt_keys(config)
    findings += check_certificates(config, now=now)
    findings += check_phones(config)
    findings += check_map(config)
    for broker in config.brokers:
        for node in broker.nodes:
            findings.append(await check_broker(config, node, now=now))
    try:
        async with database(config) as pool:
            await check_schema(pool)
            findings.append(_good("database", "it answers, and its tables are this release's"))
            findings += await check_revocations(pool, config, now=now)
            findings += await check_accounts(pool)
            findings.append(await check_dead_man(pool, config))
            findings += await check_rotation(pool, config)
            findings += await check_buttons(pool, now=now)
    except SchemaError as error:
        findings.append(_bad("database", str(error), "tocsin migrate"))
    except (TocsinError, ConfigError) as error:
        findings.append(_bad("database", str(error), "see that PostgreSQL runs, then look again"))
    return findings


def check_secrets(config: Config) -> Iterator[Finding]:
    """Keys and passwords: there, and for their owner alone."""
    next_key = config.keys.next_receipt_key_file
    here = next_key is not None and config.path(next_key).exists()
    named = {
        "database.dsn_file": config.database.dsn_file,
        "mqtt.certificate_key_file": config.mqtt.certificate_key_file,
        "authority.key_file": config.authority.key_file if config.authority else None,
        "keys.receipt_key_file": config.keys.receipt_key_file,
        "keys.next_receipt_key_file": next_key if here else None,
        **config.token_files,
        "dead_man.url_file": config.dead_man.url_file if config.dead_man else None,
        "email.password_file": config.email.password_file if config.email else None,
        "push.vapid_key_file": config.push.vapid_key_file if config.push else None,
    }
    for key, name in named.items():
        if name is not None:
            yield _check_secret(key, config.path(name))
    for check, path, need in (
        ("root key", config.path("ca/ca.key"), "never needs it"),
        ("offline key", config.path("ca/command.key"), "never needs it"),
        ("next receipt key", KeyFiles.of(config).successor, "needs it for a rotation alone"),
    ):
        if path.exists():
            yield Finding(
                check=check,
                ok=True,
                detail=f"{path} lies on this server, which {need}",
                remedy="move it onto two sticks, in two safes: so nobody steals it from here",
            )


def check_phones(config: Config) -> Iterator[Finding]:
    """What can't be done by phone, as this is configured."""
    if config.twilio is not None and not config.twilio.public:
        yield Finding(
            check="calls",
            ok=True,
            detail="nobody can answer a call by a key: Twilio posts keys, and public is false",
            remedy="let people answer by text; or open a way for Twilio, and set public = true",
        )


def check_map(config: Config) -> Iterator[Finding]:
    """Whether the console can draw the streets of the file that is named, if one is."""
    try:
        path = street_map.find(config)
    except street_map.UnusableMap as error:
        yield _bad("map", str(error), street_map.REMEDY)
    else:
        if path is not None:
            yield _good("map", f"{path} has streets that the console can draw")


def check_receipt_keys(config: Config) -> Iterator[Finding]:
    """Whether buttons know the key that this server signs with."""
    check = "receipt keys"
    try:
        keys = receipt_keys.read(config.path(config.keys.receipt_keys_file))
        current = SigningKey.load(config.path(config.keys.receipt_key_file))
        receipt_keys.check_current(keys, current, config=config)
    except (DeploymentError, OSError, ValueError) as error:
        yield _bad(check, str(error), "put back what tocsin init or tocsin keys rotate wrote")
    else:
        yield _good(check, "buttons know the one that this server signs with, and its successor")


async def check_rotation(pool: asyncpg.Pool, config: Config) -> list[Finding]:
    """Whether the last rotation of the receipt keys has come to its end everywhere."""
    try:
        keys = receipt_keys.read(config.path(config.keys.receipt_keys_file))
    except DeploymentError:
        return []  # told above
    findings = [
        _bad(
            f"receipt key of {each.replica_id}",
            "it signs with another key than this server's folder says is the current one",
            f"copy {config.keys.receipt_key_file} and {config.keys.receipt_keys_file} there, and"
            " restart it",
        )
        for each in await receipt_keys.replicas(pool)
        if each.kid not in {keys.current.kid, None}
    ]
    behind = await receipt_keys.left_behind(pool, keys)
    if behind:
        named = ", ".join(each.device_id for each in behind[:NAMED_MAX])
        more = f" and {len(behind) - NAMED_MAX} more" * (len(behind) > NAMED_MAX)
        findings.append(
            Finding(
                check="next receipt key",
                ok=True,
                detail=f"not known to know the successor yet: {named}{more}",
                remedy="connect them before the next tocsin keys rotate, which would refuse",
            )
        )
    return findings


def _check_secret(key: str, path: Path) -> Finding:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        with path.open("rb"):
            pass
    except OSError as error:
        remedy = "put the file there, and see that the server's account may read it"
        return _bad(key, f"{path} can't be read: {error.strerror}", remedy)
    if mode & PRIVATE:
        return _bad(key, f"{path} can be read or changed by others", f"chmod 600 {path}")
    return _good(key, f"{path} is for its owner alone")


def check_certificates(config: Config, *, now: datetime) -> Iterator[Finding]:
    """How long those on this machine are good."""
    mqtt, authority = config.mqtt, config.authority
    named = {
        "root certificate": mqtt.ca_file,
        "issuing certificate": authority.certificate_file if authority else None,
        "server certificate": mqtt.certificate_file,
    }
    for check, name in named.items():
        if name is None:
            continue
        try:
            certificate = read_certificate(config.path(name))
        except CertificateError as error:
            yield _bad(check, str(error), "put back the file that tocsin init made")
        else:
            yield left(check, certificate.not_valid_after_utc, now=now)
    if authority is None:
        yield Finding(
            check="issuing authority",
            ok=True,
            detail="tocsin.toml has no [authority]: no button is revoked at any broker from here",
            remedy="add it, as tocsin init writes it, unless another server has it",
        )
        return
    try:
        Certified.load(config.path(authority.certificate_file), config.path(authority.key_file))
    except CertificateError as error:
        yield _bad("issuing authority", str(error), "put back the files that tocsin init made")


async def check_broker(config: Config, url: str, *, now: datetime) -> Finding:
    """Whether it answers, is ours, and lets this server in as far as TLS."""
    check, parts = f"broker {url}", urlsplit(url)
    if parts.scheme == "mqtt":
        return Finding(
            check=check,
            ok=True,
            detail="it is reached without TLS, so it wasn't tried",
            remedy="use mqtts:// with a broker's certificate, unless this is a test",
        )
    mqtt = config.mqtt
    try:
        context = client_context(
            ca_file=config.path(mqtt.ca_file or ""),
            certificate_file=config.path(mqtt.certificate_file or ""),
            key_file=config.path(mqtt.certificate_key_file or ""),
        )
        ends = await _shown_until(parts.hostname or "", parts.port or 8883, context)
    except DeploymentError as error:
        return _bad(check, str(error), "put back the files that tocsin init made")
    except ssl.SSLCertVerificationError as error:
        remedy = "give the broker the broker.crt of this deployment, with this name in it"
        return _bad(check, f"its certificate isn't good: {error.verify_message}", remedy)
    except ssl.SSLError as error:
        remedy = "see the broker's log: is its crl.pem over, or this server's certificate revoked?"
        return _bad(check, f"it refuses this server's certificate ({error.reason})", remedy)
    except (OSError, TimeoutError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "no answer"
        remedy = "see that the broker runs, its name resolves, and no firewall is between"
        return _bad(check, f"it can't be reached: {why}", remedy)
    return left(check, ends, now=now)


async def _shown_until(host: str, port: int, context: ssl.SSLContext) -> datetime:
    """Give the end of the certificate that a broker shows. Raises OSError, ssl.SSLError."""
    async with asyncio.timeout(CONNECT_S_MAX):
        reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
        der = shown.getpeercert(binary_form=True) or b""
        try:
            async with asyncio.timeout(REFUSES_S_MAX):
                if not await reader.read(1):
                    raise ConnectionResetError(None, "it hung up: see its log for the reason")
        except TimeoutError:
            return x509.load_der_x509_certificate(der).not_valid_after_utc
        raise ConnectionResetError(None, "what answers there is no MQTT broker")
    finally:
        writer.transport.abort()


async def check_revocations(pool: asyncpg.Pool, config: Config, *, now: datetime) -> list[Finding]:
    """Whether the list is signed, and holds at every broker."""
    if config.authority is None:
        return []
    newest = await newest_list(pool)
    if newest is None:
        detail = "no list of revocations was ever signed"
        return [_bad("revocations", detail, "start tocsin serve: it signs one at once")]
    crl = x509.load_pem_x509_crl(newest.pem.encode())
    findings = [left(f"revocations, list {newest.number}", crl.next_update_utc or now, now=now)]
    if now - newest.signed_at > 2 * SIGNED_AGAIN:
        detail = f"no server has signed the list since {newest.signed_at:%Y-%m-%d %H:%M}Z"
        findings.append(_bad("revocations", detail, "start tocsin serve, and see its log"))
    views = await following.brokers(pool, number=newest.number)
    for view in views:
        silent = view.heard_s_ago >= following.SILENT_S
        detail = f"list {view.number}, heard {following.age(view.heard_s_ago)} ago"
        findings.append(
            Finding(
                check=f"revocations at {view.name}",
                ok=view.in_force and not silent,
                detail=detail if view.in_force else f"the newest is NOT in force there: {detail}",
                remedy=(
                    f"on {view.name}: systemctl restart tocsin-broker-follow, then see journalctl"
                    f" -u tocsin-broker-follow; gone for good: tocsin broker forget {view.name}"
                )
                if silent or not view.in_force
                else None,
            )
        )
    urls = [broker.url for broker in config.brokers if not broker.persistent]
    lacking = following.missing(views, urls)
    if lacking is not None:
        remedy = "run tocsin broker follow beside each Mosquitto (broker_config/README.md)"
        findings.append(_bad("revocations", lacking, remedy))
    return findings


async def check_accounts(pool: asyncpg.Pool) -> list[Finding]:
    """Whether each tier has somebody beyond the next days, though accounts end."""
    vacancies = await read_vacancies(pool)
    if not vacancies:
        return [_good("accounts", "no tier is without people, or will be within a week")]
    remedy = REMEDY[0].lower() + REMEDY[1:].rstrip(".")
    return [
        _bad(f"accounts of {each.jurisdiction}", each.sentence.rstrip("."), remedy)
        for each in vacancies
    ]


async def check_dead_man(pool: asyncpg.Pool, config: Config) -> Finding:
    """Whether this server says outside that all is well, and is heard."""
    check = "dead-man"
    try:
        url = config.dead_man_url()
    except ConfigError as error:
        return _bad(check, str(error), "correct the address, and restart tocsin serve")
    if url is None or config.dead_man is None:
        return Finding(
            check=check,
            ok=True,
            detail="tocsin.toml has no [dead_man]: nobody outside notices when all of it is silent",
            remedy="get an address from a service outside, and add it (docs/operations.md)",
        )
    row = await dead_man.queries.answered(pool, replica_id=config.replica_id)
    if row is None:
        return Finding(
            check=check,
            ok=True,
            detail="an address is set; this server does not run, so it says nothing there",
            remedy="start tocsin serve",
        )
    ago_s = row["answered_s_ago"]
    if ago_s is None or ago_s > 3 * config.dead_man.every_s:
        last = "never" if ago_s is None else f"last {following.age(ago_s)} ago"
        remedy = "see the console's red lines, and the server's log for 'dead-man'"
        return _bad(check, f"the address outside has answered {last}", remedy)
    return _good(check, f"the address outside has answered {following.age(ago_s)} ago")


async def check_buttons(pool: asyncpg.Pool, *, now: datetime) -> list[Finding]:
    """Whose certificate ends soon: a button can't connect any more then."""
    ending = [row async for row in queries.certificates_that_end(pool, before=now + ENDS_SOON)]
    if not ending:
        return []
    named = ", ".join(f"{row['device_id']} ({row['ends']:%Y-%m-%d})" for row in ending[:NAMED_MAX])
    more = f" and {len(ending) - NAMED_MAX} more" * (len(ending) > NAMED_MAX)
    detail = f"these can't connect any more from that day on: {named}{more}"
    return [_bad("button certificates", detail, "claim each anew, and revoke its old name")]


def left(check: str, ends: datetime, *, now: datetime) -> Finding:
    """Say how long something is good."""
    days = (ends - now).days
    if ends <= now:
        return _bad(check, f"it ended on {ends:%Y-%m-%d}", f"{_RENEWED}, now: nobody can connect")
    if ends - now < ENDS_SOON:
        return _bad(
            check, f"it ends on {ends:%Y-%m-%d}, in {days} days", f"{_RENEWED}, before that day"
        )
    return _good(check, f"good until {ends:%Y-%m-%d}, {days} days")


def _good(check: str, detail: str) -> Finding:
    return Finding(check=check, ok=True, detail=detail)


def _bad(check: str, detail: str, remedy: str) -> Finding:
    return Finding(check=check, ok=False, detail=detail, remedy=remedy)


def _line(finding: Finding) -> str:
    mark = "ok " if finding.ok else "BAD"
    remedy = f"    do: {finding.remedy}\n" if finding.remedy else ""
    return f"{mark} {finding.check}: {finding.detail}\n{remedy}"
