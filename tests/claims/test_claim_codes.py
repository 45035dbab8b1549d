"""`tocsin device claim` and `claim-batch`: a code for each button, of a file for all or none."""

import csv

import msgspec

from tests.cli.conftest import bare, deployed, terminal
from tests.cli.terminal import Terminal
from tocsin_wire.claims import read_code

__all__ = ["bare", "deployed", "terminal"]


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
