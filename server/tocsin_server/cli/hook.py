"""`tocsin hook`: webhooks, by which other systems follow alerts.

Promise: a secret is printed once, when it is made.
"""

import argparse
import asyncio
import getpass
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID

from tocsin_server.cli.command import Act, add_action, answer, table
from tocsin_server.cli.office import Office, office
from tocsin_server.cli.printing import count
from tocsin_server.errors import NotFound, TocsinError
from tocsin_server.hooks import hooks
from tocsin_server.hooks.deliver import ANSWER_S_MAX
from tocsin_server.hooks.hooks import DeliveryList, HookList, HookSecret, HookView, OfHook, Resent
from tocsin_server.hooks.message import EVENTS, Event

TEST_S_MAX = ANSWER_S_MAX + 5.0  # a server looks every second
LOOK_AGAIN_S = 0.1


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    example = 'tocsin hook add "County CAD" https://cad.example.org/tocsin'
    add = add_action(
        actions,
        "add",
        _add,
        "let another system follow alerts; its secret is printed this once",
        example=f"{example} --events alert.pressed,alert.acknowledged",
    )
    add.add_argument("name", metavar="NAME", help="what it is called here")
    add.add_argument("url", metavar="URL", help="where messages are posted: https://…")
    add.add_argument(
        "--events",
        type=_events,
        default=[],
        metavar="EVENT,EVENT",
        help=f"which ones, of {', '.join(EVENTS)} (default: all)",
    )
    add.add_argument(
        "--no-drills", action="store_true", help="send no drill (default: sent, and marked)"
    )
    add_action(
        actions, "list", _list, "list the webhooks and how they do", example="tocsin hook list"
    )
    _arrange_one(actions)
    deliveries = _of_one(
        actions, "deliveries", _deliveries, "list what a webhook was told, the newest first"
    )
    deliveries.add_argument(
        "--state",
        choices=["pending", "sending", "delivered", "dead"],
        help="only those (default: all)",
    )
    deliveries.add_argument(
        "--limit", type=_limit, default=50, metavar="N", help="how many (default: %(default)s)"
    )
    resend = _of_one(
        actions, "resend", _resend, "send one delivery again, or all that could not be delivered"
    )
    resend.add_argument(
        "delivery_id",
        type=_id,
        nargs="?",
        metavar="ID",
        help="as deliveries lists it (default: all dead ones)",
    )


def _arrange_one(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    _of_one(actions, "test", _test, "send a message that says it is a test, and wait for its end")
    _of_one(actions, "disable", _disable, "send nothing to a webhook until it is enabled")
    _of_one(actions, "enable", _enable, "send to a webhook again, from now on")
    _of_one(actions, "remove", _remove, "take a webhook away, with all that it was told")
    rotate = _of_one(
        actions, "rotate-secret", _rotate, "draw a new secret, which is printed this once"
    )
    rotate.add_argument(
        "--keep-hours",
        type=_hours,
        default=hooks.KEEP_HOURS,
        metavar="N",
        help="for how long the former secret signs as well; 0 where it was stolen"
        " (default: %(default)s)",
    )


def _of_one(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    action: str,
    act: Act,
    what: str,
) -> argparse.ArgumentParser:
    parser = add_action(actions, action, act, what, example=f'tocsin hook {action} "County CAD"')
    parser.add_argument("hook", metavar="NAME", help="its name, or its id")
    return parser


def _events(given: str) -> list[Event]:
    names = [name.strip() for name in given.split(",")]
    for name in names:
        if name not in EVENTS:
            raise argparse.ArgumentTypeError(f"{name!r} is no event: take of {', '.join(EVENTS)}")
    return cast("list[Event]", names)


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{given!r} is no id of a delivery: see tocsin hook deliveries"
        ) from None


def _hours(given: str) -> int:
    return _whole(given, 0, hooks.KEEP_HOURS_MAX, "the former secret can sign for {} to {} hours")


def _limit(given: str) -> int:
    return _whole(given, 1, hooks.DELIVERIES_MAX, "{} to {} are listed")


def _whole(given: str, least: int, most: int, sentence: str) -> int:
    if not (given.isascii() and given.isdigit() and least <= int(given) <= most):
        raise argparse.ArgumentTypeError(f"{sentence.format(least, most)}, not {given!r}")
    return int(given)


@asynccontextmanager
async def _meant(options: argparse.Namespace) -> AsyncIterator[tuple[Office, HookView]]:
    """Open the database and find the hook that is meant. Raises NotFound."""
    async with office(options) as here:
        known = await hooks.read_hooks(here.pool, jurisdiction=here.jurisdiction)
        for hook in known:
            if options.hook in (hook.name, str(hook.hook_id)):
                break
        else:
            names = ", ".join(each.name for each in known)
            raise NotFound(
                f"no webhook {options.hook!r}; "
                + (f"known are {names}" if names else "add one with tocsin hook add")
            )
        yield here, hook


def _of(here: Office, hook: HookView) -> OfHook:
    return OfHook(jurisdiction=here.jurisdiction, hook_id=hook.hook_id)


