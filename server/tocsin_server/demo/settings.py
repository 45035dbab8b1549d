"""Change single values of a deployment's files, because ports and paths differ between starts.

Promise: nothing but the named line changes; comments and whatever a visitor added stay.

Refused: guessing where a value belongs when its line isn't there exactly once.
"""

import json
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from tocsin_server.demo.errors import DemoFailed
from tocsin_server.demo.example import SYSTEM_NUMBER

TOKEN_FILE = "server/twilio_token"  # noqa: S105  (a file's name)

_TWILIO = """
[twilio]
account_sid = {account_sid}
auth_token_file = {token_file}
from_number = {from_number}
api_url = {api_url}
"""

_EMAIL = """
[email]
host = "127.0.0.1"
port = {port}
tls = "none"
from_address = "tocsin@example.org"
"""

_HOOKS = """
[hooks]
allow_http = true
"""


def set_value(file: Path, key: str, value: str | int | Sequence[str]) -> None:
    """Write `key = value` in place of the one line that sets this key. Raises DemoFailed."""
    try:
        text = file.read_text()
    except OSError as error:
        raise DemoFailed(f"{file} can't be read: {error.strerror}") from None
    line = re.compile(rf"(?m)^{re.escape(key)} *=.*$")
    if (found := len(line.findall(text))) != 1:
        raise DemoFailed(f"{file} sets {key} {found} times: it has to be once, on one line")
    written = json.dumps(value if isinstance(value, str | int) else list(value), ensure_ascii=False)
    changed = line.sub(lambda _: f"{key} = {written}", text)
    if changed != text:
        beside = file.with_name(f".{file.name}.new")
        beside.write_text(changed)
        beside.chmod(file.stat().st_mode & 0o777)
        beside.replace(file)


def add_twilio(deployment: Path, *, api_url: str) -> None:
    """Give a new deployment an account at a Twilio-shaped provider: number, id and token."""
    token = deployment / TOKEN_FILE
    descriptor = os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(16))
    with (deployment / "tocsin.toml").open("a") as config:
        config.write(
            _TWILIO.format(
                account_sid=json.dumps(f"AC{secrets.token_hex(16)}"),
                token_file=json.dumps(TOKEN_FILE),
                from_number=json.dumps(SYSTEM_NUMBER),
                api_url=json.dumps(api_url),
            )
        )


def add_email(file: Path, *, port: int) -> None:
    """Let mail go to a mail server on this machine."""
    with file.open("a") as config:
        config.write(_EMAIL.format(port=port))


def allow_local_hooks(file: Path) -> None:
    """Let webhooks go to programs on this machine, unless the file says where they may go."""
    if not re.search(r"(?m)^\[hooks\]", file.read_text()):
        with file.open("a") as config:
            config.write(_HOOKS)
