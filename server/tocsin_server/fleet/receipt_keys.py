"""The keys that sign receipts: the current one, its successor, and how buttons learn of the next.

Promise: buttons know both from the beginning, so a rotation makes the successor the current key
without touching one of them. It can be cut off anywhere and asked for again: at every moment the
folder holds a key to sign with that all buttons know. From then on every replica tells what the new
current key says of its own successor, beside its pulses, and what earlier ones said, for buttons
that were away.

Refused: a rotation that would leave buttons behind (those that don't know the successor), or
replicas (those that still sign with the key before), unless it is asked for even so.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiosql
import asyncpg
import msgspec

from tocsin_server.config import Config
from tocsin_server.fleet.certificates import PRIVATE, PUBLIC, DeploymentError, write_over
from tocsin_wire import messages, signing, succession
from tocsin_wire.errors import WireError
from tocsin_wire.messages import Succession
from tocsin_wire.signing import SigningKey, VerifyKey

TOLD_MAX = 6  # rotations that a button may miss and still catch up: with one a year, a long time
RUNS_S_MAX = 60.0  # a replica pulses every 10 s
NEXT_KEY_FILE = "server/next_receipt.key"

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


@dataclass(frozen=True, slots=True)
class ReceiptKeys:
    """What the file of public keys says: which there are, and the statements that led there."""

    current: VerifyKey
    successor: VerifyKey
    statements: tuple[bytes, ...]

    @property
    def both(self) -> list[VerifyKey]:
        """Give what a new button pins, the current one first."""
        return [self.current, self.successor]

    @property
    def since(self) -> datetime | None:
        """Say when the successor was named; None where buttons have known it from the first."""
        if not self.statements:
            return None
        newest = signing.verify(self.statements[-1], Succession, {self.current.kid: self.current})
        return datetime.fromisoformat(newest.at)


class ReplicaView(msgspec.Struct, frozen=True, kw_only=True):
    """A replica that runs, and the key it signs with."""

    replica_id: str
    kid: str | None
    heard_s_ago: float


class LeftBehind(msgspec.Struct, frozen=True, kw_only=True):
    """A button that isn't known to believe the successor."""

    device_id: str
    jurisdiction: str
    last_heard_at: datetime | None


class _File(msgspec.Struct, frozen=True):
    statements: list[str] = []


def read(file: Path) -> ReceiptKeys:
    """Read the public keys. Raises DeploymentError saying what is wrong with the file."""
    try:
        keys = list(signing.load_keys(file).values())
        statements = msgspec.json.decode(file.read_bytes(), type=_File).statements
    except OSError as error:
        raise DeploymentError(f"{file} can't be read: {error.strerror}") from None
    except ValueError as error:
        raise DeploymentError(str(error)) from None
    if len(keys) != 2:
        raise DeploymentError(f"{file} holds {len(keys)} keys: the current one and its successor")
    found = ReceiptKeys(keys[0], keys[1], tuple(each.encode() for each in statements[-TOLD_MAX:]))
    try:
        names_successor = found.since is None or _named(found) == found.successor.raw
    except (WireError, ValueError):
        names_successor = False
    if not names_successor:
        raise DeploymentError(
            f"{file}: what its last statement says is not that the second key follows the first:"
            " put back the file that tocsin keys rotate wrote"
        )
    return found


def check_current(keys: ReceiptKeys, current: SigningKey, *, config: Config) -> None:
    """Make sure that buttons know the key that this server signs with. Raises DeploymentError."""
    if current.kid in {key.kid for key in keys.both}:
        return
    names = config.keys.receipt_key_file, config.keys.receipt_keys_file
    raise DeploymentError(
        f"{names[0]} is not of {names[1]}, so no new button would believe its receipts: copy both"
        " from the server on which tocsin keys rotate was run"
    )


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the keys lie."""

    current: Path
    successor: Path
    public: Path

    @classmethod
    def of(cls, config: Config, *, successor: Path | None = None) -> "KeyFiles":
        """Find them by the configuration; `successor` may lie elsewhere, on a stick."""
        next_file = config.keys.next_receipt_key_file or NEXT_KEY_FILE
        return cls(
            config.path(config.keys.receipt_key_file),
            successor or config.path(next_file),
            config.path(config.keys.receipt_keys_file),
        )


def rotate(files: KeyFiles, *, new_successor: Path, now: datetime | None = None) -> ReceiptKeys:
    """Make the successor the current key, and a new successor. Raises DeploymentError, OSError.

    Cut off and asked for again, it goes on where it was: each step is one file that is replaced.
    """
    known = read(files.public)
    current = _load(files.current)
    if current.kid == known.current.kid:
        successor = _load(files.successor)
        if successor.kid != known.successor.kid:
            raise DeploymentError(
                f"{files.successor} is not the successor that buttons know"
                f" ({known.successor.kid}): give the right file with --next"
            )
        _make_room(new_successor, current=current, successor=successor)
        write_over(files.current, files.successor.read_bytes(), mode=PRIVATE)
        current = successor
    elif current.kid != known.successor.kid:
        raise DeploymentError(
            f"{files.current} is none of the keys that buttons know: put back what tocsin init or"
            " tocsin keys rotate wrote"
        )
    following = _successor_of(current, new_successor)
    said = Succession(
        next_key=following.public.raw, at=messages.timestamp(now or datetime.now(UTC))
    )
    statements = (*known.statements, current.sign(said))[-TOLD_MAX:]
    rotated = ReceiptKeys(current.public, following.public, statements)
    write_over(files.public, _written(rotated), mode=PUBLIC)
    return rotated


async def replicas(pool: asyncpg.Pool) -> list[ReplicaView]:
    """Give the replicas that run, and with which key each signs."""
    rows = queries.replicas(pool, runs_s=RUNS_S_MAX)
    return [ReplicaView(**row) async for row in rows]


async def left_behind(pool: asyncpg.Pool, keys: ReceiptKeys) -> list[LeftBehind]:
    """Give the buttons that a further rotation would leave behind until they catch up."""
    if keys.since is None:
        return []
    rows = queries.left_behind(pool, newest=succession.short(keys.successor), since=keys.since)
    return [LeftBehind(**row) async for row in rows]


def _named(keys: ReceiptKeys) -> bytes:
    return signing.verify(
        keys.statements[-1], Succession, {keys.current.kid: keys.current}
    ).next_key


def _load(file: Path) -> SigningKey:
    try:
        return SigningKey.load(file)
    except OSError as error:
        raise DeploymentError(
            f"{file} can't be read: {error.strerror}: if it lies in a safe, bring it, and name it"
            " with --next"
        ) from None
    except ValueError as error:
        raise DeploymentError(str(error)) from None


def _make_room(file: Path, *, current: SigningKey, successor: SigningKey) -> None:
    """Refuse to take a key that lies where the new one will for one that was just drawn."""
    if file.exists() and _load(file).kid not in {current.kid, successor.kid}:
        raise DeploymentError(f"{file} is neither of the two keys: move it away")


def _successor_of(current: SigningKey, file: Path) -> SigningKey:
    """Draw one; or take the one that a rotation which was cut off has drawn."""
    if file.exists():
        begun = _load(file)
        if begun.kid != current.kid:
            return begun
        file.unlink()  # it is the current key now
    key = SigningKey.generate()
    key.save(file)
    return key


def _written(keys: ReceiptKeys) -> bytes:
    content = {
        "keys": [key.jwk() for key in keys.both],
        "statements": [each.decode() for each in keys.statements],
    }
    return json.dumps(content, indent=2).encode() + b"\n"
