"""`tocsin keys sign-update` and `tocsin device update`: signed offline, sent, listed, given up."""

from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.updates import wheels
from tocsin_server.cli.update import Asked, Buttons, GivenUp, SignedUpdate
from tocsin_wire import signing
from tocsin_wire.messages import RELEASE_BYTES_MAX, Release
from tocsin_wire.signing import SigningKey, load_keys

WHEEL = "tocsin-0.2.0-py3-none-any.whl"


@pytest.fixture
def key(terminal: Terminal) -> Path:
    """The offline key, taken off the server."""
    stick = terminal.folder / "command.key"
    (terminal.folder / "d" / "ca" / "command.key").rename(stick)
    return stick


async def add_button(terminal: Terminal) -> str:
    return (await terminal.good("device", "add", "--broker", "mqtts://127.0.0.1:8883")).split()[0]


async def test_a_release_is_signed_offline_sent_listed_and_given_up(
    terminal: Terminal, bare: Terminal, key: Path, folder: Path
) -> None:
    one, other = sorted([await add_button(terminal), await add_button(terminal)])
    wheels.small(folder, "0.2.0")
    sign = ("keys", "sign-update", WHEEL, "--key", key, "-o", "it.jws")
    signed = (await bare.run(*sign, "--json")).read(SignedUpdate)
    keys = load_keys(folder / "d" / "server" / "command_keys.json")
    said = signing.verify((folder / "it.jws").read_bytes().strip(), Release, keys)
    assert (said.version, said.sha256.hex()) == ("0.2.0", signed.sha256)
    assert said.size_bytes == signed.size_bytes == (folder / WHEEL).stat().st_size

    send = ("device", "update", "it.jws", WHEEL)
    asked = (await terminal.run(*send, one, "--by", "Sam Novak", "--json")).read(Asked)
    assert (asked.device_ids, asked.left_out) == ([one], [])
    told = await terminal.good(*send, "--all")
    assert f"said to 2 buttons: {one}, {other}" in told
    shown = (await terminal.run("device", "updates", "--json")).read(Buttons).buttons
    assert [(each.version, each.state, each.asked_by is None) for each in shown] == [
        ("0.2.0", "waiting", False)
    ] * 2
    assert "waits for its turn, or to be heard" in await terminal.good("device", "updates")
    given = (await terminal.run("device", "give-up-update", one, "--json")).read(GivenUp)
    assert given.device_ids == [one]
    assert f"asked nothing more: {other}." in await terminal.good(
        "device", "give-up-update", "--all"
    )
    assert "asked nothing more: nobody." in await terminal.good("device", "give-up-update", "--all")


async def test_what_no_button_would_take_up_is_not_signed(bare: Terminal, folder: Path) -> None:
    SigningKey.generate().save(folder / "command.key")
    wheels.small(folder, "0.2.0")
    for name in ("tocsin-0.2.0rc1-py3-none-any.whl", "other-0.2.0-py3-none-any.whl", "x"):
        (folder / name).write_bytes((folder / WHEEL).read_bytes())
    with (folder / "tocsin-0.3.0-py3-none-any.whl").open("wb") as big:
        big.truncate(RELEASE_BYTES_MAX + 1)
    (folder / "tocsin-0.4.0-py3-none-any.whl").write_text("Dear Dana")
    wheels.small(folder, "0.5.0").rename(folder / "tocsin-0.5.1-py3-none-any.whl")
    (folder / "letter").write_text("Dear Dana")
    (folder / "mine.jws").write_text("mine")
    for wheel, key, out, *why in (
        ("tocsin-0.2.0rc1-py3-none-any.whl", "command.key", "o", "three numbers"),
        ("other-0.2.0-py3-none-any.whl", "command.key", "o", "tocsin-X.Y.Z-py3-none-any.whl"),
        ("x", "command.key", "o", "is no release for buttons"),
        ("tocsin-0.3.0-py3-none-any.whl", "command.key", "o", "and may have 20971520"),
        ("tocsin-0.4.0-py3-none-any.whl", "command.key", "o", "is not what its name says"),
        ("tocsin-0.5.1-py3-none-any.whl", "command.key", "o", "is not what its name says"),
        ("tocsin-9.9.9-py3-none-any.whl", "command.key", "o", "No such file"),
        (WHEEL, "nowhere.key", "o", "nowhere.key", "No such file"),
        (WHEEL, "letter", "o", "no Ed25519 key"),
        (WHEEL, "command.key", "mine.jws", "mine.jws", "File exists"),
    ):
        said = await bare.run("keys", "sign-update", wheel, "--key", key, "-o", out)
        said.refused(*why)
    assert not (folder / "o").exists()
    assert (folder / "mine.jws").read_text() == "mine"


async def test_what_cannot_be_sent_says_why_and_asks_nobody(
    terminal: Terminal, key: Path, folder: Path
) -> None:
    one = await add_button(terminal)
    wheels.small(folder, "0.2.0")
    wheels.write(folder / "another.whl", {"what": "another"})
    SigningKey.generate().save(folder / "other.key")
    for name, by in (("it", key), ("foreign", "other.key")):
        sign = ("keys", "sign-update", WHEEL, "--key", by, "-o", f"{name}.jws")
        await terminal.good(*sign)
    (folder / "letter.jws").write_text("Dear Dana" * 5000)
    for words, why in (
        (("foreign.jws", WHEEL, one), "this deployment's offline key"),
        (("letter.jws", WHEEL, one), "a signed message has at most"),
        (("it.jws", "another.whl", one), "another one than was signed as 0.2.0"),
        (("it.jws", WHEEL), "say which buttons"),
        (("it.jws", WHEEL, one, "--all"), "say which buttons"),
        (("it.jws", WHEEL, "btn-0123456789"), "no button of 48453 is btn-0123456789"),
        (("it.jws", WHEEL, "--site", "Nowhere"), "no site 'Nowhere'"),
        (("nowhere.jws", WHEEL, one), "No such file"),
    ):
        (await terminal.run("device", "update", *words)).refused(why)
    (folder / "d" / "server" / "command_keys.json").rename(folder / "gone")
    (await terminal.run("device", "update", "it.jws", WHEEL, one)).refused("without an offline key")
    shown = (await terminal.run("device", "updates", "--json")).read(Buttons).buttons
    assert [each.state for each in shown] == [None]
