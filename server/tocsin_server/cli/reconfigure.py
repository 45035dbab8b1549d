"""`tocsin keys sign` and `send`: other brokers for buttons, signed where no network is.

Promise: what `sign` needs lies on the stick with the offline key: no database, no configuration.
What no button could use is refused there, where it can still be corrected.
"""

import argparse
import getpass
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tocsin_server.cli.command import add_action, add_json, answer, configuration, table
from tocsin_server.cli.describe import describe
from tocsin_server.cli.office import database
from tocsin_server.config import Config
from tocsin_server.errors import Invalid, Refused, TocsinError
from tocsin_server.fleet import reconfigurations
from tocsin_server.fleet.certificates import PUBLIC, DeploymentError, write_new
from tocsin_server.fleet.deployment import button_config, check_device_id
from tocsin_server.fleet.reconfigurations import SentView
from tocsin_wire.messages import INT32_MAX, NAMED_MAX, BrokerAddress, Reconfigure, timestamp
from tocsin_wire.signing import JWS_BYTES_MAX, SigningKey, VerifyKey
from tocsin_wire.topics import new_device_id

TRIAL_MINUTES = 2  # `links.TRIAL_S` of the button
REMEDY = "Copy that file here from the server where tocsin keys send was run."


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What was signed, and where it is."""

    file: str
    number: int
    jurisdiction: str
    brokers: list[str]
    device_ids: list[str]


def arrange(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add both actions."""
    _arrange_sign(actions)
    send = add_action(
        actions,
        "send",
        _send,
        "have servers forward to buttons what the offline key signed",
        example="tocsin keys send brokers.jws",
        in_jurisdiction=False,
    )
    send.add_argument("file", type=Path, metavar="FILE", help="as tocsin keys sign wrote it")
    send.add_argument("--by", metavar="NAME", help="who sends it (default: this user)")


def keys_of(config: Config) -> Mapping[str, VerifyKey]:
    """Read the public half of the offline key. Raises TocsinError."""
    try:
        return reconfigurations.keys_of(config)
    except DeploymentError as error:
        raise TocsinError(str(error)) from None


def lines_of(sent: Sequence[SentView], keys_file: Path) -> list[str]:
    """Lay out what was sent; no line where nothing was."""
    rows = [
        [
            each.number,
            each.jurisdiction,
            f"{each.sent_at:%Y-%m-%d %H:%M}Z by {each.sent_by}",
            ", ".join(each.brokers) or "NOT KNOWN HERE",
            each.adopted,
            each.waiting,
            ", ".join(each.given_up) or None,
        ]
        for each in sent
    ]
    headings = ["NUMBER", "OF", "SENT", "BROKERS", "ADOPTED", "WAITING", "GIVEN UP"]
    lines = ["", table(headings, rows, none="")] if rows else []
    if not all(each.brokers for each in sent):
        lines += ["", f"NOT KNOWN HERE: signed with a key that isn't in {keys_file}. {REMEDY}"]
    return lines


def _arrange_sign(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "sign other brokers for buttons; on the machine that has the offline key, and no network"
    sign = actions.add_parser("sign", help=what)
    describe(
        sign,
        what,
        "tocsin keys sign --key /media/stick/command.key --jurisdiction 48453"
        " --broker mqtts://broker-a.county.example:8883 -o brokers.jws",
    )
    sign.add_argument("--key", required=True, type=Path, metavar="FILE", help="the offline key")
    sign.add_argument("--jurisdiction", required=True, metavar="SLUG", help="whose buttons")
    sign.add_argument(
        "--broker",
        action="append",
        default=[],
        metavar="URL",
        help="where buttons reach a broker from now on; name each, also those that stay",
    )
    sign.add_argument(
        "--cluster",
        action="append",
        metavar="URL",
        help="where they reach a node of a RabbitMQ cluster; repeat it for every node",
    )
    sign.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="ID",
        help="for this button alone, to try it first; may be repeated (default: for all)",
    )
    sign.add_argument(
        "--number",
        type=int,
        metavar="N",
        help="which must rise with each (default: the minutes since 1970, by this machine's clock)",
    )
    sign.add_argument("-o", dest="out", required=True, type=Path, metavar="FILE")
    add_json(sign)
    sign.set_defaults(run=_sign)


def _sign(options: argparse.Namespace) -> int:
    clusters = [options.cluster] if options.cluster else []
    try:
        # What no button could use is refused here, where it can still be corrected.
        button_config(
            device_id=new_device_id(),
            jurisdiction=options.jurisdiction,
            brokers=options.broker,
            clusters=clusters,
        )
        for device_id in options.only:
            check_device_id(device_id)
        key = SigningKey.load(options.key)
    except (DeploymentError, ValueError) as error:
        raise TocsinError(str(error)) from None
    now = datetime.now(UTC)
    number = options.number if options.number is not None else int(now.timestamp()) // 60
    if not 0 < number <= INT32_MAX or len(options.only) > NAMED_MAX:
        raise Invalid(f"--number is 1 to {INT32_MAX}, and --only names {NAMED_MAX} at most")
    said = Reconfigure(
        number=number,
        jurisdiction=options.jurisdiction,
        brokers=[
            *(BrokerAddress(url=url) for url in options.broker),
            *(
                BrokerAddress(url=nodes[0], other_nodes=nodes[1:], persistent=True)
                for nodes in clusters
            ),
        ],
        device_ids=options.only,
        at=timestamp(now),
    )
    write_new(options.out, key.sign(said) + b"\n", mode=PUBLIC)
    signed = Signed(
        file=str(options.out),
        number=number,
        jurisdiction=said.jurisdiction,
        brokers=[broker.url for broker in said.brokers],
        device_ids=said.device_ids,
    )
    answer(
        options, signed, f"{_told(said)}\nnext, on a server: tocsin keys send {options.out.name}"
    )
    return 0


async def _send(options: argparse.Namespace) -> None:
    config = configuration(options)
    body = options.file.read_bytes()[: JWS_BYTES_MAX + 1].strip()
    keys = keys_of(config)
    if not keys:
        raise Refused(
            f"{config.path(config.keys.command_keys_file)} isn't there: this deployment was made"
            " without an offline key, and its buttons know none"
        )
    async with database(config) as pool:
        said = await reconfigurations.send(
            pool, body, keys=keys, by=options.by or getpass.getuser()
        )
        views = await reconfigurations.sent(pool, keys)
    mine = (said.jurisdiction, said.number)
    view = next(each for each in views if (each.jurisdiction, each.number) == mine)
    text = (
        f"{_told(said)}\nServers say it to each from now on, until it knows. A button tries new"
        f" addresses beside the old ones for {TRIAL_MINUTES} minutes, and gives all of them up"
        " unless a server is heard by way of each. Leave the old ones running until tocsin keys"
        " list shows nobody waiting."
    )
    answer(options, view, text)


def _told(said: Reconfigure) -> str:
    whom = ", ".join(said.device_ids) or f"all buttons of {said.jurisdiction}"
    lines = [f"number {said.number}: {whom} are to use"]
    for broker in said.brokers:
        nodes = f" (a cluster, with {', '.join(broker.other_nodes)})" if broker.persistent else ""
        lines.append(f"  {broker.url}{nodes}")
    return "\n".join(lines)