async def _add(options: argparse.Namespace) -> None:
    async with office(options) as here:
        added = await hooks.add_hook(
            here.pool,
            jurisdiction=here.jurisdiction,
            name=options.name,
            url=options.url,
            events=options.events,
            drills=not options.no_drills,
            by=getpass.getuser(),
            config=here.config.hooks,
        )
    _answer_secret(options, added, "follows alerts from now on")


async def _rotate(options: argparse.Namespace) -> None:
    async with _meant(options) as (here, hook):
        rotated = await hooks.rotate_secret(
            here.pool,
            **_of(here, hook),
            keep_hours=options.keep_hours,
            by=getpass.getuser(),
        )
    until = rotated.hook.former_secret_until
    former = f"signs as well until {until:%Y-%m-%d %H:%M}Z" if until else "is void"
    _answer_secret(options, rotated, f"has a new secret; the former one {former}")


def _answer_secret(options: argparse.Namespace, made: HookSecret, what: str) -> None:
    name = made.hook.name
    text = (
        f"{name} {what}\n  secret: {made.secret}\nIt is not shown again: give it to the receiver,"
        f' then try it with: tocsin hook test "{name}"'
    )
    answer(options, made, text)


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        known = await hooks.read_hooks(here.pool, jurisdiction=here.jurisdiction)
    rows = [[each.name, each.url, each.waiting, each.dead, _standing(each)] for each in known]
    text = table(
        ["NAME", "URL", "WAITING", "DEAD", ""],
        rows,
        none="no other system follows alerts here: add one with tocsin hook add",
    )
    answer(options, HookList(known), text)


def _standing(hook: HookView) -> str:
    said = []
    if hook.disabled_because is not None:
        said.append(f"DISABLED: {hook.disabled_because}")
    if hook.waiting_since is not None:
        said.append(f"waiting since {hook.waiting_since:%Y-%m-%d %H:%M}Z")
    if hook.delivered_at is not None:
        said.append(f"last delivered {hook.delivered_at:%Y-%m-%d %H:%M}Z")
    if not hook.drills:
        said.append("no drills")
    if len(hook.events) < len(EVENTS):
        said.append("only " + ", ".join(hook.events))
    return "; ".join(said) or "nothing sent yet"


async def _test(options: argparse.Namespace) -> None:
    async with _meant(options) as (here, hook):
        sent = await hooks.try_hook(here.pool, **_of(here, hook))
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + TEST_S_MAX
        while sent.state in ("pending", "sending") and loop.time() < give_up_at:
            await asyncio.sleep(LOOK_AGAIN_S)
            sent = await hooks.read_delivery(here.pool, delivery_id=sent.delivery_id)
    if sent.state == "pending":
        raise TocsinError("no server has sent it yet: is one running? (tocsin serve)")
    if sent.state != "delivered":
        raise TocsinError(f"{hook.name} has not got it: {sent.error or 'it has not answered yet'}")
    answer(options, sent, f"{hook.name} has got it, and answered {sent.status}")


async def _deliveries(options: argparse.Namespace) -> None:
    async with _meant(options) as (here, hook):
        listed = await hooks.read_deliveries(
            here.pool,
            **_of(here, hook),
            state=options.state,
            deliveries_max=options.limit,
        )
    rows = [
        [
            each.delivery_id,
            f"{each.created_at:%m-%d %H:%M:%S}Z",
            each.event,
            each.state,
            each.tries,
            each.error,
        ]
        for each in listed
    ]
    headings = ["ID", "SINCE", "EVENT", "STATE", "TRIES", "BECAUSE"]
    text = table(headings, rows, none=f"{hook.name} has been told nothing like that")
    answer(options, DeliveryList(listed), text)


async def _resend(options: argparse.Namespace) -> None:
    async with _meant(options) as (here, hook):
        resent = await hooks.resend(
            here.pool,
            **_of(here, hook),
            delivery_id=options.delivery_id,
        )
    text = f"{count(resent, 'message')} to be sent to {hook.name} again, now"
    answer(options, Resent(resent), text)


async def _disable(options: argparse.Namespace) -> None:
    async with _meant(options) as (here, hook):
        disabled = await hooks.disable_hook(
            here.pool,
            **_of(here, hook),
            by=getpass.getuser(),
        )
    text = f"nothing is sent to {hook.name} any more; what waited is dead, and can be sent again"
    answer(options, disabled, text)


async def _enable(options: argparse.Namespace) -> None:
    async with _meant(options) as (here, hook):
        enabled = await hooks.enable_hook(
            here.pool,
            **_of(here, hook),
            by=getpass.getuser(),
        )
    text = f"{enabled.name} follows alerts from now on"
    if enabled.dead:
        text += f'; what it missed is sent with: tocsin hook resend "{enabled.name}"'
    answer(options, enabled, text)


async def _remove(options: argparse.Namespace) -> None:
    async with _meant(options) as (here, hook):
        await hooks.remove_hook(
            here.pool,
            **_of(here, hook),
            by=getpass.getuser(),
        )
    answer(options, hook, f"{hook.name} no longer follows alerts")
