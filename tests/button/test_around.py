"""What stands around the agent: its log, its service manager, its keys, its state folder."""

import io
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from tocsin_button import materials, systemd
from tocsin_button.config import Config, load
from tocsin_button.errors import BadConfig, StateTaken
from tocsin_button.logs import LINES_MAX, Unhurried
from tocsin_button.state_folder import hold_state
from tocsin_server.fleet.deployment import add_device, create_deployment

UNIT = Path("firmware_py/systemd/tocsin-button.service")
UNITS = sorted(UNIT.parent.glob("*.service"))
PATIENCE_S = 20.0


class Stuck(io.StringIO):
    """A file whose reader has gone to sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.awake = threading.Event()

    def write(self, text: str) -> int:
        self.awake.wait(PATIENCE_S)
        return super().write(text)


def test_whoever_logs_never_waits_and_dropped_lines_are_counted() -> None:
    file = Stuck()
    out = Unhurried(file)
    for n in range(LINES_MAX + 101):
        out.write(f"line {n}\n")
    file.awake.set()
    while file.getvalue().count("\n") < LINES_MAX:  # before, there may be no room for a line
        threading.Event().wait(0.001)
    out.write("the last line\n")
    out.flush()
    out.close()
    out._thread.join(PATIENCE_S)  # `close` itself waits for a moment only
    said = file.getvalue()
    assert "log lines dropped: nobody read them" in said
    assert said.endswith("the last line\n")


def test_a_log_that_nobody_reads_does_not_hold_up_the_end() -> None:
    file = Stuck()
    out = Unhurried(file)
    for _ in range(LINES_MAX + 2):
        out.write("line\n")
    out.close()
    file.awake.set()


def test_a_log_that_is_closed_under_us_is_survived() -> None:
    file = io.StringIO()
    out = Unhurried(file)
    file.close()
    out.write("line\n")
    out.close()
    out._thread.join(PATIENCE_S)
    assert not out._thread.is_alive()


def test_the_service_manager_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        systemd.notify(READY="1", STATUS="armed")
        assert manager.recv(100) == b"READY=1\nSTATUS=armed"
    systemd.notify(WATCHDOG="1")  # nobody listens any more, and nobody minds


def test_an_abstract_address_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0tocsin-test-{id(manager)}")
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@tocsin-test-{id(manager)}")
        systemd.notify(READY="1")
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    ("usec", "pid", "every_s"),
    [("30000000", None, 10.0), ("0", None, None), ("", None, None), ("30000000", "1", None)],
)
def test_the_watchdog_is_fed_three_times_in_its_patience(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str | None, every_s: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    if pid is None:
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
    else:
        monkeypatch.setenv("WATCHDOG_PID", pid)
    assert systemd.watchdog_s() == every_s


def test_the_unit_keeps_the_button_alive_and_caged() -> None:
    directives = UNIT.read_text().splitlines()
    for wanted in (
        "Type=notify",
        "Restart=always",
        "WatchdogSec=10s",
        "ProtectSystem=strict",
        "DevicePolicy=closed",
        "DeviceAllow=char-gpiochip rw",
        "CapabilityBoundingSet=",
    ):
        assert wanted in directives


def test_the_set_up_page_ends_with_the_first_claim_and_may_do_nothing_but_open_its_port() -> None:
    directives = (UNIT.parent / "tocsin-button-setup.service").read_text().splitlines()
    for wanted in (
        "ConditionPathExists=!/etc/tocsin/button.toml",
        "User=tocsin-button",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "ProtectSystem=strict",
        "ReadWritePaths=/etc/tocsin",
        "Restart=on-failure",
    ):
        assert wanted in directives


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_each_unit_is_one_that_systemd_accepts(unit: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        assert "[Service]" in unit.read_text()  # a machine without systemd runs no units
        return
    verified = subprocess.run(
        [analyze, "verify", unit], capture_output=True, text=True, check=False
    )
    complaints = [line for line in verified.stderr.splitlines() if "not executable" not in line]
    assert complaints == []


def test_two_agents_never_run_on_one_folder(tmp_path: Path) -> None:
    with (
        hold_state(tmp_path / "state"),
        pytest.raises(StateTaken, match="another agent"),
        hold_state(tmp_path / "state"),
    ):
        pass
    with hold_state(tmp_path / "state"):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_can_t_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StateTaken, match="name a folder in state_dir"),
        hold_state(tmp_path / "file" / "state"),
    ):
        pass


@pytest.fixture
def config(folder: Path) -> Config:
    create_deployment(folder / "d", jurisdiction="48453")
    device = add_device(folder / "d", jurisdiction="48453", brokers=["mqtts://127.0.0.1:8883"])
    return load(device.folder / "button.toml")


def test_a_button_pins_the_current_key_and_its_successor(config: Config) -> None:
    loaded = materials.load(config)
    assert len(loaded.server_keys.believed) == 2
    assert loaded.tls is not None
    assert "place_key" not in repr(loaded)


def test_every_unusable_key_is_a_line_of_its_own(config: Config) -> None:
    for name in ("press.key", "receipt_keys.json"):
        config.path(name).write_text("nonsense")
    with pytest.raises(BadConfig) as caught:
        materials.load(config)
    first, second = caught.value.problems
    assert "press_key_file" in first
    assert "receipt_keys_file" in second


def test_a_site_s_key_makes_places_comparable(config: Config) -> None:
    own = materials.load(config).place_key
    config.path("site.key").write_bytes(b"k" * 32)
    text = 'site_key_file = "site.key"\n' + config.file.read_text()
    config.file.write_text(text)
    assert materials.load(load(config.file)).place_key == b"k" * 32 != own
