"""Labels with claim codes: one for each prepared board, to go with it until it is a button.

Promise: every label stays within its sticker, whatever a site is called. It says where the button
will be, and its QR code opens the set-up page of a board nearby with the code in its form.

Whoever reads one can use its code; once a board has, it is worth nothing.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import segno

from tocsin_server.fleet.labels import (
    FOOT_SIZE,
    INSET,
    QR_MODULE,
    QUIET_MODULES,
    STOCKS,
    Labels,
    Stock,
    check_skip,
    draw_qr,
)
from tocsin_server.fleet.paper import BOLD, MM, MONO, PAPERS, Block, PaperName, Sheets
from tocsin_server.fleet.words import LANGUAGES, Language, Words
from tocsin_wire.claims import board_page

QR_SIDE_MAX = 35 * MM  # the rest of a sticker's height is for the words below
CODE_SIZE = 19.0


class ClaimLabel(msgspec.Struct, frozen=True, kw_only=True):
    """A code that is still good, and where its button will be."""

    code: str
    server: str
    expires_at: datetime
    site: str
    building: str | None = None
    floor: str | None = None
    room: str | None = None
    spot: str | None = None
    label: str | None = None


def print_claim_labels(
    claims: Sequence[ClaimLabel], *, paper: PaperName, language: Language, skip: int = 0
) -> Labels:
    """Lay out one label each; the first `skip` stickers of the first sheet are used up.

    Raises Invalid (`skip` leaves none; a character no font has).
    """
    stock, words = STOCKS[paper], LANGUAGES[language]
    check_skip(stock, skip)
    sheets = Sheets(PAPERS[paper], title=words.claim_labels_title, language=language)
    for n, claim in enumerate(claims, start=skip):
        if n == skip or n % stock.per_sheet == 0:
            sheets.page()
        _draw(sheets, claim, stock.corner(n % stock.per_sheet), stock, words)
    return Labels(sheets.finish(), len(claims), sheets.count, stock.name)


def _draw(
    sheets: Sheets, claim: ClaimLabel, corner: tuple[float, float], stock: Stock, words: Words
) -> None:
    left, top = corner[0] + INSET, corner[1] + INSET
    right, bottom = corner[0] + stock.width - INSET, corner[1] + stock.height - INSET
    code = segno.make_qr(board_page(server=claim.server, code=claim.code), error="m")
    module = min(QR_MODULE, QR_SIDE_MAX / len([*code.matrix]))
    side = draw_qr(sheets, code, right, top, module=module)
    foot = words.claim_foot.format(until=f"{claim.expires_at:%Y-%m-%d %H:%M} UTC")
    foot_top = bottom - 2 * FOOT_SIZE * 1.25
    sheets.stack(left, foot_top, right - left, bottom - foot_top, [Block(foot, FOOT_SIZE)])
    width = right - left - side - QUIET_MODULES * module
    baseline = foot_top - 7
    sheets.text(left, baseline, claim.code, size=CODE_SIZE, font=MONO)
    said = baseline - CODE_SIZE
    sheets.text(left, said, words.claim_code, size=FOOT_SIZE)
    sheets.stack(left, top, width, said - FOOT_SIZE - 2 - top, _place(claim, words))


def _place(claim: ClaimLabel, words: Words) -> list[Block]:
    within = ", ".join(
        filter(None, (claim.building, claim.floor and f"{words.floor} {claim.floor}", claim.label))
    )
    lines = [
        Block(claim.site, 9.5),
        Block(claim.room or claim.spot or "", 17, BOLD, gap=1),
        Block(claim.spot or "" if claim.room else "", 12),
        Block(within, 9, gap=1),
    ]
    return [each for each in lines if each.text]
