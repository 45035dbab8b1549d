"""`tocsin site`: the buildings that people and police know by name."""

import argparse

import msgspec

from tocsin_server.cli import printing, site_files
from tocsin_server.cli.command import add_action, answer, table
from tocsin_server.cli.office import DeviceLine, office, proof_in_words
from tocsin_server.cli.plans import arrange_plans
from tocsin_server.cli.upkeep import arrange_upkeep
from tocsin_server.cli.walk_test import arrange_walk_test
from tocsin_server.fleet.site_columns import place_cells, site_cells
from tocsin_server.fleet.sites import SiteFacts, add_site, read_sites


class Sites(msgspec.Struct, frozen=True):
    """All sites of a jurisdiction."""

    sites: list[SiteFacts]


class ShownSite(SiteFacts, frozen=True, kw_only=True):
    """A site with its buttons."""

    buttons: list[DeviceLine]


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add = add_action(
        actions,
        "add",
        _add,
        "add a site; leave out what nobody has confirmed, and every alert says that it is missing",
        example='tocsin site add "County Clerk" --address "5501 Airport Blvd, Austin, TX 78751"'
        ' --county "Travis County" --fips 48453 --state TX --agency "Austin Police Department"'
        " --latitude 30.3134 --longitude -97.7143",
    )
    add.add_argument("name", metavar="NAME")
    add.add_argument("--address", help="the civic address, as an ambulance needs it")
    add.add_argument("--county", help="its name")
    add.add_argument("--fips", metavar="CODE", help="the county's five digits")
    add.add_argument("--state", help="two capital letters")
    add.add_argument("--agency", help="who responds there")
    add.add_argument("--time-zone", metavar="ZONE", help="where it isn't the jurisdiction's")
    add.add_argument("--latitude", type=float, metavar="DEGREES")
    add.add_argument("--longitude", type=float, metavar="DEGREES", help="west of London: negative")
    add.add_argument("--policy", metavar="NAME", help="where it isn't the jurisdiction's own")
    add_action(
        actions,
        "list",
        _list,
        "list the sites",
        example="tocsin site list",
    )
    show = add_action(
        actions,
        "show",
        _show,
        "show all that is known of a site, and of its places",
        example='tocsin site show "County Clerk"',
    )
    show.add_argument("site", metavar="SITE", help="its name or its id")
    site_files.arrange(actions)
    printing.arrange_site(actions)
    arrange_upkeep(actions)
    arrange_plans(actions)
    arrange_walk_test(actions)


async def _add(options: argparse.Namespace) -> None:
    async with office(options) as here:
        policy = await here.policy(options.policy) if options.policy is not None else None
        site_id = await add_site(
            here.pool,
            jurisdiction=here.jurisdiction,
            name=options.name,
            address=options.address,
            county=options.county,
            county_fips=options.fips,
            state=options.state,
            responding_agency=options.agency,
            time_zone=options.time_zone,
            latitude=options.latitude,
            longitude=options.longitude,
            policy_id=policy.policy_id if policy is not None else None,
        )
        sites = await read_sites(here.pool, jurisdiction=here.jurisdiction)
    site = next(site for site in sites if site.site_id == site_id)
    text = f"{site.name} is added"
    if missing := _missing(site):
        text += f"; every alert from there will say that these are missing: {', '.join(missing)}"
    answer(options, site, text)


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        sites = await read_sites(here.pool, jurisdiction=here.jurisdiction)
    text = table(
        ["SITE", "ADDRESS", "COUNTY", "AGENCY", "CONFIRMED", "ID"],
        [
            [
                site.name,
                site.address,
                site.county,
                site.responding_agency,
                ", ".join(_confirmed(site)) or None,
                site.site_id,
            ]
            for site in sites
        ],
        none="there is no site yet: add one with tocsin site add",
    )
    answer(options, Sites(sites), text)


async def _show(options: argparse.Namespace) -> None:
    async with office(options) as here:
        site = await here.site(options.site)
        devices = await here.devices()
    buttons = [each for each in devices if each.site_id == site.site_id and each.state == "active"]
    lines = [f"{_spoken(name)}: {cell}" for name, cell in site_cells(site).items()]
    if missing := _missing(site):
        lines.append(f"missing, and every alert says so: {', '.join(missing)}")
    if unconfirmed := [what for what in ("county", "agency") if what not in _confirmed(site)]:
        lines.append(f"confirmed by nobody yet: {', '.join(unconfirmed)}")
    for place in site.places:
        cells = [f"{_spoken(name)} {cell}" for name, cell in place_cells(place).items()]
        lines.append(f"place: {', '.join(cells) or 'not described'}")
    for button in buttons:
        known = ", ".join(filter(None, (button.device_id, button.room, button.spot)))
        lines.append(f"button: {known}: {proof_in_words(button)}")
    if overdue := sum(button.proof == "overdue" for button in buttons):
        lines.append(f"overdue: {overdue} of {len(buttons)} buttons are to be proven again")
    answer(options, ShownSite(**msgspec.structs.asdict(site), buttons=buttons), "\n".join(lines))


def _spoken(column: str) -> str:
    return column.replace("_", " ")


def _confirmed(site: SiteFacts) -> list[str]:
    named = {"county": site.county_confirmed_by, "agency": site.agency_confirmed_by}
    return [what for what, by in named.items() if by is not None]


def _missing(site: SiteFacts) -> list[str]:
    named = {
        "address": site.address,
        "county": site.county,
        "agency": site.responding_agency,
        "coordinates": site.latitude,
    }
    return [what for what, known in named.items() if known is None]
