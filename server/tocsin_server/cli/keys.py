"""`tocsin keys`: the keys that buttons believe, and how they are changed.

Promise: a rotation is refused while it would leave a button or a server behind, and says whom.
"""

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import asyncpg
import msgspec

from tocsin_server.channels import vapid
from tocsin_server.cli import reconfigure, update
from tocsin_server.cli.command import add_action, answer, configuration, table
from tocsin_server.cli.office import database
from tocsin_server.config import Config
from tocsin_server.errors import Refused, TocsinError
from tocsin_server.fleet import receipt_keys, reconfigurations
from tocsin_server.fleet.certificates import PRIVATE, DeploymentError, write_new
from tocsin_server.fleet.following import age
from tocsin_server.fleet.receipt_keys import KeyFiles, LeftBehind, ReceiptKeys, ReplicaView
from tocsin_server.fleet.reconfigurations import SentView

PUSH_KEY = "server/vapid.key"  # where tocsin init writes it
LISTED_MAX = 10  # in one line of an error; tocsin keys list has all


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of receipts, who signs with which, and who doesn't know the successor yet."""

    current: str
    successor: str
    successor_since: datetime | None
    replicas: list[ReplicaView]
    left_behind: list[LeftBehind]
    sent: list[SentView]


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """The keys from now on, and where the new successor lies."""

    current: str
    successor: str
    successor_file: str


class PushKeyMade(msgspec.Struct, frozen=True, kw_only=True):
    """Where the key lies, and its public half."""

    file: str
    public: str


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add_action(
        actions,
        "list",
        _list,
        "say which keys sign receipts, at which server, and which buttons know the next one",
        example="tocsin keys list",
        in_jurisdiction=False,
    )
    rotate = add_action(
        actions,
        "rotate",
        _rotate,
        "make the successor the key that signs receipts, and a new successor",
        example="tocsin keys rotate --next /media/stick/next_receipt.key",
        in_jurisdiction=False,
    )
    rotate.add_argument(
        "--next",
        type=Path,
        metavar="FILE",
        help="where the successor's key lies (default: where tocsin init put it)",
    )
    rotate.add_argument(
        "--even-so",
        action="store_true",
        help="also where buttons or servers are left behind until they catch up",
    )
    add_action(
        actions,
        "push",
        _push,
        "make the key by which browsers know this deployment, where tocsin init made none yet",
        example="tocsin keys push",
        in_jurisdiction=False,
    )
    reconfigure.arrange(actions)
    update.arrange_sign(actions)


async def _list(options: argparse.Namespace) -> None:
    config = configuration(options)
    keys = _read(config)
    async with database(config) as pool:
        found = await _look(pool, keys, config)
    signs = {keys.current.kid: "the current one", keys.successor.kid: "THE SUCCESSOR"}
    rows = [
        [each.replica_id, signs.get(each.kid or "", "ANOTHER ONE"), f"{age(each.heard_s_ago)} ago"]
        for each in found.replicas
    ]
    lines = [
        f"current    {found.current}",
        f"successor  {found.successor}",
        "",
        table(["SERVER", "SIGNS WITH", "LAST HEARD"], rows, none="no server runs"),
        "",
        "every button knows both"
        if not found.left_behind
        else "not known to know the successor yet: "
        + ", ".join(_named(each) for each in found.left_behind),
        *reconfigure.lines_of(found.sent, config.path(config.keys.command_keys_file)),
    ]
    answer(options, found, "\n".join(lines))


async def _rotate(options: argparse.Namespace) -> None:
    config = configuration(options)
    keys = _read(config)
    async with database(config) as pool:
        found = await _look(pool, keys, config)
    if not options.even_so:
        _check_nobody_is_left_behind(found)
    files = KeyFiles.of(config, successor=options.next)
    new_successor = KeyFiles.of(config).successor
    try:
        rotated = receipt_keys.rotate(files, new_successor=new_successor)
    except DeploymentError as error:
        raise TocsinError(str(error)) from None
    made = Rotated(
        current=rotated.current.kid,
        successor=rotated.successor.kid,
        successor_file=str(new_successor),
    )
    answer(options, made, _next_steps(made, config, found.replicas, options.next))


