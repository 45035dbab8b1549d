"""`tocsin init`: a deployment's folder, from which brokers, server and buttons run."""

import argparse
import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tocsin_server.cli.command import DSN, add_json, answer
from tocsin_server.errors import TocsinError
from tocsin_server.fleet.certificates import DeploymentError
from tocsin_server.fleet.deployment import LOOPBACK, REPLICAS_MAX, create_deployment

BROKER_FOLDER = "/etc/tocsin-broker"  # as in broker_config/README.md


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What there is now."""

    folder: str
    config: str
    broker_config: str
    jurisdiction: str


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new or an empty folder")
    parser.add_argument(
        "--jurisdiction", required=True, metavar="SLUG", help="such as a county's FIPS code"
    )
    parser.add_argument(
        "--broker-name",
        action="append",
        metavar="NAME",
        help="a host name or address under which buttons and servers reach the broker, the"
        f" server's own first; may be repeated (default: {', '.join(LOOPBACK)})",
    )
    parser.add_argument(
        "--broker-port", type=_port, default=8883, metavar="PORT", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--broker-bind", metavar="IP", help="the broker's address to listen on (default: all)"
    )
    parser.add_argument(
        "--replicas",
        type=int,
        default=1,
        metavar="N",
        help=f"how many servers get a certificate, up to {REPLICAS_MAX} (default: %(default)s)",
    )
    parser.add_argument(
        "--listen",
        type=_host_and_port,
        default="127.0.0.1:8480",
        metavar="HOST:PORT",
        help="where the server serves its pages (default: %(default)s)",
    )
    parser.add_argument(
        "--public-url",
        type=_url,
        default="http://127.0.0.1:8480",
        metavar="URL",
        help="the server as phones and Twilio see it (default: %(default)s)",
    )
    parser.add_argument(
        "--dsn",
        type=_dsn,
        default="postgresql:///tocsin",
        help="the PostgreSQL database (default: %(default)s); a password belongs into a file"
        " that tocsin.toml names as dsn_file",
    )
    add_json(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Make the folder, and say what comes next."""
    folder = options.folder.absolute()
    try:
        config = create_deployment(
            folder,
            jurisdiction=options.jurisdiction,
            broker_names=options.broker_name or LOOPBACK,
            broker_port=options.broker_port,
            broker_bind=options.broker_bind,
            replicas=options.replicas,
            listen=options.listen,
            public_url=options.public_url,
            dsn=options.dsn,
        )
    except DeploymentError as error:
        raise TocsinError(str(error)) from None
    made = Made(
        folder=str(folder),
        config=str(config),
        broker_config=str(folder / "broker" / "mosquitto.conf"),
        jurisdiction=options.jurisdiction,
    )
    answer(options, made, _next_steps(made))
    return 0


def _next_steps(made: Made) -> str:
    example = "dana@example.org"
    return "\n".join(
        [
            f"{made.folder} is made. It holds the keys to every button: keep it to yourself.",
            "Its ca/ca.key and ca/command.key are needed only in years: move them onto two sticks,"
            " in two safes.",
            "",
            "next:",
            f"  export TOCSIN_CONFIG={shlex.quote(made.config)}",
            "  tocsin migrate",
            f'  tocsin jurisdiction add {made.jurisdiction} --name "…" --time-zone America/Chicago',
            f'  tocsin person add "…" --email {example} --phone +1… --role dispatcher --sign-in',
            f"  tocsin policy set --tier 30:{example}",
            '  tocsin site add "…" --address "…"',
            '  tocsin device add --site "…" --room "…" --confirmed-by "…"',
            *(f"  {command}" for command in _broker_commands(made)),
            "  tocsin serve",
            "",
            "The broker as a service that starts with the machine: broker_config/README.md.",
            "Until [twilio] in tocsin.toml is filled in, nobody is told by phone.",
        ]
    )


def _broker_commands(made: Made) -> list[str]:
    """Say how the broker is started: as its own user, who can't read this folder."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    files = f"{shlex.quote(f'{made.folder}/broker')}/*"
    return [
        f"{sudo}install -d -o mosquitto -g mosquitto -m 0700 {BROKER_FOLDER}",
        f"{sudo}install -o mosquitto -g mosquitto -m 0600 -t {BROKER_FOLDER} {files}",
        f"{sudo}env --chdir={BROKER_FOLDER} mosquitto -c mosquitto.conf",
    ]


def _port(given: str) -> int:
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
        raise argparse.ArgumentTypeError(f"{given!r} is no port: use 1 to 65535")
    return int(given)


def _host_and_port(given: str) -> str:
    host, _, port = given.rpartition(":")
    if not host:
        raise argparse.ArgumentTypeError(f"{given!r} is not HOST:PORT, as 127.0.0.1:8480")
    _port(port)
    return given


def _url(given: str) -> str:
    try:
        url = urlsplit(given)
        good = url.scheme in {"http", "https"} and bool(url.hostname)
    except ValueError:
        good = False
    if not good:
        raise argparse.ArgumentTypeError(f"{given!r} is no URL, as https://tocsin.example.org")
    return given.rstrip("/")


def _dsn(given: str) -> str:
    if not DSN.fullmatch(given):
        raise argparse.ArgumentTypeError("write it as postgresql://USER@HOST/DATABASE")
    return given
