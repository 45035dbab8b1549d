"""Codes in stock: listed without the code, taken back, made a thousand at a time, and printed."""

import asyncio
import csv
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pypdfium2
import pytest
import segno

from tests.cli.conftest import bare, deployed, terminal
from tests.cli.terminal import Terminal
from tests.fleet_sites.test_printing import LONG, each_paper, ink
from tests.parts import Database
from tocsin_server.fleet.claim_labels import QR_SIDE_MAX, ClaimLabel, print_claim_labels
from tocsin_server.fleet.labels import INSET, QR_MODULE, QUIET_MODULES, STOCKS
from tocsin_server.fleet.paper import PaperName
from tocsin_wire.claims import board_page

__all__ = ["bare", "deployed", "terminal"]

CODES = 1000
BATCH_CPU_S_MAX = 30.0  # of one core, however busy the machine is: somebody waits for it
BATCH_MIB_MAX = 300


class Claim(msgspec.Struct):
    claim_id: str
    site: str | None
    room: str | None
    label: str | None
    created_by: str
    expires_at: str


class Claims(msgspec.Struct):
    claims: list[Claim]


class Made(msgspec.Struct):
    claim_id: str
    code: str


class Printed(msgspec.Struct):
    file: str
    buttons: int
    sheets: int


async def made(terminal: Terminal, *words: str) -> Made:
    return (await terminal.run("device", "claim", *words, "--json")).read(Made)


async def listed(terminal: Terminal, *words: str) -> list[Claim]:
    return (await terminal.run("device", "claims", *words, "--json")).read(Claims).claims


def pdfs_in(folder: Path) -> list[Path]:
    return [*folder.glob("*.pdf")]


async def test_the_codes_that_are_still_good_are_listed_and_none_of_them_is_shown(
    terminal: Terminal, database: Database
) -> None:
    assert "no claim code is open" in await terminal.good("device", "claims")
    for site in ("County Clerk", "Gym"):
        await terminal.good("site", "add", site)
    clerk = await made(terminal, "--site", "County Clerk", "--room", "Hall", "--by", "Sam Novak")
    gym = await made(terminal, "--site", "Gym", "--label", "G1", "--by", "Sam Novak")
    expired = await made(terminal)
    async with database.connected() as connection:
        await connection.execute(
            "UPDATE claim SET expires_at = clock_timestamp() WHERE claim_id = $1", expired.claim_id
        )
    found = await listed(terminal)
    assert [each.claim_id for each in found] == [gym.claim_id, clerk.claim_id]
    assert [(each.site, each.room, each.label) for each in found] == [
        ("Gym", None, "G1"),
        ("County Clerk", "Hall", None),
    ]
    assert [each.claim_id for each in await listed(terminal, "--site", "Gym")] == [gym.claim_id]
    shown = await terminal.good("device", "claims")
    for told in ("GOOD UNTIL", "County Clerk", "Hall", "Sam Novak", clerk.claim_id):
        assert told in shown
    assert clerk.code not in shown
    (await terminal.run("device", "claims", "--site", "Nowhere")).refused("County Clerk")


async def test_codes_are_taken_back_by_what_is_written_or_all_of_a_site_or_none(
    terminal: Terminal, database: Database
) -> None:
    await terminal.good("site", "add", "Gym")
    codes = [await made(terminal, "--site", "Gym") for _ in range(4)]
    codes.append(await made(terminal))
    revoke = ("device", "claim-revoke")
    async with database.connected() as connection:
        await connection.execute(
            "INSERT INTO device (device_id, jurisdiction, public_key)"
            " VALUES ('btn-0123456789', '48453', decode(repeat('00', 32), 'hex'))"
        )
        await connection.execute(
            "UPDATE claim SET used_at = clock_timestamp(), device_id = 'btn-0123456789',"
            " press_key_digest = code_digest, tls_key_digest = code_digest WHERE claim_id = $1",
            codes[3].claim_id,
        )
    for words, why in (
        ((), "name the codes, or say --all"),
        ((codes[0].code, "--all"), "name the codes, or say --all"),
        ((codes[0].code, "--site", "Gym"), "--site goes with --all"),
        ((codes[0].code, "0000-0000"), "no claim code 0000-0000"),
        ((codes[0].code, "7K2M"), "eight letters and digits"),
        ((codes[0].code, codes[3].code), "used already, by btn-0123456789"),
        (("--all", "--site", "Nowhere"), "Gym"),
    ):
        (await terminal.run(*revoke, *words)).refused(why)
    assert len(await listed(terminal)) == 4

    told = await terminal.good(*revoke, codes[0].code.lower(), codes[1].claim_id, codes[0].code)
    assert "2 codes are taken back" in told
    assert "1 code is taken back" in await terminal.good(*revoke, "--all", "--site", "Gym")
    assert [each.claim_id for each in await listed(terminal)] == [codes[4].claim_id]
    await terminal.good(*revoke, "--all")
    (await terminal.run(*revoke, "--all")).refused("no claim code is open there")


