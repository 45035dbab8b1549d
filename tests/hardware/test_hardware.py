"""The papers of the button agree with the agent, with the schematic and with one another."""

import csv
import re
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from hardware import wiring
from tocsin_button.config import DEFAULT_PINS, Pins
from tocsin_button.contacts import HELD_DOWN, HELD_S_MAX, Contacts

HARDWARE = Path(wiring.__file__).parent
README = (HARDWARE / "README.md").read_text()
MOUNTING = (HARDWARE / "mounting.md").read_text()
BENCH = (HARDWARE / "bench_checks.md").read_text()

SETS = {
    "base": "Every button",
    "tamper": "Option: tamper switch",
    "assist": "Option: assist button",
    "rtc": "Option: clock",
    "site": "Once per site, for up to four buttons",
}


class Part(msgspec.Struct, frozen=True):
    """One row of bom.csv."""

    set: str
    refs: str
    part: str
    quantity: str
    unit_price_usd: str
    why: str


def bill() -> list[Part]:
    with (HARDWARE / "bom.csv").open(newline="") as file:
        return [msgspec.convert(row, Part) for row in csv.DictReader(file)]


def cells(line: str) -> list[str]:
    """The cells of a Markdown table's row."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def words(text: str) -> str:
    """Prose without its line breaks, quotation marks and emphasis."""
    return " ".join(text.replace("**", "").replace("\n>", " ").split())


def drawn() -> list[str]:
    """Every piece of text in the schematic."""
    return re.findall(r"<tspan[^>]*>([^<]*)</tspan>", wiring.SVG.read_text())


def test_the_committed_schematic_is_fresh() -> None:
    assert wiring.main(["--check"]) == 0


def test_a_stale_schematic_is_told_and_drawn_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "wiring.svg"
    copy.write_text(wiring.SVG.read_text().replace("BCM 17", "BCM 4"))
    monkeypatch.setattr(wiring, "SVG", copy)
    assert wiring.main(["--check"]) == 1
    assert "is stale" in capsys.readouterr().err
    assert wiring.main([]) == 0
    assert wiring.main(["--check"]) == 0


def test_a_changed_default_pin_makes_the_schematic_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = msgspec.structs.replace(DEFAULT_PINS, button_no=5)
    monkeypatch.setattr(wiring, "DEFAULT_PINS", moved)
    assert wiring.main(["--check"]) == 1


@pytest.mark.parametrize("change", [{"lamp_active_high": False}, {"lamp": None}])
def test_a_circuit_that_does_not_fit_the_pins_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, bool | None],
) -> None:
    monkeypatch.setattr(wiring, "DEFAULT_PINS", msgspec.structs.replace(DEFAULT_PINS, **change))
    assert wiring.main(["--check"]) == 1
    assert "lamp" in capsys.readouterr().err


def test_every_pin_of_the_agents_defaults_is_drawn_with_both_its_numbers() -> None:
    texts = Counter(drawn())
    assert {signal.name for signal in wiring.signals()} == {
        name for name in Pins.__struct_fields__ if name != "lamp_active_high"
    }
    for signal in wiring.signals():
        assert texts[f"BCM {signal.bcm}"] == 1
        assert texts[f"pin {signal.physical}"] == 1
        assert texts[signal.name] == 2  # at its pin, and on the map of the header


def test_the_supply_pins_are_what_the_board_says_they_are() -> None:
    header = wiring.header()
    assert header[wiring.SUPPLY_PHYSICAL] == "3V3"
    assert {header[number] for number in wiring.GROUND_PHYSICAL} == {"GND"}
    assert [header[number] for number in wiring.RTC_PHYSICAL] == [
        "3V3", "GPIO2", "GPIO3", "GPIO4", "GND",
    ]  # fmt: skip


def test_the_readmes_wiring_table_has_the_agents_pins() -> None:
    for signal in wiring.signals():
        line = next(line for line in README.splitlines() if line.startswith(f"| `{signal.name}` |"))
        found = cells(line)
        assert found[1:3] == [str(signal.bcm), str(signal.physical)]
        assert found[6] == ("option" if signal.optional else "yes")


def test_the_readmes_example_of_pins_is_the_defaults_and_the_suggestions() -> None:
    block = re.search(r"```toml\n\[pins\]\n(.*?)```", README, re.DOTALL)
    assert block
    example = msgspec.toml.decode(block[1], type=dict[str, int])
    assert example == {signal.name: signal.bcm for signal in wiring.signals()}


def test_the_bench_checks_measure_the_agents_pins() -> None:
    for signal in wiring.signals():
        line = next(
            line for line in BENCH.splitlines() if re.match(rf"\| B\d+ \| `{signal.name}` ", line)
        )
        assert cells(line)[2:4] == [str(signal.bcm), str(signal.physical)]


def test_every_bench_check_has_an_expected_value_and_a_box_to_tick() -> None:
    checks = [cells(line) for line in BENCH.splitlines() if re.match(r"\| [A-D]\d+ \|", line)]
    assert len(checks) > 30
    for check in checks:
        assert check[-2:] == ["____", "☐"], check
        assert check[-3], check


def test_the_contacts_table_is_what_the_agent_does() -> None:
    table = BENCH.split("<!-- contacts:")[1].split("What to learn")[0]
    rows = [cells(line) for line in table.splitlines() if line.endswith("☐ |")]
    assert len(rows) == 7
    for wire, released, press, fault, held, press_held, fault_held, _ in rows:
        contacts = Contacts()
        contacts.feed(at_s=0.0, no_closed=False, nc_closed=True)
        assert _after(contacts, released, from_s=10.0) == (press, fault), wire
        assert _after(contacts, held, from_s=20.0) == (press_held, fault_held), wire
        assert _after(contacts, released, from_s=30.0)[1] == fault_held, f"{wire}: it stays"
        mended = [_after(contacts, volts, from_s=40.0) for volts in ("3.3 V, 0 V", "0 V, 3.3 V")]
        assert mended == [("no", fault_held), ("yes", "none")], wire


def _after(contacts: Contacts, volts: str, *, from_s: float) -> tuple[str, str]:
    """Put these volts on the NO and NC pins for two seconds: was it a press, and what fault?"""
    no_closed, nc_closed = (level == "0 V" for level in volts.split(", "))
    first = contacts.feed(at_s=from_s, no_closed=no_closed, nc_closed=nc_closed)
    last = contacts.feed(at_s=from_s + 2.0, no_closed=no_closed, nc_closed=nc_closed)
    return "yes" if first.down else "no", last.fault or "none"


def test_holding_the_button_too_long_is_the_fault_the_bench_check_names() -> None:
    assert f"| C10 | hold for {HELD_S_MAX + 1:.0f} s |" in BENCH
    assert f'then the fault "{HELD_DOWN}"' in BENCH


@pytest.mark.parametrize("paper", [README, MOUNTING, BENCH], ids=["README", "mounting", "bench"])
def test_every_paper_says_near_its_top_what_the_button_is_not(paper: str) -> None:
    top = words(paper)[:900]
    assert re.search(r"not a UL-listed device", top, re.IGNORECASE)
    assert re.search(r"does not replace calling 911", top)


def test_the_papers_add_a_button_and_start_a_drill_as_the_commands_do() -> None:
    assert "`tocsin device add`" in README
    assert "`tocsin device add`" in BENCH
    assert "`tocsin drill start" in MOUNTING
    assert not any(re.search(r"\bclaim", paper) for paper in (README, MOUNTING, BENCH))


def test_the_schematic_says_what_the_button_is_not() -> None:
    assert "Not a UL-listed device. Does not replace calling 911." in drawn()


def test_the_readmes_bill_is_the_csv_and_its_sums_are_right() -> None:
    for name, title in SETS.items():
        parts = [part for part in bill() if part.set == name]
        cents = sum(int(part.quantity) * round(float(part.unit_price_usd) * 100) for part in parts)
        heading = f"### {title}: about ${cents / 100:.2f}\n"
        assert heading in README
        table = README.split(heading)[1].split("\n#")[0]
        rows = [cells(line) for line in table.splitlines() if line.startswith("|")][2:]
        assert rows == [
            [part.refs, part.part, part.quantity, part.unit_price_usd, part.why] for part in parts
        ]
    assert {part.set for part in bill()} == set(SETS)
    assert "Prices are approximate" in words(README)


def test_every_part_of_the_schematic_is_on_the_bill_once_and_counted() -> None:
    listed = Counter(ref for part in bill() for ref in part.refs.split())
    assert set(listed.values()) == {1}
    in_drawing = {ref for text in drawn() for ref in re.findall(r"\b[RCQDSJPW]\d+\b", text)}
    in_drawing -= {"J8"}  # the Pi's own header
    assert in_drawing <= set(listed)
    drawn_kinds = {ref for ref in listed if re.match(r"[RCQDSJP]\d", ref)}
    assert drawn_kinds <= in_drawing
    for part in bill():
        if " " in part.refs:
            assert len(part.refs.split()) == int(part.quantity)


def test_the_values_on_the_bill_are_the_values_drawn() -> None:
    value = {ref: part.part for part in bill() for ref in part.refs.split()}
    for stage in wiring.INPUTS.values():
        assert f" {wiring.ohms(wiring.PULL_UP_OHM)}," in value[stage.pull_up]
        assert f" {wiring.ohms(wiring.SERIES_OHM)}," in value[stage.series]
        assert f" {wiring.FILTER_F * 1e9:g} nF," in value[stage.filter]
    assert f" {wiring.ohms(wiring.BASE_OHM)}," in value["R5"]
    assert f" {wiring.ohms(wiring.BASE_OFF_OHM)}," in value["R6"]
    assert f" {wiring.ohms(wiring.LAMP_OHM)}," in value["R7"]


def test_the_figures_in_the_readme_follow_from_the_values_drawn() -> None:
    closing, opening = wiring.filter_ms()
    text = words(README)
    for figure in (
        f"{wiring.lamp_ma():.1f} mA (5 to 9 mA",
        f"draws {wiring.lamp_shorted_ma():.0f} mA",
        f"gives its base {wiring.base_ma():.1f} mA",
        f"lets {wiring.contact_ma():.1f} mA through",
        f"{closing:.2f} ms (closing) or {opening:.2f} ms (opening)",
    ):
        assert figure in text
    assert f"1.2 V, which is {wiring.lamp_ma():.1f} mA" in BENCH
    assert wiring.lamp_ma() * wiring.LAMP_OHM == pytest.approx(1_200)
    assert wiring.lamp_ma() / wiring.base_ma() < 10, "the transistor is not saturated"


def test_the_standby_power_adds_up() -> None:
    section = README.split("## Power")[1].split("\n## ")[0]
    loads = [int(cells(line)[1]) for line in section.splitlines() if re.match(r"\| [^*].*\d", line)]
    watts = sum(loads)
    assert f"| **together** | **{watts}** |" in section
    assert f"{watts} W for 4 h are {watts * 4} Wh" in section
    needed = watts * 4 / 0.85 / 0.8
    assert f"takes **{needed:.0f} Wh**" in section
    battery = next(part.part for part in bill() if part.refs == "U2")
    found = re.search(r"at least (\d+) Wh", battery)
    assert found
    assert int(found[1]) >= needed


def test_the_mounting_guide_covers_what_goes_wrong_under_a_counter() -> None:
    text = words(MOUNTING)
    for claim in (
        "without looking",
        "Out of visitors' sight",
        "Reach 15 to 48 inches",
        "Against accidental presses",
        "Cable relief",
        "nobody being paged",
        "call 911 by phone",
    ):
        assert claim in text


@pytest.mark.parametrize("name", ["README.md", "mounting.md", "bench_checks.md"])
def test_no_link_leads_nowhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (HARDWARE / name).read_text()):
        assert (HARDWARE / target).exists(), target
