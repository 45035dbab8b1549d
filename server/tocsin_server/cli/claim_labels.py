"""`tocsin device claim-labels`: the codes of a batch, on stickers to go with the boards.

Promise: the file of a batch is all that is read: the codes are known to nothing else. A sheet with
a mistake in it is printed in no part.
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from tocsin_server.cli.claim import WRITTEN, content_of, mistakes
from tocsin_server.cli.command import add_json, answer
from tocsin_server.cli.describe import describe
from tocsin_server.cli.printing import Printed, add_paper, count, unprintable, write_new
from tocsin_server.errors import Invalid
from tocsin_server.fleet.claim_labels import ClaimLabel, print_claim_labels
from tocsin_server.fleet.sheet import Problems, Row, TooManyProblems, read_sheet
from tocsin_wire.claims import read_code

_UNTIL = "%Y-%m-%d %H:%MZ"


def arrange(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the action to those of `tocsin device`."""
    what = "print a sheet of labels with the codes of a batch, each as text and as a QR code"
    parser = actions.add_parser("claim-labels", help=what)
    describe(parser, what, "tocsin device claim-labels codes.csv -o claim-labels.pdf")
    parser.add_argument("file", type=Path, metavar="FILE", help="what claim-batch wrote")
    parser.add_argument(
        "--skip", type=int, default=0, metavar="N", help="labels already used on the first sheet"
    )
    add_paper(parser, "claim-labels.pdf")
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    problems = Problems()
    try:
        rows = read_sheet(content_of(options.file), WRITTEN, problems)
        claims = _claims(rows, problems)
    except TooManyProblems:
        claims = []
    if problems.found or not claims:
        raise Invalid(mistakes(options.file, problems, undone="Nothing was printed"))
    printed = print_claim_labels(
        claims, paper=options.paper, language=options.language, skip=options.skip
    )
    write_new(options.output, printed.pdf)
    sheets = count(printed.sheets, "sheet")
    answer(
        options,
        Printed(file=str(options.output), buttons=printed.labels, sheets=printed.sheets),
        f"{options.output} is written: {count(printed.labels, 'label')} on {sheets} of"
        f" {printed.stock}; print it at 100 %, not fitted to the page. Whoever reads a label can"
        " use its code: keep them like keys" + unprintable(claims),
    )
    return 0


def _claims(rows: Sequence[Row], problems: Problems) -> list[ClaimLabel]:
    claims: list[ClaimLabel] = []
    for row in rows:
        cells = dict(row.cells)
        code, server, until = (cells.pop(each, "") for each in ("code", "server", "expires_at"))
        try:
            read = read_code(code)
        except ValueError as error:
            row.refuse("code", error, problems)
            continue
        if urlsplit(server).scheme not in {"http", "https"}:
            row.refuse("server", "is no address: leave it as claim-batch wrote it", problems)
            continue
        try:
            expires_at = datetime.strptime(until, _UNTIL).replace(tzinfo=UTC)
        except ValueError:
            row.refuse("expires_at", "is no time: leave it as claim-batch wrote it", problems)
            continue
        if "site" not in cells:
            row.refuse("site", "is empty: leave it as claim-batch wrote it", problems)
            continue
        claims.append(ClaimLabel(code=read, server=server, expires_at=expires_at, **cells))
    return claims
