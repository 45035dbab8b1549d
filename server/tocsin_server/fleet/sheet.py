"""A sheet: rows of named cells out of a file that somebody saved, as CSV or as GeoJSON.

Promise: every mistake is listed with its line and its column, and what is no such file at all is
called what it is. Nothing is guessed: neither an encoding, nor a number, nor a missing cell. The
memory that it takes is a small multiple of FILE_BYTES_MAX, whatever the file holds.

A text that a spreadsheet would take for a formula is written with an apostrophe before it, and
read without that apostrophe; one that comes without is refused.
"""

import csv
import difflib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

from tocsin_server.errors import Invalid

ROWS_MAX = 10_000  # a thousand sites with ten places each; a larger county sends two files
FILE_BYTES_MAX = 8 * 1024 * 1024  # as many rows with 800 bytes each, as GeoJSON has
CELL_CHARS_MAX = 4_000  # ten contacts with long names and roles, and then some
PROBLEMS_MAX = 20_000  # two for each row; who sees that many has the wrong file
ROW_CHARS_MAX = 100_000  # all columns with full cells
UNKNOWN_CHARS_MAX = 60  # of a wrong word, in the sentence about it

Format = Literal["csv", "geojson"]

_FILE = "file"
_KINDS = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook (.xlsx)",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a gzip archive",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\xff\xfe": "UTF-16 text (Excel's “Unicode Text”)",
    b"\xfe\xff": "UTF-16 text",
}
_SAVE_AS_CSV = (
    "in Excel choose Save As and “CSV UTF-8 (Comma delimited)”; in LibreOffice Save As, “Text CSV”,"
    " and Unicode (UTF-8) as its character set"
)
_STRAY_QUOTE = (
    "a quotation mark stands inside a cell: write it twice, and put the whole cell into quotation"
    " marks"
)
_OPEN_QUOTE = "a quotation mark is opened here that is never closed: close it, or delete it"
_SEPARATORS = ",;\t"
_FORMULA = re.compile(r"'*[=+\-@]")
_WGS_84 = ("CRS84", "EPSG::4326", "EPSG:4326")


class Problem(msgspec.Struct, frozen=True):
    """A mistake, or a doubt: where it is (`line 7`, `feature 3`, `file`), and what to do."""

    at: str
    column: str | None
    message: str

    def __str__(self) -> str:
        where = f"{self.at}, {self.column}" if self.column else self.at
        return f"{where}: {self.message}"


class TooManyProblems(Exception):
    """More would help nobody."""


@dataclass(slots=True)
class Problems:
    """What was found so far."""

    found: list[Problem] = field(default_factory=list)

    def add(self, at: str, column: str | None, message: object) -> None:
        """Add one. Raises TooManyProblems, after it has said so."""
        self.found.append(Problem(at, column, str(message)))
        if len(self.found) >= PROBLEMS_MAX:
            self.found.append(
                Problem(_FILE, None, f"{PROBLEMS_MAX:,} mistakes: the rest was not looked at")
            )
            raise TooManyProblems

    def sort(self) -> None:
        """Put them in the order of the file."""
        self.found.sort(key=lambda each: int(each.at.rpartition(" ")[2] if " " in each.at else 0))


class Row(msgspec.Struct, frozen=True):
    """One row: where it stands, its cells that are not empty, and columns named as wrong by now."""

    at: str
    cells: dict[str, str] = {}
    wrong: set[str] = set()

    def refuse(self, column: str, message: object, problems: Problems) -> None:
        """Name a column as wrong."""
        self.wrong.add(column)
        problems.add(self.at, column, message)


class Column(msgspec.Struct, frozen=True):
    """A column of a sheet; one of numbers may begin with a sign, and that is no formula.

    A file names at least one column that is a key: it says what its rows are about.
    """

    name: str
    is_number: bool = False
    is_key: bool = False


def read_sheet(content: bytes, columns: Sequence[Column], problems: Problems) -> list[Row]:
    """Read a file into rows; what is wrong is added to `problems`.

    Raises TooManyProblems.
    """
    try:
        text = _decode(content)
        if text.lstrip()[:1] in {"{", "["}:
            return list(_read_geojson(text, columns, problems))
        return list(_read_csv(text, columns, problems))
    except Invalid as error:
        problems.add(_FILE, None, error)
        return []


def write_csv(columns: Sequence[Column], rows: Sequence[dict[str, str]]) -> str:
    """Write rows as CSV (RFC 4180), with a byte order mark, by which Excel knows UTF-8."""
    out = io.StringIO()
    lines = csv.writer(out)
    lines.writerow([column.name for column in columns])
    for cells in rows:
        lines.writerow([_shielded(column, cells.get(column.name, "")) for column in columns])
    return "\ufeff" + out.getvalue()


