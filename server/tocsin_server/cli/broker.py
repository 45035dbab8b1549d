"""`tocsin broker`: what runs beside each Mosquitto, and what the server knows of it."""

import argparse
import asyncio
import functools
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tocsin_server.cli.command import add_action, answer, configuration, table
from tocsin_server.cli.describe import describe
from tocsin_server.cli.office import database
from tocsin_server.errors import TocsinError
from tocsin_server.fleet import following
from tocsin_server.fleet.broker_follow import Follower, reload_by, reload_mosquitto
from tocsin_server.fleet.certificates import DeploymentError
from tocsin_server.fleet.following import BrokerView
from tocsin_server.fleet.revocation import newest_number
from tocsin_server.logging import configure


class Brokers(msgspec.Struct, frozen=True, kw_only=True):
    """The newest list of revocations, and which one holds at each broker."""

    number: int | None
    brokers: list[BrokerView]


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """A broker that is gone for good."""

    name: str


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _arrange_follow(actions)
    add_action(
        actions,
        "list",
        _list,
        "say at which brokers the newest revocations hold",
        example="tocsin broker list",
        in_jurisdiction=False,
    )
    forget = add_action(
        actions,
        "forget",
        _forget,
        "forget a broker that is gone for good, so that no revocation waits for it",
        example="tocsin broker forget broker-b",
        in_jurisdiction=False,
    )
    forget.add_argument("name", metavar="NAME", help="as tocsin broker list shows it")


def _arrange_follow(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "keep a Mosquitto's revocations up to date, until SIGTERM or Ctrl-C; run it beside each"
    follow = actions.add_parser("follow", help=what)
    describe(
        follow,
        what,
        "tocsin broker follow --server https://tocsin.example.org /etc/tocsin-broker",
    )
    follow.add_argument(
        "folder", type=Path, metavar="FOLDER", help="where Mosquitto runs: crl.pem, acl, broker.crt"
    )
    follow.add_argument(
        "--server",
        action="append",
        required=True,
        type=_url,
        metavar="URL",
        help="where a server answers; repeat it for each",
    )
    follow.add_argument(
        "--name",
        type=_name,
        default=socket.gethostname(),
        help="what this broker is called in answers to people (default: %(default)s)",
    )
    follow.add_argument(
        "--reload",
        metavar="COMMAND",
        help="what makes Mosquitto read its files (default: SIGHUP to the one that runs in FOLDER)",
    )
    follow.set_defaults(run=_follow)


def _follow(options: argparse.Namespace) -> int:
    folder = options.folder.absolute()
    act = reload_by if options.reload else reload_mosquitto
    reload = functools.partial(act, options.reload or folder)
    try:
        follower = Follower(folder, servers=options.server, name=options.name, reload=reload)
    except DeploymentError as error:
        raise TocsinError(str(error)) from None
    out = configure()
    try:
        asyncio.run(_until_asked_to_stop(follower))
    finally:
        out.close()
    return 0


async def _until_asked_to_stop(follower: Follower) -> None:
    following_ = asyncio.create_task(follower.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, following_.cancel)
    await asyncio.wait([following_])
    if not following_.cancelled():
        following_.result()


async def _list(options: argparse.Namespace) -> None:
    async with database(configuration(options)) as pool:
        number = await newest_number(pool)
        views = await following.brokers(pool, number=number)
    rows = [
        [
            each.name,
            "yes" if each.in_force else "NO",
            each.number,
            f"{following.age(each.heard_s_ago)} ago",
        ]
        for each in views
    ]
    text = table(
        ["BROKER", "NEWEST LIST IN FORCE", "LIST", "LAST HEARD"],
        rows,
        none="no broker was heard yet: run tocsin broker follow beside each",
    )
    answer(options, Brokers(number=number, brokers=views), text)


async def _forget(options: argparse.Namespace) -> None:
    async with database(configuration(options)) as pool:
        await following.forget_broker(pool, options.name)
    text = f"{options.name} is forgotten until it is heard again"
    answer(options, Forgotten(name=options.name), text)


def _url(given: str) -> str:
    try:
        url = urlsplit(given)
        good = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        good = False
    if not good:
        raise argparse.ArgumentTypeError(f"{given!r} is no URL, as https://tocsin.example.org")
    return given.rstrip("/")


def _name(given: str) -> str:
    if not following.is_name(given):
        raise argparse.ArgumentTypeError(
            f"{given!r} is no name: use 1 to 63 letters, digits, hyphens and dots"
        )
    return given
