"""`tocsin keys sign-update`, `tocsin device update`, `updates` and `give-up`: other releases.

Promise: what `sign-update` needs lies on the stick with the offline key and the wheel: no database,
no configuration. What no button would take up is refused there, where it can still be corrected.
"""

import argparse
import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tocsin_server.cli.command import add_action, add_json, answer, table
from tocsin_server.cli.describe import describe
from tocsin_server.cli.office import Office, office
from tocsin_server.cli.printing import count
from tocsin_server.cli.reconfigure import keys_of
from tocsin_server.errors import Invalid, NotFound, Refused, TocsinError
from tocsin_server.fleet import updates
from tocsin_server.fleet.certificates import PUBLIC, write_new
from tocsin_server.fleet.updates import ButtonUpdate
from tocsin_wire.messages import RELEASE_BYTES_MAX, timestamp
from tocsin_wire.signing import JWS_BYTES_MAX, SigningKey


class SignedUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed, and where it is."""

    file: str
    version: str
    sha256: str
    size_bytes: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which buttons are to run which release from now on, and which need none of it."""

    version: str
    device_ids: list[str]
    left_out: list[str]  # what they run is as new


class GivenUp(msgspec.Struct, frozen=True, kw_only=True):
    """Which buttons are asked nothing more."""

    device_ids: list[str]


class Buttons(msgspec.Struct, frozen=True):
    """All buttons of a jurisdiction, and what they run."""

    buttons: list[ButtonUpdate]


