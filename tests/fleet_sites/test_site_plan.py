"""What a file of sites would change, and every mistake in it; nothing here touches a database."""

import re
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin_server.fleet.sheet import (
    CELL_CHARS_MAX,
    FILE_BYTES_MAX,
    PROBLEMS_MAX,
    ROW_CHARS_MAX,
    ROWS_MAX,
    Problems,
    read_sheet,
    write_csv,
    write_geojson,
)
from tocsin_server.fleet.site_columns import COLUMNS
from tocsin_server.fleet.site_plan import Plan, plan_import
from tocsin_server.fleet.sites import PlaceView, SiteFacts

MEMORY_KIB_MAX = 300 * 1024
CLERK_ID, OTHER_ID, COUNTER_ID = UUID(int=1), UUID(int=2), UUID(int=3)
CONFIRMED_AT = datetime(2026, 9, 1, tzinfo=UTC)
COUNTER = PlaceView(
    place_id=COUNTER_ID,
    building=None,
    floor="1",
    room="Counter",
    spot=None,
    kind=None,
    surroundings=None,
)


def site(site_id: UUID, name: str, *places: PlaceView) -> SiteFacts:
    return SiteFacts(
        site_id=site_id,
        name=name,
        address=None,
        county="Travis County",
        county_fips="48453",
        state="TX",
        responding_agency="Austin Police Department",
        time_zone=None,
        latitude=None,
        longitude=None,
        opening_hours=None,
        entrances=[],
        contacts=[],
        county_confirmed_by="Sam Novak",
        county_confirmed_at=CONFIRMED_AT,
        agency_confirmed_by="Sam Novak",
        agency_confirmed_at=CONFIRMED_AT,
        places=list(places),
    )


CLERK = site(CLERK_ID, "County Clerk", COUNTER)


def planned(text: str, *known: SiteFacts) -> Plan:
    plan = plan_import(text.encode(), known)
    assert plan.errors.found == []
    return plan


def mistakes(content: bytes | str, *known: SiteFacts) -> list[str]:
    content = content.encode() if isinstance(content, str) else content
    return [str(each) for each in plan_import(content, known or [CLERK]).errors.found]


def features(*members: str) -> str:
    return '{"type": "FeatureCollection", "features": [' + ", ".join(members) + "]}"