def write_geojson(rows: Sequence[dict[str, str]]) -> str:
    """Write rows as a FeatureCollection of points (RFC 7946), one feature a line."""
    features = [msgspec.json.encode(_feature(cells)).decode() for cells in rows]
    return '{"type":"FeatureCollection","features":[\n' + ",\n".join(features) + "\n]}\n"


def _decode(content: bytes) -> str:
    """Give the text of a file. Raises Invalid for what is none, or is in another encoding."""
    if len(content) > FILE_BYTES_MAX:
        raise Invalid(
            f"the file is larger than {FILE_BYTES_MAX // 1024**2} MiB: split it, and import one"
            " part after the other"
        )
    for magic, kind in _KINDS.items():
        if content.startswith(magic):
            raise Invalid(f"this is {kind}, not CSV: {_SAVE_AS_CSV}")
    if not content.strip():
        raise Invalid("the file is empty: its first line names the columns")
    if b"\0" in content:
        raise Invalid(f"the file holds NUL characters, so it is no text: {_SAVE_AS_CSV}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Invalid(
            f"the file is not UTF-8 (line {line}); it may be Latin-1 or Windows-1252, and names"
            f" would be misspelt: {_SAVE_AS_CSV}"
        ) from None
    if "\N{REPLACEMENT CHARACTER}" in text:
        line = text.count("\n", 0, text.index("\N{REPLACEMENT CHARACTER}")) + 1
        raise Invalid(
            f"letters were lost before the file came here (line {line} holds a"
            f" “\N{REPLACEMENT CHARACTER}”): save it anew from where they are whole, as UTF-8:"
            f" {_SAVE_AS_CSV}"
        )
    return text


def _read_csv(text: str, columns: Sequence[Column], problems: Problems) -> Iterator[Row]:
    lines = _csv_lines(text, _separator(text, columns), problems)
    at, header = next(lines, ("", []))
    named = _columns_of(at, header, columns, problems)
    for at, line in lines:
        if len(line) != len(header):
            problems.add(
                at, None, f"has {len(line)} cells, and the first line names {len(header)} columns"
            )
            continue
        row = Row(at)
        for column, cell in zip(named, line, strict=True):
            if column is not None:
                _take(row, column, cell.strip(), problems, is_csv=True)
        if row.cells or row.wrong:
            yield row


def _csv_lines(text: str, separator: str, problems: Problems) -> Iterator[tuple[str, list[str]]]:
    """Read line after line that holds anything. Raises Invalid where there are too many."""
    lines = csv.reader(_short_lines(text), delimiter=separator, strict=True)
    for _ in range(ROWS_MAX + 1):  # and the line that names the columns
        at = f"line {lines.line_num + 1}"
        try:
            line = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            stray = "expected after" in str(error)
            problems.add(at, None, _STRAY_QUOTE if stray else _OPEN_QUOTE)
            continue
        if any(line):
            yield at, line
    if next(lines, None) is not None:
        raise Invalid(f"the file has more than {ROWS_MAX:,} lines: split it")


def _short_lines(text: str) -> Iterator[str]:
    for number, line in enumerate(io.StringIO(text, newline=""), start=1):
        if len(line) > ROW_CHARS_MAX:
            raise Invalid(f"line {number} is longer than {ROW_CHARS_MAX:,} characters")
        yield line


def _separator(text: str, columns: Sequence[Column]) -> str:
    """Choose the separator that makes the most known columns of the first line."""
    first = text.lstrip("\r\n").partition("\n")[0][:CELL_CHARS_MAX]
    known = {column.name for column in columns}
    return max(
        _SEPARATORS, key=lambda mark: sum(_tidy(cell) in known for cell in first.split(mark))
    )


def _columns_of(
    at: str, header: Sequence[str], columns: Sequence[Column], problems: Problems
) -> list[Column | None]:
    """Find each name of the first line among the columns; None where it is none."""
    known = {column.name: column for column in columns}
    named: list[Column | None] = []
    for number, cell in enumerate(header, start=1):
        column = known.get(_tidy(cell))
        if not cell.strip():
            problems.add(at, None, f"the column {number} has no name: name it, or delete it")
        elif column is None:
            problems.add(at, cell.strip()[:UNKNOWN_CHARS_MAX], _unknown(cell, known))
        elif column in named:
            problems.add(at, column.name, "is there twice: delete one of the two columns")
            column = None
        named.append(column)
    if not any(column.is_key for column in named if column is not None):
        keys = " or ".join(column.name for column in columns if column.is_key)
        raise Invalid(f"no column says what a row is about: name one {keys}, in the first line")
    return named


def _unknown(name: str, known: Mapping[str, Column]) -> str:
    near = difflib.get_close_matches(_tidy(name)[:UNKNOWN_CHARS_MAX], known, n=1, cutoff=0.4)
    meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"is no column that is known here ({meant}): rename it, or delete it"


def _tidy(name: str) -> str:
    """Write a column's name as it is known: `Site Name` is site_name."""
    return re.sub(r"[\s-]+", "_", name.strip().strip('"').strip().lower())