def arrange_sign(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add what is done on the machine that has the offline key."""
    what = "sign a release for buttons; on the machine that has the offline key, and no network"
    sign = actions.add_parser("sign-update", help=what)
    describe(
        sign,
        what,
        "tocsin keys sign-update tocsin-0.2.0-py3-none-any.whl --key /media/stick/command.key"
        " -o tocsin-0.2.0.jws",
    )
    sign.add_argument("wheel", type=Path, metavar="WHEEL", help="the release")
    sign.add_argument("--key", required=True, type=Path, metavar="FILE", help="the offline key")
    sign.add_argument("-o", dest="out", required=True, type=Path, metavar="FILE")
    add_json(sign)
    sign.set_defaults(run=_sign)


def arrange_device(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these actions to those of a button."""
    update = add_action(
        actions,
        "update",
        _update,
        "have buttons run another release, one of each site at a time",
        example="tocsin device update tocsin-0.2.0.jws tocsin-0.2.0-py3-none-any.whl"
        ' --site "County Clerk"',
    )
    update.add_argument(
        "statement", type=Path, metavar="STATEMENT", help="as tocsin keys sign-update wrote it"
    )
    update.add_argument("wheel", type=Path, metavar="WHEEL", help="the release that was signed")
    _add_whom(update)
    update.add_argument("--by", metavar="NAME", help="who sends it (default: this user)")
    add_action(
        actions,
        "updates",
        _list,
        "say which button runs which release, who waits, and who failed and why",
        example="tocsin device updates",
    )
    give_up = add_action(
        actions,
        "give-up-update",
        _give_up,
        "ask buttons nothing more that wait for another release, failed to run it, or fell silent",
        example="tocsin device give-up-update btn-0123456789",
    )
    _add_whom(give_up)


def _add_whom(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device_ids", nargs="*", metavar="ID", help="these buttons")
    parser.add_argument("--site", metavar="NAME", help="all buttons of a site, by its name or id")
    parser.add_argument("--all", action="store_true", help="all buttons of the jurisdiction")


def _sign(options: argparse.Namespace) -> int:
    try:
        release = updates.describe_wheel(options.wheel, at=timestamp(datetime.now(UTC)))
        key = SigningKey.load(options.key)
    except ValueError as error:
        raise TocsinError(str(error)) from None
    write_new(options.out, key.sign(release) + b"\n", mode=PUBLIC)
    signed = SignedUpdate(
        file=str(options.out),
        version=release.version,
        sha256=release.sha256.hex(),
        size_bytes=release.size_bytes,
    )
    text = (
        f"{release.version} is signed: {release.size_bytes} bytes, SHA-256 {signed.sha256}\n"
        f"next, on a server: tocsin device update {options.out.name} {options.wheel.name} ID,"
        " and with --site or --all once that one runs it"
    )
    answer(options, signed, text)
    return 0


async def _update(options: argparse.Namespace) -> None:
    statement = _read(options.statement, JWS_BYTES_MAX).strip()
    wheel = _read(options.wheel, RELEASE_BYTES_MAX)
    async with office(options) as here:
        keys = keys_of(here.config)
        if not keys:
            raise Refused(
                f"{here.config.path(here.config.keys.command_keys_file)} isn't there: this"
                " deployment was made without an offline key, and its buttons know none"
            )
        release = updates.check(statement, wheel, keys)
        meant = await _meant(options, here)
        late = [each for each in meant if not _runs(each, release.version)]
        asked = Asked(
            version=release.version,
            device_ids=[each.device_id for each in late],
            left_out=[each.device_id for each in meant if each not in late],
        )
        await updates.ask(
            here.pool,
            statement=statement,
            wheel=wheel,
            keys=keys,
            device_ids=asked.device_ids,
            by=options.by or getpass.getuser(),
        )
    answer(options, asked, _next_steps(asked))


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        found = await updates.buttons(here.pool, jurisdiction=here.jurisdiction)
    rows = [
        [
            each.device_id,
            each.site,
            each.firmware or "not known",
            each.version,
            in_words(each),
            f"{each.changed_at:%Y-%m-%d %H:%M}Z" if each.changed_at else None,
        ]
        for each in found
    ]
    text = table(
        ["BUTTON", "SITE", "RUNS", "ASKED", "STATE", "SINCE"],
        rows,
        none="there is no button yet: add one with tocsin device add",
    )
    answer(options, Buttons(found), text)


async def _give_up(options: argparse.Namespace) -> None:
    async with office(options) as here:
        meant = [each.device_id for each in await _meant(options, here)]
        given_up = await updates.give_up(here.pool, meant)
    who = ", ".join(given_up) or "nobody"
    text = f"asked nothing more: {who}. Whoever is at it, and is heard, goes on."
    answer(options, GivenUp(device_ids=given_up), text)


def in_words(button: ButtonUpdate) -> str:
    """Say how far a button is with what it was asked."""
    match button.state:
        case "waiting" if button.held_up:
            return "waits for another of its site"
        case "waiting":
            return "waits for its turn, or to be heard"
        case "under_way":
            return "under way" if button.heard else "under way, but NOT HEARD"
        case "failed":
            return f"FAILED: {button.because or 'it says no more'}"
        case "done":
            return "done"
        case _:
            return "-"


async def _meant(options: argparse.Namespace, here: Office) -> list[ButtonUpdate]:
    """Find the buttons that are named. Raises Invalid, NotFound."""
    named: Sequence[str] = options.device_ids
    if sum((bool(named), options.site is not None, options.all)) != 1:
        raise Invalid("say which buttons: name their ids, or --site NAME, or --all")
    known = await updates.buttons(here.pool, jurisdiction=here.jurisdiction)
    if options.site is not None:
        site = await here.site(options.site)
        known = [each for each in known if each.site_id == site.site_id]
    if not named:
        return known
    unknown = set(named) - {each.device_id for each in known}
    if unknown:
        raise NotFound(f"no button of {here.jurisdiction} is {', '.join(sorted(unknown))}")
    return [each for each in known if each.device_id in named]


def _runs(button: ButtonUpdate, version: str) -> bool:
    """Say whether what a button runs is as new; where that isn't known, the button decides."""
    try:
        runs = [int(part) for part in (button.firmware or "").split(".")]
    except ValueError:
        return False
    return runs >= [int(part) for part in version.split(".")]


def _next_steps(asked: Asked) -> str:
    lines = [
        f"{asked.version} is kept here, and said to {count(len(asked.device_ids), 'button')}:"
        f" {', '.join(asked.device_ids) or 'none'}",
    ]
    if asked.left_out:
        lines.append(f"what these run is as new: {', '.join(asked.left_out)}")
    lines.append(
        "Of each site one at a time, and the next one when that one runs it and is heard: see"
        " tocsin device updates."
    )
    return "\n".join(lines)


def _read(file: Path, bytes_max: int) -> bytes:
    """Read a file, and one byte more than it may have: whoever checks it says so."""
    with file.open("rb") as opened:
        return opened.read(bytes_max + 1)
