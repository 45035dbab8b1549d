"""What [twilio] and [twilio_second] may say; each wrong value beside the good one."""

import re
from pathlib import Path

import pytest

from tocsin_server.channels.twilio import Twilio
from tocsin_server.config import ConfigError, load_config

GOOD = f"""\
replica_id = "server-1"
public_url = "https://tocsin.county.example"

[database]
dsn = "postgresql:///tocsin"

[[brokers]]
url = "mqtt://127.0.0.1"

[keys]
receipt_key_file = "receipt.key"

[twilio]
account_sid = "AC{"1" * 32}"
auth_token_file = "token"
from_number = "+15125550100"
older_auth_token_files = ["older_token"]
messaging_service_sid = "MG{"2" * 32}"
edge = "dublin"
region = "ie1"
validity_s = 120
public = false
balance_min = 40.0

[twilio_second]
account_sid = "AC{"3" * 32}"
auth_token_file = "second_token"
from_number = "+15125550101"
region = "us1"
"""

WRONG = {
    "an account id that is another id": (
        f'account_sid = "AC{"1" * 32}"',
        f'account_sid = "SK{"1" * 32}"',
        "twilio.account_sid: write the AC and 32 digits of Twilio's console",
    ),
    "the second one's": (
        f'account_sid = "AC{"3" * 32}"',
        'account_sid = "AC3"',
        "twilio_second.account_sid: write the AC",
    ),
    "a number as people write it": (
        'from_number = "+15125550100"',
        'from_number = "(512) 555-0100"',
        "twilio.from_number: write it as +15125550100",
    ),
    "the second number": (
        'from_number = "+15125550101"',
        'from_number = "512"',
        "twilio_second.from_number: write it as",
    ),
    "a service that is none": (
        f'messaging_service_sid = "MG{"2" * 32}"',
        'messaging_service_sid = "alerts"',
        "twilio.messaging_service_sid: write its MG and 32 digits, or leave it",
    ),
    "more old tokens than Twilio has": (
        'older_auth_token_files = ["older_token"]',
        'older_auth_token_files = ["a", "b", "c", "d"]',
        "twilio.older_auth_token_files: at most 3",
    ),
    "an edge that is an address": (
        'edge = "dublin"',
        'edge = "https://dublin"',
        "twilio.edge: 'https://dublin' is not a name such as dublin",
    ),
    "a region that is none": (
        'region = "ie1"',
        'region = "IE 1"',
        "twilio.region: 'IE 1' is not a name",
    ),
    "a region without an edge": (
        'edge = "dublin"\n',
        "",
        "twilio.region: 'ie1' needs an edge as well, such as dublin",
    ),
    "a text that is too old at once": (
        "validity_s = 120",
        "validity_s = 5",
        "twilio.validity_s: 5 is not possible: give 10 to 36000 seconds",
    ),
    "a text that never grows old": (
        "validity_s = 120",
        "validity_s = 36001",
        "twilio.validity_s: 36001 is not possible",
    ),
    "less than nothing": (
        "balance_min = 40.0",
        "balance_min = -1.0",
        "twilio.balance_min: give an amount of money, 0 or more",
    ),
    "no amount": ("balance_min = 40.0", "balance_min = nan", "twilio.balance_min: give an amount"),
    "an address that is none": (
        'edge = "dublin"',
        'edge = "dublin"\napi_url = "api.twilio.com"',
        "twilio.api_url: 'api.twilio.com' is not https://host",
    ),
    "an address with a path": (
        'edge = "dublin"',
        'edge = "dublin"\napi_url = "https://api.twilio.com/2010-04-01"',
        "twilio.api_url: 'https://api.twilio.com/2010-04-01' is not https://host",
    ),
    "a misspelt key": ("public = false", "pubic = false", "unknown field `pubic`"),
    "a key that is the first account's alone": (
        'region = "us1"',
        "validity_s = 60",
        "unknown field `validity_s`",
    ),
    "the same sender twice": (
        f'account_sid = "AC{"3" * 32}"\nauth_token_file = "second_token"\n'
        'from_number = "+15125550101"',
        f'account_sid = "AC{"1" * 32}"\nauth_token_file = "second_token"\n'
        'from_number = "+15125550100"',
        "twilio_second: it is the account and number of [twilio] once more",
    ),
}


def write(folder: Path, text: str) -> Path:
    path = folder / "tocsin.toml"
    path.write_text(text)
    for name in ("token", "older_token", "second_token"):
        (folder / name).write_text(f"{name}-text\n")
    return path


def test_everything_can_be_said_and_nearly_everything_left(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, GOOD))
    assert list(config.twilio_accounts) == ["twilio", "twilio_second"]
    assert config.token_files == {
        "twilio.auth_token_file": "token",
        "twilio.older_auth_token_files, no. 1": "older_token",
        "twilio_second.auth_token_file": "second_token",
    }
    assert "-text" not in repr(config)
    brief = re.sub(r"(?ms)^older_auth.*?^balance_min = 40.0\n", "", GOOD).partition("[twilio_sec")[
        0
    ]
    few = load_config(write(tmp_path, brief))
    assert few.twilio is not None
    assert few.twilio.public
    assert few.twilio.validity_s < 3600, "an alert that comes an hour late is no help"
    assert list(few.twilio_accounts) == ["twilio"]


@pytest.mark.parametrize(("good", "wrong", "reason"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_value_is_refused_with_what_to_write(
    tmp_path: Path, good: str, wrong: str, reason: str
) -> None:
    assert GOOD.count(good) == 1
    load_config(write(tmp_path, GOOD))
    with pytest.raises(ConfigError, match=re.escape(reason)):
        load_config(write(tmp_path, GOOD.replace(good, wrong)))


def test_a_second_account_needs_a_first(tmp_path: Path) -> None:
    alone = re.sub(r"(?ms)^\[twilio\].*?^\[twilio_second\]", "[twilio_second]", GOOD)
    with pytest.raises(ConfigError, match=r"twilio_second: it steps in for \[twilio\]"):
        load_config(write(tmp_path, alone))


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("token", "twilio.auth_token_file"),
        ("older_token", "twilio.older_auth_token_files, no. 1"),
        ("second_token", "twilio_second.auth_token_file"),
    ],
)
async def test_a_token_s_file_that_is_empty_or_gone_is_named(
    tmp_path: Path, name: str, key: str
) -> None:
    config = load_config(write(tmp_path, GOOD))
    twilio = Twilio.of(config)
    assert twilio is not None
    await twilio.close()
    (tmp_path / name).write_text("\n")
    with pytest.raises(ConfigError, match=re.escape(f"{key}: {name} is empty")):
        Twilio.of(config)
    (tmp_path / name).unlink()
    with pytest.raises(ConfigError, match=re.escape(f"{key}: can't read {name}")):
        Twilio.of(config)


async def test_without_an_account_there_is_no_twilio(tmp_path: Path) -> None:
    assert Twilio.of(load_config(write(tmp_path, GOOD.partition("[twilio]")[0]))) is None