def zipped() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * 50_000_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b" \r\n", "the file is empty"),
        (zipped(), "Excel workbook (.xlsx)"),
        (b"%PDF-1.7\n%\xe2\xe3", "this is a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel workbook"),
        (b"\x1f\x8b\x08\0", "gzip"),
        ("site_name\nLibrary".encode("utf-16"), "UTF-16"),
        (b"site_name\nLib\0rary\n", "NUL characters"),
        ("site_name\nBibliotéca\n".encode("latin-1"), "not UTF-8 (line 2)"),
        ("site_name\n\nO\u2019Hare\n".encode("cp1252"), "not UTF-8 (line 3)"),
        ("site_name\nBibliot\N{REPLACEMENT CHARACTER}ca\n".encode(), "letters were lost"),
        (b"x" * (FILE_BYTES_MAX + 1), "larger than 8 MiB: split it"),
        (b"site_name\n" + b"a\n" * 10**6, "more than 10,000 lines: split it"),
        (b"site_name," + b"," * 8_000_000, "line 1 is longer than 100,000 characters"),
        (b"room,spot\nCounter,2\n", "name one site_id or site_name"),
        (b"[]", "no GeoJSON FeatureCollection"),
        (b"{", "no GeoJSON FeatureCollection"),
        (b"[" * 100_000, "no GeoJSON FeatureCollection"),
        (b'{"type": "Topology", "features": []}', "no GeoJSON FeatureCollection"),
        (
            b'{"type": "FeatureCollection", "features": [],'
            b' "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2277"}}}',
            "export it as WGS 84",
        ),
        (
            features(*['{"type": "Feature", "properties": {}}'] * (ROWS_MAX + 1)).encode(),
            "more than 10,000 features: split it",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_is_no_such_file_is_called_what_it_is(content: bytes, says: str) -> None:
    (told,) = mistakes(content)
    assert told.startswith("file: ")
    assert says in told
    if "UTF" in says:
        assert "CSV UTF-8 (Comma delimited)" in told


@pytest.mark.parametrize(
    ("header", "row", "says"),
    [
        (
            "site_name,lattitude",
            "A,30",
            "line 1, lattitude: is no column that is known here (did you mean latitude?)",
        ),
        (
            "site_name,qqq",
            "A,30",
            "line 1, qqq: is no column that is known here (there are site_id",
        ),
        ("site_name,room,Room", "A,1,2", "line 1, room: is there twice"),
        ("site_name,", "A,1", "line 1: the column 2 has no name"),
        ("site_name,room", "A", "line 2: has 1 cells, and the first line names 2"),
        ("site_name,room", "A,1,2", "line 2: has 3 cells, and the first line names 2"),
        ("site_name,room", '"A,1', "line 2: a quotation mark is opened here"),
        ("site_name,room", '"A" b,1', "line 2: a quotation mark stands inside a cell"),
        ("site_name,room", "=1+1,1", "line 2, site_name: begins with =, which a spreadsheet"),
        ("site_name,room", "A,@SUM(A1)", "line 2, room: begins with @"),
        ("site_name,room", "A,-cmd|' /C calc'!A0", "line 2, room: begins with -"),
        ("site_name,room", "A,+1", "line 2, room: begins with +"),
        ("site_name,room", ",1", "line 2, site_name: is empty"),
        ("site_name,room", f"A,{'x' * 201}", "line 2, room: the room is 201 characters long"),
        ("site_name,room", f"A,{'x' * (CELL_CHARS_MAX + 1)}", "line 2, room: is 4,001 characters"),
        ("site_name,room", "A,a\x07b", "line 2, room: the room holds characters"),
        ("site_id,site_name", "7,A", "line 2, site_id: '7' is no id"),
        ("site_id,site_name", f"{OTHER_ID},A", "line 2, site_id: no site here has this id"),
        ("site_name,latitude", "A,30.3", "line 2, latitude: give latitude and longitude together"),
        ("site_name,latitude,longitude", "A,NaN,0", "line 2, latitude: 'NaN' is no number"),
        ("site_name,latitude,longitude", "A,1e999,0", "line 2, latitude: inf, 0.0 is nowhere"),
        ("site_name,latitude,longitude", "A,30.3,-197.7", "line 2, longitude: 0.0, -197.7 is no"),
        ("site_name,latitude,longitude", 'A,"30,3",0', "line 2, latitude: '30,3' is no number"),
        ("site_name,latitude,longitude", "A,1_0,0", "line 2, latitude: '1_0' is no number"),
        ("site_name,latitude,longitude", f"A,{'9' * 3000},0", "line 2, latitude: '999"),
        (
            "site_name,county_fips",
            "A,6037",
            "line 2, county_fips: '6037' has lost its leading zero",
        ),
        ("site_name,county_fips", "A,4845x", "line 2, county_fips: '4845x' is no county FIPS"),
        ("site_name,state", "A,Texas", "line 2, state: 'Texas' is no state"),
        (
            "site_name,county_fips,state",
            "A,06037,TX",
            "line 2, county_fips: the county 06037 is not",
        ),
        ("site_name,time_zone", "A,Central", "line 2, time_zone: 'Central' is no time zone"),
        ("site_name,opening_hours", "A,9 to 5", "line 2, opening_hours: '9 to 5' are no opening"),
        ("site_name,contacts", "A,Sam Novak", "line 2, contacts: 'Sam Novak' is no contact"),
        ("site_name,contacts", 'A,"Sam, 911"', "line 2, contacts: '911' is no phone number"),
        ("site_name,contacts", 'A,", x, +15125550190"', "line 2, contacts: a contact's name is"),
        ("site_name,contacts", f'A,"{"S, +15125550190;" * 11}"', "line 2, contacts: 11 contacts"),
        ("site_name,entrances", "A,;", "line 2, entrances: 0 entrances: name 1 to 10"),
        ("site_name,contacts", "A,;", "line 2, contacts: 0 contacts: name 1 to 10"),
        ("site_name,entrances", f"A,{'door;' * 11}", "line 2, entrances: 11 entrances"),
        ("site_name,room,place_kind", "A,1,safe", "line 2, place_kind: 'safe' is none of front"),
        ("site_name,place_kind", "A,other", "line 2, place_kind: is of which place?"),
        ("site_name,county_confirmed_by", "A,Sam", "line 2, county_confirmed_by: there is nothing"),
        ("site_name,agency_confirmed_by", "A,Sam", "line 2, agency_confirmed_by: there is nothing"),
    ],
)
def test_a_mistake_is_named_by_its_line_and_its_column(header: str, row: str, says: str) -> None:
    told = mistakes(f"{header}\n{row}\n")
    assert told[0].startswith(says)
    assert len(told) == 1 or "99" in row, told


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        ("7", "file: this is no GeoJSON"),
        ('{"type": "Feature"}', "file: this is no GeoJSON"),
        ('{"type": "Feature", "properties": null}', ""),
        ('{"type": "Feature", "properties": []}', "feature 1: its properties are no texts"),
        ('{"type": "Feature", "properties": {"room": [1]}}', "feature 1: its properties are no"),
        ('{"type": "Feature", "properties": {"room": "1"}}', "feature 1, site_name: is empty"),
        (
            '{"type": "Feature", "properties": {"site_name": "A", "lattitude": 1}}',
            "feature 1, lattitude: is no column that is known here (did you mean latitude?)",
        ),
        (
            '{"type": "Feature", "properties": {"site_name": "A", "Site Name": "B"}}',
            "feature 1, site_name: is there twice",
        ),
        (
            '{"type": "Feature", "properties": {"site_name": "A"}, "geometry":'
            ' {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 0]]]}}',
            "feature 1, geometry: is no point",
        ),
        (
            '{"type": "Feature", "properties": {"site_name": "A"}, "geometry":'
            ' {"type": "Point", "coordinates": [1e999, 0]}}',
            "feature 1, geometry: is no point",
        ),
        (
            '{"type": "Feature", "properties": {"site_name": "A"}, "geometry":'
            ' {"type": "Point", "coordinates": [3113000, 10070000]}}',
            "feature 1, latitude: 10070000.0, 0.0 is nowhere on earth",
        ),
        (
            '{"type": "Feature", "properties": {"site_name": "A", "latitude": 31}, "geometry":'
            ' {"type": "Point", "coordinates": [-97.7, 30.3]}}',
            "feature 1, latitude: is not where its point is (30.3)",
        ),
        (
            f'{{"type": "Feature", "properties": {{"room": "{"x" * ROW_CHARS_MAX}"}}}}',
            "feature 1: is longer than 100,000 characters",
        ),
    ],
)
def test_a_mistake_in_geojson_is_named_by_its_feature(feature: str, says: str) -> None:
    told = mistakes(features(feature))
    assert says in told[0] if says else told == []


