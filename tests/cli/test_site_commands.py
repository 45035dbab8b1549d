"""`tocsin site import`, `export`, `show` and `suggest-county`, as a person types them."""

from uuid import UUID

import msgspec
import pytest

from tests.cli.terminal import Said, Terminal

SHEET = (
    "Site name;time_zone;address;county;county_fips;state;county_confirmed_by;latitude;longitude;"
    "room;place_kind;surroundings\r\n"
    "Carver Branch;America/New_York;1161 Angelina St;Travis County;48453;TX;Sam Novak;30.2699;"
    "-97.7243;Meeting room;counting table;the stage behind\r\n"
    "County Clerk;;5501 Airport Blvd;;;;;;;Counter;front counter;\r\n"
)
BROKEN = "site_name,state,lattitude\nCounty Clerk,Texas,30.3\nLibrary,TX\n"


class Counts(msgspec.Struct):
    sites_added: int
    places_added: int
    sites_unchanged: int


class Problem(msgspec.Struct):
    at: str
    column: str | None
    message: str


class Import(msgspec.Struct):
    done: bool
    counts: Counts
    errors: list[Problem]
    warnings: list[Problem]


class Place(msgspec.Struct):
    room: str
    kind: str


class Site(msgspec.Struct):
    site_id: UUID
    name: str
    county_confirmed_by: str | None
    places: list[Place]


class County(msgspec.Struct):
    fips: str
    name: str
    state: str


def write(terminal: Terminal, content: str | bytes, name: str = "sites.csv") -> str:
    content = content.encode() if isinstance(content, str) else content
    (terminal.folder / name).write_bytes(content)
    return name


def refused(said: Said, *words: str) -> None:
    """It ended with 1 and one line, after all mistakes were printed."""
    assert said.code == 1, said
    assert said.err.count("\n") == 1, said
    assert "nothing was changed" in said.err, said
    for word in words:
        assert word in said.out, said


async def test_a_file_is_tried_imported_and_shown(terminal: Terminal) -> None:
    file = write(terminal, SHEET)
    dry = await terminal.good("site", "import", file, "--dry-run")
    assert "a dry run; nothing was changed" in dry
    assert "sites: 2 added, 0 changed, 0 as they were" in dry
    assert "no site yet" in await terminal.good("site", "list")
    done = (await terminal.run("site", "import", file, "--json")).read(Import)
    assert (done.done, done.counts.sites_added, done.counts.places_added) == (True, 2, 2)
    listed = await terminal.good("site", "list")
    assert "CONFIRMED" in listed
    shown = await terminal.good("site", "show", "Carver Branch")
    assert "time zone: America/New_York" in shown
    assert "county confirmed by: Sam Novak" in shown
    assert "confirmed by nobody yet: agency" in shown
    assert "missing, and every alert says so: agency" in shown
    assert "room Meeting room, place kind counting table, surroundings the stage behind" in shown
    carver = (await terminal.run("site", "show", "Carver Branch", "--json")).read(Site)
    assert [(each.room, each.kind) for each in carver.places] == [
        ("Meeting room", "counting_table")
    ]
    (await terminal.run("site", "show", "Nowhere")).refused("Nowhere", "known are Carver Branch")


@pytest.mark.parametrize("form", ["csv", "geojson"])
async def test_what_is_exported_can_be_imported_again(terminal: Terminal, form: str) -> None:
    await terminal.good("site", "import", write(terminal, SHEET))
    said = await terminal.good("site", "export", "--format", form, "-o", "out")
    assert said == "out is written\n"
    assert await terminal.good("site", "export", "--format", form) == (
        (terminal.folder / "out").read_bytes().decode().replace("\r\n", "\n")
    )
    again = (await terminal.run("site", "import", "out", "--json")).read(Import)
    assert again.counts == Counts(sites_added=0, places_added=0, sites_unchanged=2)
    (await terminal.run("site", "export", "-o", "out")).refused("out: File exists")
    (await terminal.run("site", "export", "--json")).refused("-o")


async def test_before_there_is_a_site_an_export_is_a_header(terminal: Terminal) -> None:
    assert "site_id,site_name,address," in await terminal.good("site", "export")


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
async def test_every_mistake_is_printed_and_nothing_is_changed(
    terminal: Terminal, dry: tuple[str, ...]
) -> None:
    said = await terminal.run("site", "import", write(terminal, BROKEN), *dry)
    refused(
        said,
        "line 1, lattitude: is no column that is known here (did you mean latitude?)",
        "line 2, state: 'Texas' is no state",
        "line 3: has 2 cells",
    )
    assert "3 mistakes" in said.err
    assert "no site yet" in await terminal.good("site", "list")
    listed = await terminal.run("site", "import", "sites.csv", "--json", *dry)
    assert [each.at for each in msgspec.json.decode(listed.out, type=Import).errors] == [
        "line 1",
        "line 2",
        "line 3",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04", "Excel workbook"),
        (SHEET.replace("Carver", "Ca\u00f1ada").encode("cp1252"), "CSV UTF-8 (Comma delimited)"),
        (b"site_name\n" * 1_000_000, "larger than 8 MiB"),
    ],
    ids=["empty", "zip", "windows-1252", "large"],
)
async def test_what_can_not_be_read_is_called_what_it_is(
    terminal: Terminal, content: bytes, says: str
) -> None:
    refused(
        await terminal.run("site", "import", write(terminal, content)),
        f"ERROR    file: {says}" if says.startswith("the") else says,
    )
    assert "no site yet" in await terminal.good("site", "list")


async def test_a_file_that_is_not_there_and_one_without_end(terminal: Terminal) -> None:
    (await terminal.run("site", "import", "none.csv")).refused("none.csv: No such file")
    (await terminal.run("site", "import", ".")).refused("directory")
    refused(await terminal.run("site", "import", "/dev/zero"), "larger than 8 MiB")


async def test_a_doubt_about_a_county_is_a_warning(terminal: Terminal) -> None:
    sheet = "site_name,county_fips,latitude,longitude\nClerk,48491,30.3175,-97.7136\n"
    said = await terminal.good("site", "import", write(terminal, sheet))
    assert "warning  line 2, county_fips: is 48491, but" in said
    assert "48453 (Travis, TX)" in said


async def test_a_county_is_suggested_for_a_point_without_a_database(bare: Terminal) -> None:
    said = await bare.good("site", "suggest-county", "30.3175", "-97.7136")
    assert said.startswith("48453 (Travis, TX): suggested")
    assert "a person confirms" in said
    county = (await bare.run("site", "suggest-county", "30.3", "-97.7", "--json")).read(County)
    assert county == County(fips="48453", name="Travis", state="TX")
    nowhere = await bare.run("site", "suggest-county", "0", "0")
    nowhere.refused("in no county", "the latitude comes first")
    (await bare.run("site", "suggest-county", "91", "0")).refused("nowhere on earth")
    (await bare.run("site", "suggest-county", "nan", "0")).refused("nowhere on earth")
    (await bare.run("site", "suggest-county", "30.3")).not_understood()