@dataclass(frozen=True, slots=True)
class Taken:
    """What a command took."""

    wall_s: float
    cpu_s: float
    mib: int

    def __str__(self) -> str:
        return f"{self.wall_s:.1f} s, {self.cpu_s:.1f} s of a core, {self.mib} MiB"


# Our own memory would count as the command's: it is started from a process that has none.
_MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)
"""


def measured(terminal: Terminal, *words: str | Path) -> Taken:
    """Run it to a good end, by itself."""
    began = time.monotonic()
    command = [sys.executable, "-m", "tocsin_server", *map(str, words)]
    done = subprocess.run(
        [sys.executable, "-I", "-c", _MEASURE, *command],
        env=terminal.environment,
        cwd=terminal.folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    code, cpu_s, mib = done.stdout.split()
    assert code == "0"
    return Taken(time.monotonic() - began, float(cpu_s), int(mib))


async def test_a_thousand_codes_are_made_and_printed_and_every_one_is_on_its_label(
    terminal: Terminal, folder: Path
) -> None:
    await terminal.good("site", "add", "Carver Library")
    rows = [f"Carver Library,{n % 3},Room {n},Table {n % 7},L{n}" for n in range(CODES)]
    (folder / "buttons.csv").write_text("\n".join(["site,floor,room,spot,label", *rows]))
    taken = await asyncio.to_thread(
        measured, terminal, "device", "claim-batch", "buttons.csv", "-o", "codes.csv"
    )
    print(f"{CODES:,} codes: {taken}")
    printing = await asyncio.to_thread(measured, terminal, "device", "claim-labels", "codes.csv")
    print(f"{CODES:,} labels: {printing}")
    for each in (taken, printing):
        assert each.cpu_s < BATCH_CPU_S_MAX
        assert each.mib < BATCH_MIB_MAX
    with (folder / "codes.csv").open(encoding="utf-8-sig") as opened:
        written = list(csv.DictReader(opened))
    assert len({row["code"] for row in written}) == CODES
    per_sheet = STOCKS["letter"].per_sheet
    with pypdfium2.PdfDocument(folder / "claim-labels.pdf") as document:
        assert len(document) == CODES // per_sheet
        last = document[len(document) - 1].get_textpage().get_text_bounded()
    for row in written[-per_sheet:]:
        assert row["code"] in last
        assert row["room"] in last
    assert len(await listed(terminal)) == CODES


async def test_a_label_holds_its_code_as_text_and_as_a_page_to_open(
    terminal: Terminal, folder: Path
) -> None:
    await terminal.good("site", "add", "Gym")
    (folder / "b.csv").write_text("site,room,spot\nGym,Hall,Table 3\n")
    told = await terminal.good("device", "claim-batch", "b.csv", "-o", "codes.csv")
    assert "1 code is in codes.csv, good until" in told
    assert "Print it with tocsin device claim-labels codes.csv" in told
    with (folder / "codes.csv").open(encoding="utf-8-sig") as opened:
        [row] = csv.DictReader(opened)
    labels = ("device", "claim-labels", "codes.csv")
    said = (await terminal.run(*labels, "--language", "es", "--skip", "9", "--json")).read(Printed)
    assert said == Printed("claim-labels.pdf", 1, 1)
    stock = STOCKS["letter"]
    x, y = stock.corner(9)
    page = board_page(server=row["server"], code=row["code"])
    assert urlsplit(page).netloc == "tocsin-button.local"
    matrix = [*segno.make_qr(page, error="m").matrix]
    with pypdfium2.PdfDocument(folder / "claim-labels.pdf") as document:
        text = " ".join(document[0].get_textpage().get_text_bounded().split())
        picture = document[0].render(scale=6, grayscale=True).to_pil()
    for word in (row["code"], "Gym", "Hall", "Table 3", row["expires_at"].removesuffix("Z"), "UTC"):
        assert word in text
    module = min(QR_MODULE, QR_SIDE_MAX / len(matrix))
    quiet = max(0.0, QUIET_MODULES * module - INSET)
    left = x + stock.width - INSET - quiet - module * len(matrix)
    seen = [
        [
            picture.getpixel((round(6 * (left + (c + 0.5) * module)),
                              round(6 * (y + INSET + quiet + (r + 0.5) * module)))) < 128
            for c in range(len(matrix))
        ]
        for r in range(len(matrix))
    ]  # fmt: skip
    assert seen == [[*map(bool, line)] for line in matrix]
    (await terminal.run(*labels)).refused("claim-labels.pdf is there already")


async def test_a_file_that_is_no_batch_is_printed_in_no_part(bare: Terminal, folder: Path) -> None:
    file = folder / "codes.csv"
    head = "site,room,code,server,expires_at\n"
    good = "Gym,Hall,7K2M-X9QR,https://a.example,2026-11-03 12:00Z\n"
    for content, why in (
        ("", "the file is empty"),
        (head, "no row with a site"),
        (head + good + "Gym,Hall,7K2M,https://a.example,2026-11-03 12:00Z", "line 3, code"),
        (head + good + "Gym,Hall,7K2M-X9QR,nowhere,2026-11-03 12:00Z", "line 3, server"),
        (head + good + "Gym,Hall,7K2M-X9QR,https://a.example,soon", "line 3, expires_at"),
        (head + good + ",Hall,7K2M-X9QR,https://a.example,2026-11-03 12:00Z", "line 3, site"),
    ):
        file.write_text(content)
        (await bare.run("device", "claim-labels", file)).refused(why)
    file.write_text(head + good.replace("Hall", "投票"))
    out = await bare.good("device", "claim-labels", file, "-o", folder / "odd.pdf")
    assert "lack letters of 投票: each is printed as" in out
    (folder / "odd.pdf").unlink()
    file.write_text(head + good)
    (await bare.run("device", "claim-labels", file, "--skip", "10")).refused("0 to 9")
    (await bare.run("device", "claim-labels", folder / "none.csv")).refused("none.csv")
    assert pdfs_in(folder) == []


NARROW = ClaimLabel(
    code="7K2M-X9QR",
    server="https://a.example",
    expires_at=datetime(2026, 11, 3, tzinfo=UTC),
    site="A",
)
WIDE = msgspec.structs.replace(
    NARROW,
    server="https://" + "a" * 200 + ".example",
    site="W" * 200,
    building="B" * 200,
    room="M" * 200,
    spot=LONG,
)


@each_paper
@pytest.mark.parametrize("claim", [NARROW, WIDE], ids=["narrow", "wide"])
def test_a_code_stays_within_its_sticker_whatever_its_site_is_called(
    on: PaperName, claim: ClaimLabel
) -> None:
    stock = STOCKS[on]
    for n in (0, stock.per_sheet - 1):
        pdf = print_claim_labels([claim], paper=on, language="es", skip=n).pdf
        left, top, right, bottom = ink(pdf, 0)
        x, y = stock.corner(n)
        assert left >= x + INSET - 1
        assert top >= y + INSET - 1
        assert right <= x + stock.width - INSET + 1
        assert bottom <= y + stock.height - INSET + 1
