"""`tocsin device claim` and `claim-batch`: a code for each button, of a file for all or none."""

import asyncio
import csv
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.cli.conftest import bare, deployed, terminal
from tests.cli.terminal import Terminal
from tests.parts import Database
from tocsin_server.fleet.sheet import FILE_BYTES_MAX
from tocsin_wire.claims import read_code

__all__ = ["bare", "deployed", "terminal"]

MEMORY_MB_MAX = 300


class Made(msgspec.Struct):
    code: str
    command: str


async def test_a_code_is_shown_with_what_to_type_and_as_a_picture(terminal: Terminal) -> None:
    await terminal.good("site", "add", "County Clerk")
    words = ("device", "claim", "--site", "County Clerk", "--room", "Hall", "--by", "Sam Novak")
    made = (await terminal.run(*words, "--json")).read(Made)
    assert read_code(made.code) == made.code
    assert made.command.endswith(f"claim {made.code} --server http://127.0.0.1:8480")
    shown = await terminal.good(*words)
    for told in ("for 30 minutes", "tocsin-claim.txt", "code = ", "\u2588", "this machine alone"):
        assert told in shown
    (await terminal.run("device", "claim", "--room", "Hall")).refused("name the site")
    (await terminal.run("device", "claim", "--minutes", "0")).refused("1 to 10080 minutes")
    (await terminal.run("device", "claim", "--site", "Nowhere")).refused("County Clerk")


async def test_a_batch_has_a_code_for_every_row_or_none_at_all(terminal: Terminal) -> None:
    await terminal.good("site", "add", "County Clerk")
    file, out = terminal.folder / "buttons.csv", terminal.folder / "codes.csv"
    rows = [f"County Clerk,1,Room {n},,'=SUM({n})" for n in range(40)]
    head = "site,floor,room,spot,label"
    file.write_text("\n".join([head, *rows, "Nowhere,1,Hall,,", f"County Clerk,1,{'x' * 201},,"]))
    said = await terminal.run("device", "claim-batch", file, "-o", out)
    said.refused("line 42, site: no site 'Nowhere'", "line 43", "200 is the most", "No code")
    assert not out.exists()
    file.write_text("\n".join([head, *rows]))
    told = await terminal.good("device", "claim-batch", file, "-o", out)
    assert "40 codes" in told
    with out.open(encoding="utf-8-sig") as opened:
        written = list(csv.DictReader(opened))
    assert len({read_code(row["code"]) for row in written}) == 40
    assert written[3]["label"] == "'=SUM(3)"
    assert out.stat().st_mode & 0o777 == 0o600
    again = await terminal.run("device", "claim-batch", file, "-o", out)
    again.refused("codes.csv")


HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "a workbook": (b"PK\x03\x04" + b"\0" * 99, "Excel workbook"),
    "Latin-1": ("site,room\nCounty Clerk,Salón\n".encode("latin-1"), "not UTF-8 (line 2)"),
    "a formula": (b"site,room,label\nCounty Clerk,Hall,=cmd()\n", "line 2, label"),
    "10**6 lines": (b"site,room\n" + b"a,\n" * 10**6, "more than 10,000 lines"),
    "too large": (b"site,room\n" + b"," * FILE_BYTES_MAX, "larger than 8 MiB"),
    "no end of a cell": (b'site,room\n"' + b"x\n" * 10**6, "line 2: a quotation mark"),
    "no site": (b"site,room\n,Hall\n", "line 2, site"),
    "other columns": (b"name,phone\nSam,1\n", "line 1"),
}


async def test_a_batch_that_is_no_such_file_makes_no_code_and_takes_little_memory(
    terminal: Terminal, database: Database
) -> None:
    await terminal.good("site", "add", "County Clerk")
    file, out = terminal.folder / "buttons.csv", terminal.folder / "codes.csv"
    for name, (content, said) in HOSTILE.items():
        file.write_bytes(content)
        code, told, most_mb = await asyncio.to_thread(measured, terminal, file, out)
        assert code == 1, name
        assert said in told, name
        assert "No code was made" in told, name
        assert 10 < most_mb < MEMORY_MB_MAX, name
        assert not out.exists()
    async with database.connected() as connection:
        assert await connection.fetchval("SELECT count(*) FROM claim") == 0
    file.write_bytes(b"\xef\xbb\xbfsite;room\r\nCounty Clerk;Hall\r\n")
    assert "1 code is" in await terminal.good("device", "claim-batch", file, "-o", out)


def measured(terminal: Terminal, file: Path, out: Path) -> tuple[int, str, float]:
    """How a command ended, what it said of it, and the most memory that it held, in MB."""
    script = (
        "import re, sys\n"
        "from tocsin_server.cli import main\n"
        "code = main(sys.argv[1:])\n"
        "status = open('/proc/self/status').read()\n"
        "print(code, re.search(r'VmHWM:\\s+(\\d+)', status)[1])\n"
    )
    words = ("device", "claim-batch", file, "-o", out)
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        env=terminal.environment,
        capture_output=True,
        check=True,
        text=True,
    )
    code, most_kib = done.stdout.split()
    return int(code), done.stderr, int(most_kib) * 1024 / 1e6
