"""button.toml: what is read from it, and how it says what is wrong."""

from pathlib import Path

import pytest

from tocsin_button import config as configs
from tocsin_button.config import (
    DEFAULT_PINS,
    SUGGESTED_ASSIST_PIN,
    SUGGESTED_TAMPER_PIN,
    Behaviour,
    Broker,
    Config,
    Pins,
)
from tocsin_button.errors import BadConfig

GOOD = """\
device_id = "btn-0123456789"
jurisdiction = "48453"
brokers = ["mqtts://127.0.0.1:8883"]
"""


def write(folder: Path, text: str) -> Path:
    for name in ("press.key", "client.crt", "client.key", "ca.crt", "receipt_keys.json"):
        (folder / name).touch()
    (folder / "button.toml").write_text(text)
    return folder / "button.toml"


def load(folder: Path, text: str = GOOD) -> Config:
    return configs.load(write(folder, text))


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(BadConfig) as caught:
        load(folder, text)
    file = folder / "button.toml"
    for problem in caught.value.problems:
        assert problem.startswith(f"{file}: ")
        assert "\n" not in problem
    return [problem.removeprefix(f"{file}: ") for problem in caught.value.problems]


def test_three_lines_are_enough(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config.pins == DEFAULT_PINS == Pins(button_no=17, button_nc=27, lamp=22)
    assert config.behaviour == Behaviour()
    assert config.brokers == (Broker(url="mqtts://127.0.0.1:8883"),)
    assert config.state_path == tmp_path / "state"


def test_a_pin_that_is_absent_is_not_used(tmp_path: Path) -> None:
    pins = load(tmp_path, GOOD + f"[pins]\nbutton_no = 5\ntamper = {SUGGESTED_TAMPER_PIN}\n").pins
    assert pins == Pins(button_no=5, tamper=SUGGESTED_TAMPER_PIN)


def test_the_suggested_pins_are_free(tmp_path: Path) -> None:
    taken = {DEFAULT_PINS.button_no, DEFAULT_PINS.button_nc, DEFAULT_PINS.lamp}
    assert not taken & {SUGGESTED_TAMPER_PIN, SUGGESTED_ASSIST_PIN}


def test_a_broker_may_be_a_table_with_its_session(tmp_path: Path) -> None:
    text = GOOD.replace('"mqtts://127.0.0.1:8883"', '{url = "wss://b.example", persistent = true}')
    (broker,) = load(tmp_path, text).brokers
    assert (broker.persistent, broker.tls, broker.websocket, broker.port) == (True, True, True, 443)


def test_a_cluster_is_one_broker_with_several_addresses(tmp_path: Path) -> None:
    table = '{url = "mqtts://a", other_nodes = ["mqtts://b:1", "mqtts://c"], persistent = true}'
    (broker,) = load(tmp_path, GOOD.replace('"mqtts://127.0.0.1:8883"', table)).brokers
    assert [(node.host, node.port, node.persistent) for node in broker.nodes] == [
        ("a", 8883, True),
        ("b", 1, True),
        ("c", 8883, True),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('device_id = "btn-1"', "device_id: 'btn-1' is none"),
        ("device_id = 7", "device_id: Expected `str`, got `int`: correct the value 7"),
        ('jurisdiction = "Travis County"', "jurisdiction: 'Travis County' is none"),
        ("brokers = []", "brokers: 0 are named"),
        ('brokers = "mqtts://b"', "brokers: Expected `array`"),
        ('brokers = ["http://b"]', "brokers: 'http://b' starts with none of"),
        ('brokers = ["mqtts://"]', "brokers: 'mqtts://' names no host"),
        ('brokers = ["mqtts://b:0"]', "brokers: 'mqtts://b:0' names no host and port"),
        ('brokers = ["mqtts://b:x"]', "brokers: 'mqtts://b:x' is no URL"),
        ('brokers = ["mqtts://u:p@b"]', "brokers: 'mqtts://u:p@b' holds a password"),
        ('brokers = ["mqtts://b", "mqtts://b"]', "brokers: one is named twice"),
        ('brokers = [{url = "mqtts://b", other_nodes = ["c"]}]', "brokers: 'c' starts with none"),
        ('brokers = [{url = "mqtts://b", other_nodes = ["mqtts://b"]}]', "brokers: one is named"),
        ('proxy = "proxy:3128"', "proxy: 'proxy:3128': write http://"),
        ('pres_key_file = "x"', "pres_key_file: there is no such key: write press_key_file"),
        ("zebra = 1", "zebra: there is no such key: known are"),
        ('press_key_file = "no.key"', "press_key_file: {folder}/no.key isn't there"),
        ('site_key_file = "no.key"', "site_key_file: {folder}/no.key isn't there"),
        ("pins = 3", "pins: is no table: write [pins]"),
        ("pins = {button_no = 28}", "pins.button_no: 28 is no pin of the header"),
        ("pins = {button_no = 5, lamp = 5}", "pins.lamp: 5 is pins.button_no already"),
        ("pins = {lamp = 5}", "pins.button_no: no contact of the button is named"),
        ('pins = {button_no = "17"}', "pins.button_no: Expected `int | null`, got `str`"),
        ("behaviour = {hold_s = 0.1}", "behaviour.hold_s: 0.1: choose"),
        ("behaviour = {double_within_s = 9}", "behaviour.double_within_s: 9.0: choose"),
        ("behaviour = {hold_is_cancle = true}", "behaviour.hold_is_cancle: there is no such key"),
    ],
)
def test_a_bad_value_gets_one_line_that_says_what_to_do(
    tmp_path: Path, line: str, problem: str
) -> None:
    key = line.split(" ", maxsplit=1)[0]
    kept = [each for each in GOOD.splitlines() if not each.startswith(key)]
    (found,) = problems(tmp_path, "\n".join([line, *kept]))
    assert found.startswith(problem.format(folder=tmp_path))
    assert ": " in found


def test_every_bad_value_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, 'brokers = ["x"]\nzebra = 1\n[pins]\nlamp = "a"\n')
    assert [line.split(":")[0] for line in found] == [
        "brokers",
        "pins.lamp",
        "zebra",
        "device_id",
        "jurisdiction",
    ]


def test_a_file_that_is_missing_or_no_toml_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="No such file or directory: name the file with --config"):
        configs.load(tmp_path / "nowhere.toml")
    assert problems(tmp_path, "device_id = ")[0].startswith("not TOML")


def test_a_plain_broker_needs_no_certificates(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD.replace("mqtts", "mqtt"))
    for name in ("client.crt", "client.key", "ca.crt"):
        (tmp_path / name).unlink()
    assert not configs.load(file).brokers[0].tls


def test_the_digest_names_the_settings_and_not_the_folder(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert load(one).digest == load(other, "# a remark\n" + GOOD).digest
    assert load(one).digest != load(other, GOOD + "[behaviour]\nhold_is_cancel = true\n").digest


def test_a_setting_that_is_as_it_always_is_changes_no_digest(tmp_path: Path) -> None:
    """So a release that has one more setting makes no button look as if somebody had changed it."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    usual = GOOD + "[behaviour]\nhold_is_cancel = false\nhold_s = 3.0\n"
    assert load(one).digest == load(other, usual).digest


def test_the_config_is_found_by_option_then_environment_then_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(configs.ENVIRONMENT, "/somewhere/button.toml")
    assert configs.find(Path("given.toml")) == Path("given.toml")
    assert configs.find(None) == Path("/somewhere/button.toml")
    monkeypatch.delenv(configs.ENVIRONMENT)
    assert configs.find(None) == configs.DEFAULT_FILE
