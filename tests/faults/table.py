"""The table of what was broken and what came of it: printed, kept row by row, and in the docs.

Promise: docs/reliability.md holds nothing between its markers but what this file wrote there from
the kept rows; rows run at different times add up, and a row run again replaces the one before.

Refused: a row whose fault no longer exists.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from tests.faults import fault
from tests.faults.row import Row

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs" / "reliability.md"
BEGIN = "<!-- written by `python -m tests.faults --write`: begin -->"
END = "<!-- end -->"
HEADINGS = (
    "fault",
    "injections",
    "presses",
    "caught",
    "lost",
    "doubled",
    "unreceipted",
    "second texts",
    "recovery, median",
    "max",
    "allowed",
)


def cells(row: Row) -> tuple[str, ...]:
    """One line of the table; a row that failed says so after its name."""
    return (
        row.fault if row.holds else f"{row.fault} **FAILED**",
        f"{row.injections}",
        f"{row.presses:,}",
        f"{row.caught}",
        f"{row.lost}",
        f"{row.doubled}",
        f"{row.unreceipted}",
        f"{row.second_texts}",
        seconds(row.recovered_median_s),
        seconds(row.recovered_max_s),
        seconds(row.recovery_s_max),
    )


def total(rows: Sequence[Row]) -> tuple[str, ...]:
    sums = (
        sum(getattr(row, name) for row in rows)
        for name in ("injections", "presses", "caught", "lost", "doubled", "unreceipted")
    )
    texts = sum(row.second_texts for row in rows)
    return ("all", *(f"{each:,}" for each in sums), f"{texts}", "", "", "")


def seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"


def markdown(rows: Sequence[Row]) -> str:
    """The whole table, readable as it stands."""
    lines = [HEADINGS, *map(cells, rows), total(rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEADINGS))]

    def said(line: Iterable[str]) -> str:
        padded = (
            each.ljust(width) if n == 0 else each.rjust(width)
            for n, (each, width) in enumerate(zip(line, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = [f"{'-' * (width - 1)}:" if n else "-" * width for n, width in enumerate(widths)]
    return "\n".join([said(lines[0]), said(rule), *map(said, lines[1:])])


def spent(rows: Sequence[Row]) -> str:
    """Say how many of all the rows these are, and how long they took."""
    minutes = sum(row.took_s for row in rows) / 60
    return f"{len(rows)} of {len(fault.every())} rows, in {minutes:.0f} minutes."


def read_kept(path: Path = KEPT) -> dict[str, Row]:
    """The rows of earlier runs, of faults that still exist."""
    if not path.exists():
        return {}
    kept = msgspec.json.decode(path.read_bytes(), type=dict[str, Row])
    return {slug: kept[slug] for slug in fault.every() if slug in kept}


def keep(row: Row, *, kept: Path = KEPT, page: Path = PAGE) -> None:
    """Keep one row, and write the page's table anew from all of them."""
    known = read_kept(kept) | {row.slug: row}
    rows = {slug: known[slug] for slug in fault.every() if slug in known}
    kept.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=1) + b"\n")
    text = page.read_text()
    head, tail = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    written = [*rows.values()]
    page.write_text(f"{head}\n\n{markdown(written)}\n\n{spent(written)}\n\n{tail}")
