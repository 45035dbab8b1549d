"""`tocsin keys sign` and `send`: what the offline key signed is forwarded, and nothing else is."""

import shutil
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.parts import Database
from tocsin_server.cli.keys import Keys
from tocsin_server.cli.reconfigure import Signed
from tocsin_server.fleet.reconfigurations import SentView
from tocsin_wire.messages import Reconfigure
from tocsin_wire.signing import SigningKey, dump_keys, load_keys, verify

NEW = "mqtts://broker-b.county.example:8883"


@pytest.fixture
def key(terminal: Terminal) -> Path:
    """The offline key, taken off the server."""
    made = terminal.folder / "d" / "ca" / "command.key"
    stick = terminal.folder / "command.key"
    made.rename(stick)
    return stick


async def test_what_is_signed_offline_is_sent_and_says_what_becomes_of_it(
    terminal: Terminal, bare: Terminal, key: Path, database: Database
) -> None:
    device_id = (
        await terminal.good("device", "add", "--broker", "mqtts://127.0.0.1:8883")
    ).split()[0]
    sign = ("keys", "sign", "--key", key, "--jurisdiction", "48453", "--broker", NEW)
    nodes = ("--cluster", "mqtts://node-1.example:8883", "--cluster", "mqtts://node-2.example:8883")
    signed = (await bare.run(*sign, *nodes, "-o", "all.jws", "--json")).read(Signed)
    assert (signed.brokers, signed.device_ids) == ([NEW, "mqtts://node-1.example:8883"], [])
    keys = load_keys(terminal.folder / "d" / "server" / "command_keys.json")
    said = verify((bare.folder / "all.jws").read_bytes().strip(), Reconfigure, keys)
    assert (said.brokers[1].persistent, said.number) == (True, signed.number)
    assert said.brokers[1].other_nodes == ["mqtts://node-2.example:8883"]

    told = await terminal.good("keys", "send", "all.jws", "--by", "Sam Novak")
    assert f"all buttons of 48453 are to use\n  {NEW}\n" in told
    (await terminal.run("keys", "send", "all.jws")).refused("does not rise", "--number")
    later = str(signed.number + 1)
    await bare.good(*sign, "--only", device_id, "--number", later, "-o", "one.jws")
    view = (await terminal.run("keys", "send", "one.jws", "--json")).read(SentView)
    assert (view.device_ids, view.waiting, view.adopted) == ([device_id], 1, 0)

    async with database.connected() as connection:
        await connection.execute(
            "UPDATE device_health SET heartbeat = json_build_object('reconfigure', $1::integer,"
            " 'reconfigure_adopted', false)",
            int(later),
        )
    one, all_ = (await terminal.run("keys", "list", "--json")).read(Keys).sent
    assert (one.number, one.given_up, one.waiting) == (int(later), [device_id], 0)
    assert (all_.sent_by, all_.waiting, all_.adopted) == ("Sam Novak", 0, 0)
    shown = await terminal.good("keys", "list")
    assert f"{NEW}" in shown
    assert device_id in shown


async def test_a_number_of_another_county_is_another_one(
    terminal: Terminal, key: Path, database: Database
) -> None:
    where = ("--name", "Bexar County", "--time-zone", "America/Chicago")
    await terminal.good("jurisdiction", "add", "48029", *where)
    for slug in ("48029", "48453"):
        sign = ("keys", "sign", "--key", key, "--jurisdiction", slug, "--broker", NEW)
        await terminal.good(*sign, "--number", "7", "-o", f"{slug}.jws")
    await terminal.good("keys", "send", "48029.jws")
    async with database.connected() as connection:  # as if both were sent at one time
        await connection.execute("UPDATE reconfiguration SET sent_at = sent_at + interval '1 h'")
    view = (await terminal.run("keys", "send", "48453.jws", "--json")).read(SentView)
    assert (view.jurisdiction, view.number) == ("48453", 7)


async def test_a_server_without_the_offline_key_s_public_half_says_so_and_rotates(
    terminal: Terminal, key: Path, folder: Path
) -> None:
    sign = ("keys", "sign", "--key", key, "--jurisdiction", "48453", "--broker", NEW)
    await terminal.good(*sign, "-o", "brokers.jws")
    await terminal.good("keys", "send", "brokers.jws")
    public = folder / "d" / "server" / "command_keys.json"
    shutil.move(public, folder / "gone")
    for other in (None, SigningKey.generate()):
        if other is not None:
            dump_keys(public, [other.public])
        shown = await terminal.good("keys", "list")
        assert f"isn't in {public}. Copy that file here" in shown
        assert NEW not in shown
        await terminal.good("keys", "rotate")
    shutil.copy(folder / "gone", public)
    shown = await terminal.good("keys", "list")
    assert NEW in shown
    assert "NOT KNOWN" not in shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "give 1 to 8 broker URLs"),
        (("--broker", "mqtt://broker-b.county.example"), "no broker URL"),
        (("--broker", NEW, "--broker", NEW), "given twice"),
        (("--broker", NEW, "--only", "btn-oil"), "no device id"),
        (("--broker", NEW, "--number", "0"), "--number is 1 to"),
    ],
)
async def test_what_no_button_could_use_is_not_signed(
    bare: Terminal, folder: Path, words: tuple[str, ...], why: str
) -> None:
    key = folder / "command.key"
    SigningKey.generate().save(key)
    sign = ("keys", "sign", "--key", key, "--jurisdiction", "48453", "-o", "out.jws")
    (await bare.run(*sign, *words)).refused(why)
    assert not (folder / "out.jws").exists()


async def test_nothing_is_overwritten_and_a_key_must_be_one(bare: Terminal, folder: Path) -> None:
    sign = ("keys", "sign", "--jurisdiction", "48453", "--broker", NEW, "-o", "out.jws", "--key")
    (await bare.run(*sign, "nowhere.key")).refused("nowhere.key", "No such file")
    (folder / "letter").write_text("Dear Dana")
    (await bare.run(*sign, "letter")).refused("no Ed25519 key")
    SigningKey.generate().save(folder / "command.key")
    (folder / "out.jws").write_text("mine")
    (await bare.run(*sign, "command.key")).refused("out.jws", "File exists")
    assert (folder / "out.jws").read_text() == "mine"


async def test_what_was_not_signed_for_this_deployment_is_not_sent(
    terminal: Terminal, key: Path, folder: Path
) -> None:
    SigningKey.generate().save(folder / "other.key")
    made: dict[str, tuple[str | Path, ...]] = {
        "foreign": ("--key", "other.key", "--jurisdiction", "48453"),
        "elsewhere": ("--key", key, "--jurisdiction", "48201"),
        "stranger": ("--key", key, "--jurisdiction", "48453", "--only", "btn-0123456789"),
        "good": ("--key", key, "--jurisdiction", "48453"),
    }
    for name, words in made.items():
        await terminal.good("keys", "sign", *words, "--broker", NEW, "-o", f"{name}.jws")
    (folder / "letter.jws").write_text("Dear Dana" * 5000)
    for name, why in (
        ("foreign", "this deployment's offline key"),
        ("elsewhere", "no jurisdiction '48201'"),
        ("stranger", "no button of 48453 is btn-0123456789"),
        ("letter", "a signed message has at most"),
        ("nowhere", "No such file"),
    ):
        (await terminal.run("keys", "send", f"{name}.jws")).refused(why)
    assert (await terminal.run("keys", "list", "--json")).read(Keys).sent == []
    (folder / "d" / "server" / "command_keys.json").rename(folder / "gone")
    (await terminal.run("keys", "send", "good.jws")).refused("without an offline key")