def test_all_mistakes_are_listed_in_the_order_of_the_file() -> None:
    told = mistakes(
        "site_name,county_fips,state,latitude,longitude,time_zone\n"
        "A,484,ZZ,91,x,Central\n"
        "A,48453\n"
        "B,06037,TX,,,\n"
        ",,,,,UTC\n"
    )
    assert [each.split(":")[0] for each in told] == [
        "line 2, county_fips",
        "line 2, state",
        "line 2, time_zone",
        "line 2, latitude",
        "line 2, longitude",
        "line 3",
        "line 4, county_fips",
        "line 5, site_name",
    ]


def test_after_too_many_mistakes_the_rest_is_not_looked_at() -> None:
    told = mistakes("site_name,state,county_fips,time_zone\n" + "A,x,x,x\n" * (ROWS_MAX - 1))
    assert len(told) == PROBLEMS_MAX + 1
    assert "the rest was not looked at" in told[-1]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("bom", ["", "\N{ZERO WIDTH NO-BREAK SPACE}"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_ways_in_which_spreadsheets_write_csv_are_all_read(
    separator: str, bom: str, newline: str
) -> None:
    lines = [["Site Name", "ROOM", "spot"], ["Carver", '"Room 1, north; east"', " "], ["", "", ""]]
    text = bom + newline.join(separator.join(line) for line in lines)
    plan = planned(text)
    assert [each.name for each in plan.sites] == ["Carver"]
    assert [(each.room, each.spot) for each in plan.places] == [("Room 1, north; east", None)]


def test_the_example_on_the_facilities_page_is_taken_as_it_stands() -> None:
    page = (Path(__file__).parents[2] / "docs" / "facilities.md").read_text()
    (example,) = re.findall(r"```\n(site_name,.*?)```", page, re.DOTALL)
    plan = planned(example)
    assert plan.warnings == []
    assert (plan.counts.sites_added, plan.counts.places_added) == (1, 2)


def test_an_empty_cell_leaves_what_is_there() -> None:
    plan = planned(
        "site_name,county,county_fips,room,floor,surroundings\nCounty Clerk,,,,,\n", CLERK
    )
    assert (plan.sites, plan.places) == ([], [])
    assert plan.counts.sites_unchanged == 1


def test_a_site_is_known_by_its_id_or_its_name_in_any_case_and_a_place_by_where_it_is() -> None:
    plan = planned(
        "site_id,site_name,floor,room,surroundings\n"
        f"{CLERK_ID},County Clerk's Office,1,Counter,a door\n",
        CLERK,
    )
    assert [(each.site_id, each.name) for each in plan.sites] == [
        (CLERK_ID, "County Clerk's Office")
    ]
    assert [(each.place_id, each.surroundings) for each in plan.places] == [(COUNTER_ID, "a door")]
    plan = planned("site_name,floor,room\nCOUNTY CLERK,2,Counter\n", CLERK)
    assert [each.site_id for each in plan.sites] == [CLERK_ID]
    assert [(each.place_id, each.site_id, each.floor) for each in plan.places] == [
        (None, CLERK_ID, "2")
    ]


def test_rows_of_one_site_must_not_differ_and_may_leave_out_what_was_said() -> None:
    plan = planned("site_name,state,room\nA,TX,1\nA,,2\n")
    assert (len(plan.sites), len(plan.places)) == (1, 2)
    assert mistakes("site_name,state,room\nA,TX,1\nA,OH,2\n") == [
        "line 3, state: is not what line 2 says of the same site: make both alike"
    ]
    assert mistakes("site_name,room,place_kind\nA,1,other\nA,1,front counter\n") == [
        "line 3, place_kind: is not what line 2 says of the same place: make both alike"
    ]


def test_a_name_that_leads_to_two_sites_is_refused() -> None:
    twin = site(OTHER_ID, "county clerk")
    assert "2 sites are called so" in mistakes("site_name\nCounty Clerk\n", CLERK, twin)[0]
    other = site(OTHER_ID, "Library")
    renamed = mistakes(f"site_id,site_name\n{OTHER_ID},County Clerk\n", CLERK, other)
    assert renamed == ["line 2, site_name: is another site's name already"]
    swapped = f"site_id,site_name\n{OTHER_ID},County Clerk\n{CLERK_ID},Library\n"
    assert mistakes(swapped, CLERK, other) == []


def test_a_place_that_two_buttons_have_is_changed_for_both() -> None:
    second = PlaceView(
        place_id=OTHER_ID,
        building=None,
        floor="1",
        room="Counter",
        spot=None,
        kind="front_counter",
        surroundings=None,
    )
    known = site(CLERK_ID, "County Clerk", COUNTER, second)
    row = "site_name,floor,room,place_kind\nCounty Clerk,1,Counter,"
    assert planned(row + "front counter\n", known).places == []
    changed = planned(row + "other\n", known).places
    assert [(each.place_id, each.kind) for each in changed] == [
        (COUNTER_ID, "other"),
        (OTHER_ID, "other"),
    ]


def test_nothing_is_confirmed_unless_a_person_is_named() -> None:
    (fresh,) = planned("site_name,county_fips,responding_agency\nA,48453,APD\n").sites
    assert (fresh.county_confirmed_by, fresh.agency_confirmed_by) == (None, None)
    (named,) = planned("site_name,county_fips,county_confirmed_by\nA,48453,Sam\n").sites
    assert (named.county_confirmed_by, named.county_confirmed_at) == ("Sam", None)


def test_a_confirmation_does_not_outlive_what_was_confirmed() -> None:
    row = "site_name,county_fips,county,county_confirmed_by\nCounty Clerk,48491,Williamson County,"
    plan = planned(row, CLERK)
    assert plan.sites[0].county_confirmed_by is None
    assert plan.sites[0].agency_confirmed_by == "Sam Novak"
    assert "nobody will have confirmed it" in str(plan.warnings[0])
    plan = planned(row + "Sam Novak", CLERK)
    assert (plan.sites[0].county_confirmed_by, plan.sites[0].county_confirmed_at) == (
        "Sam Novak",
        None,
    )
    assert "still named: is it so?" in str(plan.warnings[0])
    plan = planned(row + "Ana Ruiz", CLERK)
    assert plan.warnings == []


def test_a_county_is_held_against_the_outlines_and_a_doubt_is_no_error() -> None:
    header = "site_name,latitude,longitude,county_fips\n"
    plan = planned(
        f"{header}A,30.3175,-97.7136,48453\nB,30.3175,-97.7136,48491\nC,30.3175,-97.7136,\nD,0,0,\n"
    )
    told = [str(each) for each in plan.warnings]
    assert told[0].startswith("line 3, county_fips: is 48491, but 30.3175, -97.7136 seems to be in")
    assert "48453 (Travis, TX)" in told[0]
    assert "a person confirms" in told[0]
    assert told[1].startswith("line 4, county_fips: is empty, but")
    assert told[2].startswith("line 5, latitude: 0.0, 0.0 is in no county of the United States")
    assert len(plan.sites) == 4


CELLS = st.dictionaries(
    st.sampled_from([column.name for column in COLUMNS if not column.is_number]),
    st.text(
        st.characters(
            exclude_categories=("Cs", "Cc"), exclude_characters="\N{REPLACEMENT CHARACTER}"
        ),
        min_size=1,
    )
    .map(str.strip)
    .filter(bool)
    | st.from_regex(r"'*[=+\-@;,\"\t]'?[a-z\n]?", fullmatch=True).map(str.strip).filter(bool),
    min_size=1,
)


@given(st.lists(CELLS, max_size=5))
def test_whatever_a_cell_holds_is_read_as_it_was_written(rows: list[dict[str, str]]) -> None:
    for text in (write_csv(COLUMNS, rows), write_geojson(rows)):
        problems = Problems()
        read = read_sheet(text.encode(), COLUMNS, problems)
        assert problems.found == []
        assert [row.cells for row in read] == rows


@given(st.lists(CELLS, max_size=5))
def test_no_cell_that_is_written_is_a_formula(rows: list[dict[str, str]]) -> None:
    lines = write_csv(COLUMNS, rows).splitlines()[1:]
    assert not any(line.startswith(("=", "+", "-", "@", '"=', '"+', '"-', '"@')) for line in lines)


LINE = st.lists(st.text(max_size=20), max_size=4).map(",".join)
LINES = st.lists(LINE, max_size=6).map("\n".join)


@given(st.binary(max_size=400) | LINES.map(lambda text: f"site_name,room\n{text}".encode()))
def test_any_bytes_are_a_plan_or_mistakes(content: bytes) -> None:
    plan = plan_import(content, [CLERK])
    assert plan.errors.found or len(plan.sites) <= content.count(b"\n") + 1


HOSTILE = {
    "lines": "'site_name,room\\n' + 'a,b\\n' * 2_000_000",
    "commas": "',' * N",
    "columns": "','.join(f'c{i}' for i in range(1_000_000))",
    "cell": "'site_name,room\\na,' + 'x' * N",
    "quote": "'site_name,room\\n\"' + 'x\\n' * (N // 2)",
    "quotes": "'site_name,room\\n' + '\"' * N",
    "features": "F + '{\"properties\":0},' * (N // 17) + '{\"properties\":0}]}'",
    "nested": "F + '{\"properties\":' + '{\"a\":' * (N // 6)",
    "numbers": "F + '1,' * (N // 2)",
    "points": "F + '{\"properties\":{},\"geometry\":[' + '1,' * (N // 2 - 60) + '1]}]}'",
    "cells": "'site_name,' + 'room,' * 20 + '\\n' + ('a,' * 21 + '\\n') * 190_000",
}


def test_a_file_of_any_size_and_shape_takes_little_memory_and_changes_nothing() -> None:
    script = f"""
from pathlib import Path
from tocsin_server.fleet.sheet import FILE_BYTES_MAX
from tocsin_server.fleet.site_plan import plan_import
N, F = FILE_BYTES_MAX - 100, '{{"type":"FeatureCollection","features":['
for content in ({", ".join(HOSTILE.values())}):
    assert plan_import(content.encode()[:FILE_BYTES_MAX], []).errors.found
status = Path("/proc/self/status").read_text()
print(status.partition("VmHWM:")[2].split()[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < MEMORY_KIB_MAX
