"""What the page for administrators says of webhooks is what is sent."""

import re
import subprocess
from pathlib import Path

import msgspec

from tests.hooks.followed import Followed
from tests.hooks.receiver import Json, Receiver
from tocsin_server.config import HooksConfig
from tocsin_server.hooks import hooks
from tocsin_server.hooks.deliver import ANSWER_S_MAX, RETRY_S
from tocsin_server.hooks.message import EVENTS, TEST, new_secret, signed

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
SECTION = PAGE[PAGE.index("## Other systems that follow") :].split("\n## ")[0]


def fenced(kind: str) -> str:
    (block,) = re.findall(rf"^```{kind}\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
    return str(block)


def shape(value: object) -> object:
    """The names of all fields, in their order."""
    return {name: shape(each) for name, each in value.items()} if isinstance(value, dict) else None


async def test_the_message_on_the_page_has_the_fields_of_a_real_one(
    followed: Followed, receiver: Receiver
) -> None:
    await followed.hook(receiver.url)
    await followed.acknowledge(await followed.press())
    await followed.send_all()
    shown: Json = msgspec.json.decode(fenced("json"))
    assert shown["type"] == receiver.events[-1]
    assert shape(shown) == shape(receiver.received[-1].message)


def test_the_signature_is_checked_as_the_page_says(tmp_path: Path) -> None:
    secret, body = new_secret(), b'{"version": 1}'
    headers = signed(body, message_id="one", sent_at_s=1_793_736_909, secrets=[secret])
    (tmp_path / "body.json").write_bytes(body)
    known = {name.replace("-", "_"): value for name, value in headers.items()}
    said = subprocess.run(
        ["sh", "-c", fenced("sh")],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "secret": secret, **known},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"v1,{said.stdout.strip()}" == headers["webhook-signature"]


def test_the_page_names_every_event_and_every_pause() -> None:
    assert re.findall(r"(?m)^\| `([\w.]+)`", SECTION) == [*EVENTS, TEST]
    for name in HooksConfig.__struct_fields__:
        assert re.search(rf"(?m)^{name} = ", fenced("toml"))
    text = " ".join(SECTION.split())
    assert f"within {ANSWER_S_MAX:.0f} seconds" in text
    assert f"kept for {hooks.KEPT_DAYS} days" in text
    assert f"for {hooks.KEEP_HOURS} hours both sign" in text
    units = {"s": 1, "min": 60, "h": 3600}
    pauses = text[text.index("tried again after") : text.index("each a little")]
    said = [int(n) * units[unit] for n, unit in re.findall(r"(\d+) (s|min|h)\b", pauses)]
    assert said == list(RETRY_S)