def _take(row: Row, column: Column, cell: str, problems: Problems, *, is_csv: bool) -> None:
    """Put a cell into its row, unless it is empty, or wrong."""
    if len(cell) > CELL_CHARS_MAX:
        told = f"is {len(cell):,} characters long; {CELL_CHARS_MAX:,} is the most"
        row.refuse(column.name, told, problems)
    elif is_csv and not column.is_number and _FORMULA.match(cell):
        if cell.startswith("'"):
            row.cells[column.name] = cell[1:]
        else:
            told = (
                f"begins with {cell[0]}, which a spreadsheet takes for a formula: write something"
                " else, or put an apostrophe (') before it"
            )
            row.refuse(column.name, told, problems)
    elif cell:
        row.cells[column.name] = cell


def _shielded(column: Column, cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) and not column.is_number else cell


# A feature's parts are read one by one: a mistake in one is no reason to stop.
_NULL = msgspec.Raw(b"null")


class _Point(msgspec.Struct, tag="Point"):
    # Longitude, latitude, and where somebody measured it, the height.
    coordinates: Annotated[list[float], msgspec.Meta(min_length=2, max_length=3)]


class _Feature(msgspec.Struct, tag="Feature", gc=False):
    properties: msgspec.Raw
    geometry: msgspec.Raw = _NULL


class _NamedSystem(msgspec.Struct, frozen=True):
    name: str = ""


class _System(msgspec.Struct, frozen=True):
    properties: _NamedSystem = _NamedSystem()


class _Collection(msgspec.Struct, tag="FeatureCollection"):
    features: list[_Feature]
    crs: _System | None = None


_Properties = dict[str, str | int | float | None]


def _read_geojson(text: str, columns: Sequence[Column], problems: Problems) -> Iterator[Row]:
    """Read a FeatureCollection. Raises Invalid where it is none."""
    try:
        collection = msgspec.json.decode(text, type=_Collection)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Invalid(f"this is no GeoJSON FeatureCollection of points: {error}") from None
    if collection.crs is not None and not collection.crs.properties.name.endswith(_WGS_84):
        raise Invalid(
            "GeoJSON has longitude and latitude in degrees (RFC 7946, section 4), and this file"
            " names another coordinate system: export it as WGS 84 (EPSG:4326)"
        )
    if len(collection.features) > ROWS_MAX:
        raise Invalid(f"the file has more than {ROWS_MAX:,} features: split it")
    known = {column.name: column for column in columns}
    for number, feature in enumerate(collection.features, start=1):
        row = Row(f"feature {number}")
        if max(len(feature.properties), len(feature.geometry)) > ROW_CHARS_MAX:
            problems.add(row.at, None, f"is longer than {ROW_CHARS_MAX:,} characters")
            continue
        for name, cell in _properties(row.at, feature, problems).items():
            column = known.get(_tidy(name))
            if column is None:
                problems.add(row.at, name[:UNKNOWN_CHARS_MAX], _unknown(name, known))
            elif column.name in row.cells:
                problems.add(row.at, column.name, "is there twice: leave one of the two out")
            else:
                _take(row, column, cell, problems, is_csv=False)
        _take_point(row, feature, problems)
        if row.cells or row.wrong:
            yield row


def _properties(at: str, feature: _Feature, problems: Problems) -> dict[str, str]:
    try:
        read = msgspec.json.decode(feature.properties, type=_Properties | None) or {}
    except (msgspec.DecodeError, RecursionError) as error:
        problems.add(at, None, f"its properties are no texts and numbers: {error}")
        return {}
    return {name: str(cell).strip() for name, cell in read.items() if cell is not None}


def _take_point(row: Row, feature: _Feature, problems: Problems) -> None:
    """Read where it is: the point, or the properties where there is none; both must agree."""
    try:
        point = msgspec.json.decode(feature.geometry, type=_Point | None)
    except (msgspec.DecodeError, RecursionError) as error:
        problems.add(row.at, "geometry", f"is no point: {error}")
        return
    if point is None:
        return
    for name, degrees in zip(("longitude", "latitude"), point.coordinates, strict=False):
        if not _is_same(row.cells.setdefault(name, repr(degrees)), degrees):
            told = f"is not where its point is ({degrees}): delete one of both"
            row.refuse(name, told, problems)


def _is_same(cell: str, number: float) -> bool:
    try:
        return float(cell) == number
    except ValueError:
        return False


def _feature(cells: dict[str, str]) -> dict[str, object]:
    properties = {
        name: cell for name, cell in cells.items() if name not in {"latitude", "longitude"}
    }
    point = None
    if "latitude" in cells:
        degrees = [float(cells["longitude"]), float(cells["latitude"])]
        point = {"type": "Point", "coordinates": degrees}
    return {"type": "Feature", "geometry": point, "properties": properties}
