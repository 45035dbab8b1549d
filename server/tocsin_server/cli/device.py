"""`tocsin device`: a button's keys, its place, and how it is.

Promise: a button that was added is in the deployment's folder and in the database, or in neither.
"""

import argparse
import getpass
import shutil
from collections.abc import Sequence
from ipaddress import ip_address
from typing import get_args
from urllib.parse import urlsplit

import asyncpg
import msgspec

from tocsin_server.cli import (
    claim,
    claim_labels,
    false_alarms,
    open_claims,
    printing,
    update,
    upkeep,
)
from tocsin_server.cli.command import add_action, answer, folder_of, table
from tocsin_server.cli.office import DeviceLine, Office, office, proof_in_words
from tocsin_server.config import Config
from tocsin_server.errors import Invalid, TocsinError
from tocsin_server.fleet.certificates import DeploymentError
from tocsin_server.fleet.deployment import NewDevice, add_device
from tocsin_server.fleet.revocation import (
    Because,
    RevocationView,
    record_certificate,
    revoke_device,
)
from tocsin_server.fleet.sites import SiteView, add_place, place_device, register_device

_PLACE = ("building", "floor", "room", "spot")


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """A new button, and where its files are."""

    device_id: str
    jurisdiction: str
    folder: str
    brokers: list[str]
    site: str | None


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a button is from now on."""

    device_id: str
    site: str


class Devices(msgspec.Struct, frozen=True):
    """All buttons of a jurisdiction."""

    devices: list[DeviceLine]


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add = add_action(
        actions,
        "add",
        _add,
        "make a button's keys and certificate, and make it known to the server",
        example='tocsin device add --site "County Clerk" --floor 1 --room "Front counter"'
        ' --confirmed-by "Sam Novak"',
    )
    add.add_argument(
        "--id", dest="device_id", metavar="ID", help="as on its label (default: a new one)"
    )
    add.add_argument(
        "--broker",
        action="append",
        metavar="URL",
        help="where the button reaches a broker, as mqtts://tocsin.example.org:8883; may be"
        " repeated (default: where the server does)",
    )
    add.add_argument(
        "--cluster",
        action="append",
        metavar="URL",
        help="where it reaches a node of a RabbitMQ cluster; repeat it for every node (default:"
        " what the server has as persistent)",
    )
    _add_place(add, required=False)
    claim.arrange(actions)
    open_claims.arrange(actions)
    claim_labels.arrange(actions)
    place = add_action(
        actions,
        "place",
        _place,
        "say where a button is",
        example='tocsin device place btn-0123456789 --site "County Clerk" --room "Front counter"'
        ' --confirmed-by "Sam Novak"',
    )
    place.add_argument("device_id", metavar="ID")
    _add_place(place, required=True)
    revoke = add_action(
        actions,
        "revoke",
        _revoke,
        "take a lost, stolen or retired button out for good, and see where that holds",
        example="tocsin device revoke btn-0123456789 --because stolen",
    )
    revoke.add_argument("device_id", metavar="ID")
    revoke.add_argument("--because", required=True, choices=get_args(Because))
    revoke.add_argument("--by", metavar="NAME", help="who says so (default: this user)")
    add_action(
        actions,
        "list",
        _list,
        "list the buttons: where they are, and when they were last heard",
        example="tocsin device list",
    )
    upkeep.arrange_device_upkeep(actions)
    update.arrange_device(actions)
    false_alarms.arrange(actions)
    printing.arrange_device(actions)


def _add_place(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument("--site", required=required, metavar="NAME", help="its name, or its id")
    for part in _PLACE:
        parser.add_argument(f"--{part}")
    parser.add_argument(
        "--confirmed-by",
        metavar="NAME",
        help="who has seen it there (default: nobody, and alerts say so)",
    )


async def _add(options: argparse.Namespace) -> None:
    given = [f"--{part}" for part in (*_PLACE, "confirmed_by") if vars(options)[part] is not None]
    if options.site is None and given:
        raise Invalid(f"{given[0].replace('_', '-')} says nothing without a site: add --site")
    async with office(options) as here:
        site = await here.site(options.site) if options.site is not None else None
        brokers, clusters = _brokers(options, here.config)
        try:
            new = add_device(
                folder_of(here.config),
                jurisdiction=here.jurisdiction,
                brokers=brokers,
                clusters=clusters,
                device_id=options.device_id,
            )
        except DeploymentError as error:
            raise TocsinError(str(error)) from None
        try:
            await _register(here, new, site, options)
        except BaseException:
            # A moment old, and nobody knows its key: it can go without a trace.
            shutil.rmtree(new.folder)
            raise
    added = Added(
        device_id=new.device_id,
        jurisdiction=new.jurisdiction,
        folder=str(new.folder),
        brokers=[*brokers, *(node for nodes in clusters for node in nodes)],
        site=site.name if site is not None else None,
    )
    answer(options, added, _next_steps(added))


def _brokers(
    options: argparse.Namespace, config: Config
) -> tuple[list[str], Sequence[Sequence[str]]]:
    """Say which brokers a button is to have, and which clusters: as told, or as configured."""
    if options.broker or options.cluster:
        return options.broker or [], [options.cluster] if options.cluster else []
    return config.button_brokers


async def _register(
    here: Office, new: NewDevice, site: SiteView | None, options: argparse.Namespace
) -> None:
    # One transaction: a button isn't known before its place is.
    async with here.pool.acquire() as connection, connection.transaction():
        await register_device(
            connection,
            device_id=new.device_id,
            jurisdiction=here.jurisdiction,
            public_key=new.public_key,
        )
        await record_certificate(
            connection,
            jurisdiction=here.jurisdiction,
            device_id=new.device_id,
            certificate=new.certificate,
        )
        if site is not None:
            await _put(connection, here.jurisdiction, new.device_id, site, options)


async def _put(
    connection: asyncpg.Connection,
    jurisdiction: str,
    device_id: str,
    site: SiteView,
    options: argparse.Namespace,
) -> None:
    place_id = await add_place(
        connection,
        jurisdiction=jurisdiction,
        site_id=site.site_id,
        building=options.building,
        floor=options.floor,
        room=options.room,
        spot=options.spot,
    )
    await place_device(
        connection,
        jurisdiction=jurisdiction,
        device_id=device_id,
        place_id=place_id,
        confirmed_by=options.confirmed_by,
    )


async def _place(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        async with here.pool.acquire() as connection, connection.transaction():
            await _put(connection, here.jurisdiction, options.device_id, site, options)
    text = f"{options.device_id} is at {site.name}"
    if options.confirmed_by is None:
        text += "; nobody has confirmed it, and alerts say so"
    answer(options, Placed(device_id=options.device_id, site=site.name), text)


async def _revoke(options: argparse.Namespace) -> None:
    async with office(options) as here:
        view = await revoke_device(
            here.pool,
            config=here.config,
            jurisdiction=here.jurisdiction,
            device_id=options.device_id,
            by=options.by or getpass.getuser(),
            reason=options.because,
        )
    answer(options, view, _what_holds(view))


def _what_holds(view: RevocationView) -> str:
    if view.fresh:
        first = f"{view.device_id} is revoked: a press of it is unverified from now on"
    else:
        when = f"{view.revoked_at:%Y-%m-%d %H:%M}Z" if view.revoked_at else "some time ago"
        first = (
            f"{view.device_id} was revoked before, {when} by {view.revoked_by}"
            f" ({view.revoked_because}): nothing is changed"
        )
    lines = [first, *(f"  {broker.says}" for broker in view.brokers), *view.remarks]
    if view.in_force and view.brokers:
        lines.append("It can't connect any more, and a connection that it has is deaf and mute.")
    return "\n".join(lines)


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        devices = await here.devices()
    rows = [
        [
            device.device_id,
            device.site,
            ", ".join(filter(None, (device.building, device.floor, device.room, device.spot))),
            device.condition if device.state == "active" else device.state,
            f"{device.last_heard_at:%Y-%m-%d %H:%M:%S}Z" if device.last_heard_at else "never",
            proof_in_words(device),
        ]
        for device in devices
    ]
    text = table(
        ["BUTTON", "SITE", "PLACE", "STATE", "LAST HEARD", "PROVEN"],
        rows,
        none="there is no button yet: add one with tocsin device add",
    )
    answer(options, Devices(devices), text)


def _next_steps(added: Added) -> str:
    lines = [
        f"{added.device_id} is made, in {added.folder}",
        "copy that folder to the button, and to nowhere else, and run there",
        "  tocsin-button run --config button.toml",
    ]
    if added.site is None:
        lines.append(f"say where it is: tocsin device place {added.device_id} --site NAME")
    if any(_is_here(url) for url in added.brokers):
        lines.append(
            "it looks for the broker on its own machine: for any other, name --broker"
            " mqtts://HOST:8883, one of the names given to tocsin init"
        )
    return "\n".join(lines)


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