async def _push(options: argparse.Namespace) -> None:
    config = configuration(options)
    name = config.push.vapid_key_file if config.push else PUSH_KEY
    try:
        write_new(config.path(name), vapid.new_key(), mode=PRIVATE)
    except FileExistsError:
        raise Refused(
            f"{config.path(name)} is there already, and every browser that gets alerts knows it."
            " With another one all of them would have to sign up anew. Nothing was changed."
        ) from None
    except OSError as error:
        raise TocsinError(f"can't write {config.path(name)}: {error.strerror}") from None
    lines = [
        f"{config.path(name)} is made",
        "next:",
        "  copy it to the folder of every other server of this deployment: they need the same one",
        *([] if config.push else [f'  in tocsin.toml: [push] and vapid_key_file = "{name}"']),
        "  restart tocsin serve: then people find Alerts on this device on their screens",
    ]
    made = PushKeyMade(
        file=str(config.path(name)), public=vapid.public_text(vapid.load_key(config.path(name)))
    )
    answer(options, made, "\n".join(lines))


def _read(config: Config) -> ReceiptKeys:
    try:
        return receipt_keys.read(config.path(config.keys.receipt_keys_file))
    except DeploymentError as error:
        raise TocsinError(str(error)) from None


async def _look(pool: asyncpg.Pool, keys: ReceiptKeys, config: Config) -> Keys:
    return Keys(
        current=keys.current.kid,
        successor=keys.successor.kid,
        successor_since=keys.since,
        replicas=await receipt_keys.replicas(pool),
        left_behind=await receipt_keys.left_behind(pool, keys),
        sent=await reconfigurations.sent(pool, reconfigure.keys_of(config)),
    )


def _check_nobody_is_left_behind(found: Keys) -> None:
    """Raises Refused."""
    older = [each.replica_id for each in found.replicas if each.kid not in {found.current, None}]
    if older:
        raise Refused(
            f"{', '.join(older)} still signs with another key than this server's folder says is the"
            " current one: copy the two files of the last rotation there and restart it, or add"
            " --even-so. Nothing was changed."
        )
    if found.left_behind:
        named = ", ".join(_named(each) for each in found.left_behind[:LISTED_MAX])
        more = len(found.left_behind) - LISTED_MAX
        raise Refused(
            f"not known to know the successor yet: {named}{f' and {more} more' * (more > 0)}."
            " Their lamps would not say that a press is stored until they have caught up, a minute"
            " or so after they connect. Connect them first, or add --even-so. Nothing was changed."
        )


def _named(each: LeftBehind) -> str:
    heard = (
        f"last heard {each.last_heard_at:%Y-%m-%d %H:%M}Z" if each.last_heard_at else "never heard"
    )
    return f"{each.device_id} ({heard})"


def _next_steps(
    made: Rotated, config: Config, replicas: Sequence[ReplicaView], stick: Path | None
) -> str:
    keys = config.keys
    others = ", ".join(each.replica_id for each in replicas if each.replica_id != config.replica_id)
    lines = [
        f"{made.current} is the current key in {config.folder} now",
        "next, one server after the other:",
        f"  copy {keys.receipt_key_file} and {keys.receipt_keys_file} to its folder"
        + (f" ({others})" if others else " (there is no other that runs)"),
        "  restart its tocsin serve, and wait until it is ready",
        "then:",
        f"  take {made.successor_file} off this server: the next rotation is the first to need it",
        "  tocsin keys list says who has come along",
    ]
    if stick is not None:
        lines.append(f"  wipe {stick}: it is the key that this server signs with now")
    return "\n".join(lines)
