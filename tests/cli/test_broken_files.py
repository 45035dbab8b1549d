"""Files that a disk, an editor or a hand has broken are refused in a line, whichever file it is."""

from pathlib import Path

import pytest

from tests.fuzz import files
from tocsin_button import config as button_config
from tocsin_button.errors import BadConfig
from tocsin_server.cli.person import _read_password
from tocsin_server.config import CONFIG_BYTES_MAX, ConfigError, load_config
from tocsin_server.errors import Invalid
from tocsin_server.fleet import certificates
from tocsin_server.fleet.certificates import CertificateError
from tocsin_server.record import verify_export

BROKEN = {
    "nested without end": b"a = " + b"[" * 10_000,
    "names in names": b"x." * 5_000 + b"x = 1",
    "an endless number": b"a = " + b"9" * 5_000,
    "no text": b"\xff\xfe\x00",
    "too large": b"\n" * (CONFIG_BYTES_MAX + 1),
}

GOOD = """\
replica_id = "server-1"
public_url = "http://127.0.0.1:8480"
[database]
dsn_file = "dsn"
[[brokers]]
url = "mqtt://127.0.0.1"
[keys]
receipt_key_file = "receipt.key"
"""


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_configuration_that_is_broken_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"broken\.toml"):
        load_config(path)
    with pytest.raises(BadConfig, match=r"broken\.toml"):
        button_config.load(path)


def test_a_configuration_without_an_end_is_not_read_to_its_end() -> None:
    with pytest.raises(ConfigError, match="at most"):
        load_config(Path("/dev/zero"))
    with pytest.raises(BadConfig, match="more than"):
        button_config.load(Path("/dev/zero"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('listen = "127.0.0.1:65536"', "listen: '127.0.0.1:65536' is not host:port"),
        ('public_url = "http://[::1"', "public_url: 'http://\\[::1' is no URL"),
        ('public_url = "http://h:x"', "public_url: 'http://h:x' is no URL"),
        ('url = "mqtt://127.0.0.1:65536"', "brokers.url: 'mqtt://127.0.0.1:65536' is no URL"),
        ('url = "mqtt://127.0.0.1:0"', "brokers.url: 'mqtt://127.0.0.1:0' is no URL"),
    ],
)
def test_an_address_that_nobody_can_listen_at_is_refused_by_its_key(
    tmp_path: Path, line: str, reason: str
) -> None:
    path, key = tmp_path / "tocsin.toml", line.partition(" ")[0]
    kept = [each for each in GOOD.splitlines() if not each.startswith(f"{key} ")]
    at = kept.index("[[brokers]]") + 1 if key == "url" else 0
    path.write_text("\n".join([*kept[:at], line, *kept[at:]]))
    with pytest.raises(ConfigError, match=reason):
        load_config(path)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("", "set url_file, or url, and not both"),
        ('url = "https://h/"\nurl_file = "u"', "set url_file, or url, and not both"),
        ('url = "https://h/"\nevery_s = 0.5', "dead_man.every_s: 1 to 600 seconds are possible"),
        ('url = "https://h/"\nevery_s = 601', "dead_man.every_s: 1 to 600 seconds are possible"),
        ('url = "https://h/"\nevery_s = nan', "dead_man.every_s: 1 to 600 seconds are possible"),
    ],
)
def test_a_dead_man_that_could_not_be_heard_is_refused(
    tmp_path: Path, lines: str, reason: str
) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(f"{GOOD}[dead_man]\n{lines}\n")
    with pytest.raises(ConfigError, match=reason):
        load_config(path)


@pytest.mark.parametrize("after_s", ["59", "57601", "nan", "-1"])
def test_a_screen_that_would_lock_at_once_or_never_is_refused(tmp_path: Path, after_s: str) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(f"{GOOD}[sign_in]\nlock_after_s = {after_s}\n")
    reason = r"sign_in.lock_after_s: 0 \(never\), or 60 to 57600 seconds are possible"
    with pytest.raises(ConfigError, match=reason):
        load_config(path)


@pytest.mark.parametrize("name", ["dsn", "a\\u0000b"])
def test_a_secret_s_file_that_holds_no_text_is_refused_by_its_key(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "tocsin.toml"
    path.write_text(GOOD.replace('"dsn"', f'"{name}"'))
    (tmp_path / "dsn").write_bytes(b"\xff\xfe")
    config = load_config(path)
    with pytest.raises(ConfigError, match=r"database\.dsn_file: .* names no file of text"):
        config.dsn()


@pytest.mark.parametrize("proxy", ["http://[::1", "http://h:x", "http://h:99999"])
def test_a_proxy_that_is_no_url_is_refused(tmp_path: Path, proxy: str) -> None:
    path = tmp_path / "button.toml"
    path.write_text(
        f'device_id = "btn-0123456789"\njurisdiction = "48453"\nproxy = "{proxy}"\n'
        'brokers = ["mqtts://127.0.0.1:8883"]\n'
    )
    with pytest.raises(BadConfig, match=r"proxy: .*: write http://proxy"):
        button_config.load(path)


def test_an_export_nested_without_end_does_not_hold(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    lines = files.export().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b'{"type":' + b"[" * 9_000 + b"\n", *lines[3:]]))
    assert any("line 3 can't be read" in each for each in verify_export(path).findings)
    path.write_bytes(b"[" * 9_000)
    with pytest.raises(Invalid, match="no export of a record"):
        verify_export(path)


def test_the_export_that_is_broken_here_holds_where_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_bytes(files.export())
    assert verify_export(path).holds


def test_an_authority_s_key_on_another_curve_is_refused(tmp_path: Path) -> None:
    deployment = files.readers(tmp_path)[0].path.parent
    certificate, key = deployment / "ca" / "ca.crt", deployment / "ca" / "ca.key"
    lines = key.read_text().splitlines()
    # One bit of the curve's name, which stands at the same place in every key of its kind.
    lines[1] = lines[1].replace("CCqGSM49AwEH", "CCqGSM48AwEH")
    key.write_text("\n".join(lines))
    with pytest.raises(CertificateError, match="no private key that can be read"):
        certificates.Authority.load(certificate, key)


def test_a_password_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="holds no text"):
        _read_password(path)
