"""`tocsin site import`, `export` and `suggest-county`: many sites at once, and where a point is.

Promise: an import prints every mistake and every doubt on standard output before it ends.
"""

import argparse
import sys
from pathlib import Path

import msgspec

from tocsin_server.cli.command import add_action, answer
from tocsin_server.cli.office import office
from tocsin_server.errors import Invalid, NotFound
from tocsin_server.fleet.sheet import FILE_BYTES_MAX
from tocsin_server.fleet.site_files import SitesImport, export_sites, import_sites
from tocsin_server.fleet.sites import check_coordinates


class Exported(msgspec.Struct, frozen=True):
    """A file that was written."""

    file: str


def arrange(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the actions to those of `tocsin site`."""
    take = add_action(
        actions,
        "import",
        _import,
        "add and change sites and places from a CSV or GeoJSON file: all of it, or nothing",
        example="tocsin site import sites.csv --dry-run",
    )
    take.add_argument("file", type=Path, metavar="FILE")
    take.add_argument(
        "--dry-run", action="store_true", help="say what is wrong and what would change; do nothing"
    )
    give = add_action(
        actions,
        "export",
        _export,
        "write all sites and places to a file that can be changed and imported again",
        example="tocsin site export -o sites.csv",
    )
    give.add_argument("--format", choices=("csv", "geojson"), default="csv")
    give.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="a new file (default: standard output)"
    )
    suggest = add_action(
        actions,
        "suggest-county",
        _suggest,
        "say which county a point is in, as far as coarse outlines can; a person confirms",
        example="tocsin site suggest-county 30.3134 -97.7143",
        in_jurisdiction=False,
    )
    suggest.add_argument("latitude", type=float, metavar="LATITUDE")
    suggest.add_argument(
        "longitude", type=float, metavar="LONGITUDE", help="west of London: negative"
    )


async def _import(options: argparse.Namespace) -> None:
    with options.file.open("rb") as file:
        content = file.read(FILE_BYTES_MAX + 1)
    async with office(options) as here:
        done = await import_sites(
            here.pool, jurisdiction=here.jurisdiction, content=content, dry_run=options.dry_run
        )
    answer(options, done, _described(done))
    if done.errors:
        raise Invalid(
            f"{options.file} has {len(done.errors)} mistakes, listed on standard output: nothing"
            " was changed; correct them, and import it again"
        )


async def _export(options: argparse.Namespace) -> None:
    if options.output is None and options.json:
        raise Invalid("--json and the file would mix in standard output: name a file with -o")
    async with office(options) as here:
        text = await export_sites(here.pool, jurisdiction=here.jurisdiction, form=options.format)
    if options.output is None:
        sys.stdout.write(text)
        return
    with options.output.open("x", encoding="utf-8", newline="") as file:
        file.write(text)
    answer(options, Exported(str(options.output)), f"{options.output} is written")


async def _suggest(options: argparse.Namespace) -> None:
    check_coordinates(options.latitude, options.longitude)
    from tocsin_server.fleet.outlines import suggest_counties  # noqa: PLC0415 (only this needs it)

    (county,) = suggest_counties([(options.latitude, options.longitude)])
    if county is None:
        raise NotFound(
            "that is in no county of the United States: the latitude comes first, and a longitude"
            " west of London is negative"
        )
    answer(options, county, f"{county}: {county.caution}")


def _described(done: SitesImport) -> str:
    lines = [f"ERROR    {each}" for each in done.errors]
    lines += [f"warning  {each}" for each in done.warnings]
    if done.errors:
        return "\n".join(lines)
    lines.append("imported:" if done.done else "a dry run; nothing was changed. It would be:")
    counts = done.counts
    for what, added, changed, same in (
        ("sites", counts.sites_added, counts.sites_changed, counts.sites_unchanged),
        ("places", counts.places_added, counts.places_changed, counts.places_unchanged),
    ):
        lines.append(f"{what}: {added} added, {changed} changed, {same} as they were")
    return "\n".join(lines)
