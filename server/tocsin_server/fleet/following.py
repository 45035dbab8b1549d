"""Following: which revocation list each broker has taken over, by its own signed word.

Promise: "in force at broker-a" is said only of a broker that said so itself, with the key that its
buttons know it by. What isn't known to be in force is called not in force, with what to do.

Refused: the word of anybody who holds no broker's key of this deployment.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from pathlib import Path

import aiosql
import asyncpg
import jwt
import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from tocsin_server.errors import Invalid, NotFound
from tocsin_server.fleet.certificates import Certified

SAID_AGAIN_S = 5.0
SILENT_S = 3 * SAID_AGAIN_S
BROKERS_MAX = 32  # of a whole state; a name that a broker had before counts until it is forgotten

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
_TYPE = "tocsin-following+jws"

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class Following(msgspec.Struct, frozen=True, kw_only=True):
    """What a broker says: the list of this number holds here."""

    broker: str
    number: int


class BrokerView(msgspec.Struct, frozen=True, kw_only=True):
    """A broker's list, and what it means. `in_force`: the list that is asked about, or a later."""

    name: str
    number: int
    heard_s_ago: float
    in_force: bool
    says: str


def is_name(text: str) -> bool:
    """Say whether a broker can go by this name."""
    return _NAME.fullmatch(text) is not None


def stated(following: Following, broker: Certified) -> str:
    """Sign, as a broker, which list holds there."""
    return broker.state(msgspec.to_builtins(following), kind=_TYPE)


def verified(statement: str, *, issuer: x509.Certificate) -> Following:
    """Read what a broker of this deployment signed. Raises Invalid.

    No time is looked at: a number only rises, so what was true once is true still.
    """
    try:
        header = jwt.get_unverified_header(statement)
        (der,) = header["x5c"]
        certificate = x509.load_der_x509_certificate(base64.b64decode(der, validate=True))
        certificate.verify_directly_issued_by(issuer)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        public = certificate.public_key()
        if header["typ"] != _TYPE or not isinstance(public, ec.EllipticCurvePublicKey):
            raise ValueError
        if ExtendedKeyUsageOID.SERVER_AUTH not in usage:
            raise ValueError
        claims = jwt.decode(statement, public, algorithms=["ES256"])
        following = msgspec.convert(claims, Following)
    except (
        jwt.PyJWTError,
        KeyError,
        ValueError,
        TypeError,
        binascii.Error,
        InvalidSignature,
        x509.ExtensionNotFound,
        msgspec.ValidationError,
    ):
        raise Invalid(
            "that is not signed by a broker of this deployment: give the follower the folder with"
            " the broker.crt and broker.key that Mosquitto runs with"
        ) from None
    if not is_name(following.broker) or not 0 <= following.number < 2**63:
        raise Invalid("a broker's name has 1 to 63 letters, digits, hyphens and dots")
    return following


async def record_following(pool: asyncpg.Pool, following: Following) -> None:
    """Keep what a broker said last, and when."""
    await queries.record_following(
        pool, name=following.broker, number=following.number, names_max=BROKERS_MAX
    )


async def brokers(pool: asyncpg.Pool, *, number: int | None) -> list[BrokerView]:
    """Say of every broker that was ever heard whether the list of this number holds there."""
    rows = [row async for row in queries.brokers_following(pool)]
    return [view(row["name"], row["number"], row["heard_s_ago"], wanted=number) for row in rows]


async def forget_broker(pool: asyncpg.Pool, name: str) -> None:
    """Forget a broker that is gone for good. Raises NotFound."""
    if await queries.forget_broker(pool, name=name) is None:
        raise NotFound(f"no broker {name!r} was heard: see tocsin broker list")


def view(name: str, number: int, heard_s_ago: float, *, wanted: int | None) -> BrokerView:
    """Say what a broker's last word means; `wanted` is None while there is no list to want."""
    in_force = wanted is not None and number >= wanted
    silent = heard_s_ago >= SILENT_S
    if in_force:
        says = f"in force at {name}"
    elif silent:
        says = (
            f"{name} was last heard {age(heard_s_ago)} ago: there it is NOT in force. Start its"
            " follower (systemctl start tocsin-broker-follow); until then deny the button there by"
            f" hand (broker_config/README.md). If {name} is gone for good:"
            f" tocsin broker forget {name}"
        )
    else:
        says = (
            f"NOT YET in force at {name}, which has list {number}: look there with"
            " journalctl -u tocsin-broker-follow"
        )
    return BrokerView(
        name=name, number=number, heard_s_ago=heard_s_ago, in_force=in_force, says=says
    )


def missing(views: Sequence[BrokerView], urls: Sequence[str]) -> str | None:
    """Say that brokers of the configuration have no follower, as far as numbers tell."""
    if len(views) >= len(urls):
        return None
    return (
        f"tocsin.toml names {len(urls)} {'broker' if len(urls) == 1 else 'brokers'}"
        f" ({', '.join(urls)}), but {len(views) or 'none'} ever said which list holds there: at"
        " the others it is NOT in force. Run tocsin broker follow beside each, and until then deny"
        " the button there by hand (broker_config/README.md)"
    )


def age(seconds: float) -> str:
    """Say how long that is, as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
