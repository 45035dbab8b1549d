"""tocsin-button, as its keeper types it."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.button.station import Button, Field

COMMANDS = ("run", "claim", "press", "selftest", "doctor")


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str


async def tocsin_button(
    *arguments: str | Path, pins: str = "mock", prefix: Sequence[str] = ()
) -> Said:
    """`prefix` is what runs it (`ip netns exec …`)."""
    process = await asyncio.create_subprocess_exec(
        *prefix,
        sys.executable,
        "-m",
        "tocsin_button",
        *map(str, arguments),
        env=os.environ | {"GPIOZERO_PIN_FACTORY": pins},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Said(process.returncode or 0, out.decode(), err.decode())


@pytest.mark.parametrize("command", COMMANDS)
async def test_every_command_has_help_with_an_example(command: str) -> None:
    said = await tocsin_button(command, "--help")
    assert said.code == 0
    assert "example:" in said.out


async def test_a_command_that_is_none_is_refused_with_2() -> None:
    assert (await tocsin_button("dance")).code == 2


@pytest.mark.parametrize("command", ["run", "press", "selftest"])
async def test_without_a_config_it_says_what_to_do(command: str, tmp_path: Path) -> None:
    said = await tocsin_button(command, "--config", tmp_path / "no.toml")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "name the file with --config" in said.err


async def test_press_without_an_agent_says_how_to_start_one(field: Field) -> None:
    said = await tocsin_button("press", "--config", field.add_button().config)
    assert said.code == 2
    assert "no agent answers" in said.err
    assert "tocsin-button run" in said.err


async def test_press_presses_and_prints_data(field: Field) -> None:
    button = await field.add_button().ready()
    said = await tocsin_button("press", "--json", "--config", button.config)
    answer = json.loads(said.out)
    assert said.code == 0
    assert answer["state"] == "pressed"
    assert answer["edge_to_publish_ms"] > 0
    assert answer["published_monotonic_ns"] > answer["edge_monotonic_ns"]
    said = await tocsin_button("press", "--config", button.config)
    assert said.out.startswith("pressed: ")
    assert "on 1 broker(s) after" in said.out


async def test_press_without_a_broker_says_that_it_is_kept(field: Field) -> None:
    button = await field.add_button().ready()
    await field.brokers[0].kill()
    await button.watch(lambda state: not state.links[0].connected)
    said = await tocsin_button("press", "--config", button.config)
    assert "no broker is reached, it is kept and sent again" in said.out


@pytest.mark.parametrize("options", [("--wait",), ("--wait", "acknowledged", "--json")])
async def test_press_waits_for_what_it_is_told_to(field: Field, options: tuple[str, ...]) -> None:
    button = await field.add_button().ready()
    field.station.answers = "acknowledged" if "acknowledged" in options else "stored"
    said = await tocsin_button("press", *options, "--config", button.config)
    assert said.code == 0
    if "--json" in options:
        assert json.loads(said.out)["state"] == "acknowledged"
    else:
        assert "stored" in said.out.splitlines()[-1]
        assert "lamp: " in said.out


async def test_press_that_nobody_receipts_fails_and_says_to_call(
    field: Field, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tocsin_button import __main__ as cli  # noqa: PLC0415 (its name is the package's)

    button = await field.add_button().ready()
    monkeypatch.setattr(cli, "WAIT_S", 0.2)
    code = await asyncio.to_thread(cli.main, ["press", "--wait", "--config", str(button.config)])
    assert code == 1
    assert "call 911" in capsys.readouterr().err


async def test_press_waits_through_a_quiet_lamp(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tocsin_button import __main__ as cli  # noqa: PLC0415 (its name is the package's)

    button = await field.add_button().ready()
    monkeypatch.setattr(cli, "WAIT_S", 3.0)
    began_s = time.monotonic()
    waiting = asyncio.create_task(
        asyncio.to_thread(cli.main, ["press", "--wait", "--config", str(button.config)])
    )
    await field.station.until(lambda: bool(field.station.presses))
    later = await button.press()
    await field.station.until(lambda: str(field.station.presses[-1][1].press_id) == later.press_id)
    field.station.receipt(field.station.presses[-1][1], "acknowledged")  # a lamp that stays lit
    assert await waiting == 1
    assert time.monotonic() - began_s >= 3.0


async def test_press_whose_agent_ends_meanwhile_says_so(
    field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    from tocsin_button import __main__ as cli  # noqa: PLC0415 (its name is the package's)

    button = await field.add_button().ready()
    arguments = ["press", "--wait", "acknowledged", "--config", str(button.config)]
    waiting = asyncio.create_task(asyncio.to_thread(cli.main, arguments))
    await field.station.until(lambda: bool(field.station.presses))
    said = ""
    async with asyncio.timeout(20):
        while "lamp: " not in said:  # it follows the agent
            said += capsys.readouterr().out
            await asyncio.sleep(0.02)
    await button.end()
    assert await waiting == 2
    assert "the agent ended" in capsys.readouterr().err


async def test_selftest_alone_tries_everything(field: Field) -> None:
    button = field.add_button()
    pulsing = asyncio.create_task(pulse(field))
    said = await tocsin_button("selftest", "--json", "--config", button.config)
    pulsing.cancel()
    result = json.loads(said.out)
    checks = [finding["check"].split()[0] for finding in result["findings"]]
    assert checks == [
        "pins",
        "contacts",
        "lamp",
        "keys",
        "certificate",
        "outbox",
        "broker",
        "server",
    ]
    assert result["ok"], said.out
    assert said.code == 0


async def pulse(field: Field) -> None:
    while True:
        field.station.pulse()
        await asyncio.sleep(0.1)


async def test_selftest_of_a_running_agent_leaves_its_links_alone(field: Field) -> None:
    button = await field.add_button().ready()
    field.station.pulse()
    await heard_a_pulse(button)
    before = (await button.state()).links
    said = await tocsin_button("selftest", "--config", button.config)
    assert "ok  contacts: at rest" in said.out
    assert "the link stands" in said.out
    assert (await button.state()).links == before


async def test_doctor_names_what_is_wrong_and_what_to_do(field: Field) -> None:
    button = field.add_button()
    await field.brokers[0].stop()
    said = await tocsin_button("doctor", "--config", button.config)
    assert said.code == 1
    assert "BAD agent: no agent answers" in said.out
    assert "BAD broker" in said.out
    assert "refuses port" in said.out
    assert "Ask the network people to allow outgoing TCP" in said.out
    first, asked, sheet = said.out.splitlines()[-3:]
    assert first == "Ask the network people:"
    assert asked.startswith("  to allow outgoing TCP")
    assert "tocsin site network-page" in sheet
    assert not any(line.startswith("ok ") for line in said.out.splitlines())


async def test_doctor_reads_a_bad_config_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "button.toml").write_text("zebra = 1\n")
    said = await tocsin_button("doctor", "--json", "--config", tmp_path / "button.toml")
    result = json.loads(said.out)
    assert said.code == 1
    assert len(result["findings"]) == 4
    assert all(finding["remedy"] for finding in result["findings"])


async def test_doctor_is_content_with_a_healthy_button_and_explains_a_fault(
    field: Field,
) -> None:
    button = await field.add_button().ready()
    field.station.pulse()
    await heard_a_pulse(button)
    said = await tocsin_button("doctor", "--config", button.config)
    assert (said.code, said.out) == (0, "nothing is wrong with this button\n")
    (button.folder / "client.crt").write_text("nonsense")
    said = await tocsin_button("doctor", "--config", button.config)
    assert "BAD certificate" in said.out
    assert said.code == 1


async def heard_a_pulse(button: Button) -> None:
    async with asyncio.timeout(20):
        while True:
            if (await button.state()).server_heard_s_ago is not None:
                return
            await asyncio.sleep(0.02)


async def test_without_a_board_it_says_how_to_get_one(field: Field) -> None:
    said = await tocsin_button("run", "--config", field.add_button().config, pins="no-such-board")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "set GPIOZERO_PIN_FACTORY=mock (it is no-such-board)" in said.err
