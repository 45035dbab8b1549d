"""What tocsin.toml may say of the ways to reach a person, and what it says where it can't be so."""

from pathlib import Path

import pytest

from tocsin_server.config import ConfigError, load_config
from tocsin_server.fleet.deployment import create_deployment

EMAIL = '[email]\nhost = "{host}"\nfrom_address = "tocsin@county.example"\n'


def with_lines(folder: Path, lines: str) -> Path:
    path = create_deployment(folder / "d", jurisdiction="48453")
    path.write_text(f"{path.read_text()}\n{lines}")
    return path


def test_a_mail_server_needs_a_name_and_an_address_and_no_more(folder: Path) -> None:
    email = load_config(with_lines(folder, EMAIL.format(host="mail.county.example"))).email
    assert email is not None
    assert (email.port, email.tls, email.username) == (587, "starttls", None)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_mail_server_on_this_machine_needs_no_tls(folder: Path, host: str) -> None:
    assert load_config(with_lines(folder, EMAIL.format(host=host) + 'tls = "none"')).email


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (EMAIL.format(host="mail.county.example") + 'tls = "none"', "use starttls or implicit"),
        (EMAIL.format(host=""), "names no mail server"),
        (EMAIL.format(host="mail") + "port = 70000", "use 1 to 65535"),
        (EMAIL.format(host="mail") + 'username = "tocsin"', "set username and password_file"),
        (EMAIL.format(host="mail") + 'reply_to = "nobody"', "email.reply_to: 'nobody' is no"),
        (EMAIL.format(host="mail").replace("@", " at "), "email.from_address: 'tocsin at county"),
        (EMAIL.format(host="mail") + 'tsl = "implicit"', "unknown field `tsl`"),
    ],
)
def test_what_a_mail_server_can_not_be_is_said_with_what_to_write(
    folder: Path, lines: str, says: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(with_lines(folder, lines))
    assert says in str(refused.value)


@pytest.mark.parametrize("subject", ["tocsin@county.example", "http://county.example", "mailto:"])
def test_browsers_makers_are_told_an_address_they_can_write_to(folder: Path, subject: str) -> None:
    path = create_deployment(folder / "d", jurisdiction="48453")
    told = f'# subject = "{subject}"'
    path.write_text(path.read_text().replace('# subject = "mailto:tocsin@example.org"', told))
    assert load_config(path).push is not None, "what is written behind a # is read by nobody"
    path.write_text(path.read_text().replace(told, told.removeprefix("# ")))
    with pytest.raises(ConfigError, match=r"push\.subject: write it as mailto:"):
        load_config(path)
