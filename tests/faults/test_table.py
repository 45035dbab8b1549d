"""The table of docs/reliability.md: rows of different runs add up, and a failed one says so."""

from pathlib import Path

import msgspec
import pytest

from tests.faults import fault, table
from tests.faults.__main__ import main
from tests.faults.row import Row

ROW = Row(
    slug="kill-agent",
    fault="kill -9 of the agent",
    seed=1,
    injections=20,
    presses=1000,
    caught=200,
    alerts=300,
    lost=0,
    doubled=0,
    unreceipted=0,
    second_texts=3,
    from_memory=0,
    recovery_s=(0.1, 0.3, 0.2),
    recovery_s_max=2.0,
    shown_s=None,
    told_late_s=None,
    took_s=100.0,
    wrong=(),
    late=(),
)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    page = tmp_path / "reliability.md"
    page.write_text(f"before\n\n{table.BEGIN}\n{table.END}\n\nafter\n")
    return page


def test_rows_run_at_different_times_add_up_and_one_run_again_replaces_itself(page: Path) -> None:
    kept = page.with_name("results.json")
    other = msgspec.structs.replace(ROW, slug="kill-replica", fault="kill -9 of a replica")
    table.keep(other, kept=kept, page=page)
    table.keep(ROW, kept=kept, page=page)
    table.keep(msgspec.structs.replace(ROW, presses=1234), kept=kept, page=page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    names = [line.split(" |")[0].strip("| -") for line in lines]
    assert names == ["fault", "", "kill -9 of the agent", "kill -9 of a replica", "all"]
    assert "1,234" in lines[2]
    assert "2,234" in lines[-1]
    assert "0.20 s" in lines[2]
    assert "0.30 s" in lines[2]
    assert f"2 of {len(fault.every())} rows, in 3 minutes." in text


def test_a_row_of_a_fault_that_is_no_more_is_dropped(page: Path) -> None:
    kept = page.with_name("results.json")
    gone = msgspec.structs.replace(ROW, slug="gone")
    kept.write_bytes(msgspec.json.encode({"gone": gone}))
    table.keep(ROW, kept=kept, page=page)
    assert list(table.read_kept(kept)) == ["kill-agent"]


@pytest.mark.parametrize("what", ["wrong", "late"])
def test_a_row_that_failed_says_so(what: str) -> None:
    failed = msgspec.structs.replace(ROW, **{what: ("1 lost",)})
    assert not failed.holds
    assert "FAILED" in table.markdown([failed])
    assert "FAILED" not in table.markdown([ROW])


def test_the_page_has_the_place_that_the_table_goes_to() -> None:
    text = table.PAGE.read_text()
    assert 0 < text.index(table.BEGIN) < text.index(table.END)


def test_every_row_can_be_named_and_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(fault.every())
    with pytest.raises(SystemExit) as ended:
        main(["--only", "no-such-row"])
    assert ended.value.code == 2
