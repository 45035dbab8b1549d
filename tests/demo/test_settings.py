"""Single values of a deployment's files, changed at each start of the demo."""

from pathlib import Path

import pytest

from tocsin_server.config import load_config
from tocsin_server.demo import example, settings
from tocsin_server.demo.errors import DemoFailed
from tocsin_server.fleet.deployment import create_deployment


def test_one_value_changes_and_nothing_else(folder: Path) -> None:
    file = folder / "some.toml"
    file.write_text("# ours\nurl = 'a'  # the broker\npublic_url = 'b'\n# url = 'c'\n")
    file.chmod(0o640)
    settings.set_value(file, "url", 'mqtts://127.0.0.1:8883 \\ "quoted"')
    assert file.read_text() == (
        "# ours\n"
        'url = "mqtts://127.0.0.1:8883 \\\\ \\"quoted\\""\n'
        "public_url = 'b'\n"
        "# url = 'c'\n"
    )
    assert file.stat().st_mode & 0o777 == 0o640
    settings.set_value(file, "public_url", ["a", "b"])
    assert 'public_url = ["a", "b"]\n' in file.read_text()


@pytest.mark.parametrize("text", ["", "url = 'a'\nurl = 'b'\n"])
def test_a_value_without_one_place_is_an_error(folder: Path, text: str) -> None:
    file = folder / "some.toml"
    file.write_text(text)
    with pytest.raises(DemoFailed, match=r"some\.toml sets url"):
        settings.set_value(file, "url", "x")
    assert file.read_text() == text


def test_a_new_deployment_gets_an_account_that_the_server_can_read(folder: Path) -> None:
    config_file = create_deployment(folder / "d", jurisdiction=example.JURISDICTION)
    settings.add_twilio(folder / "d", api_url="http://127.0.0.1:1234")
    config = load_config(config_file)
    assert config.twilio is not None
    assert config.twilio.api_url == "http://127.0.0.1:1234"
    assert config.twilio.from_number == example.SYSTEM_NUMBER
    token = config.path(config.twilio.auth_token_file)
    assert len(token.read_text()) == 32
    assert token.stat().st_mode & 0o777 == 0o600


def test_mail_goes_to_a_port_that_can_be_changed(folder: Path) -> None:
    config_file = create_deployment(folder / "d", jurisdiction=example.JURISDICTION)
    settings.add_email(config_file, port=1234)
    settings.set_value(config_file, "port", 4321)
    config = load_config(config_file)
    assert config.email is not None
    assert (config.email.host, config.email.port, config.email.tls) == ("127.0.0.1", 4321, "none")
