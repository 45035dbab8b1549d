"""`tocsin device`: a button is in the folder and in the database, or in neither."""

import tomllib
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from tests.cli.terminal import Terminal
from tests.parts import Database

ID = "btn-0123456789"


class Added(msgspec.Struct):
    device_id: str
    jurisdiction: str
    folder: str
    brokers: list[str]
    site: str | None


class Device(msgspec.Struct):
    device_id: str
    state: str
    condition: str
    site: str | None
    floor: str | None
    room: str | None
    place_confirmed_by: str | None
    last_heard_at: datetime | None


class Devices(msgspec.Struct):
    devices: list[Device]


async def listed(terminal: Terminal) -> list[Device]:
    return (await terminal.run("device", "list", "--json")).read(Devices).devices


def folders(terminal: Terminal) -> list[str]:
    return [each.name for each in (terminal.folder / "d" / "devices").iterdir()]


async def test_a_button_is_made_known_and_placed_at_once(terminal: Terminal, folder: Path) -> None:
    assert "no button yet" in await terminal.good("device", "list")
    await terminal.good("site", "add", "County Clerk")
    said = await terminal.run(
        *("device", "add", "--json", "--site", "County Clerk", "--floor", "1"),
        *("--room", "Front counter", "--confirmed-by", "Sam Novak"),
    )
    added = said.read(Added)
    assert folders(terminal) == [added.device_id]
    file = folder / "d" / "devices" / added.device_id / "button.toml"
    assert added.folder == str(file.parent)
    config = tomllib.loads(file.read_text())
    assert config["device_id"] == added.device_id
    assert config["brokers"] == added.brokers == ["mqtts://127.0.0.1:8883"]
    [device] = await listed(terminal)
    assert (device.site, device.floor, device.room) == ("County Clerk", "1", "Front counter")
    assert (device.place_confirmed_by, device.condition) == ("Sam Novak", "never_heard")
    shown = await terminal.good("device", "list")
    assert "1, Front counter" in shown
    assert "never" in shown


async def test_a_button_is_placed_later_and_says_what_is_to_be_done(terminal: Terminal) -> None:
    await terminal.good("site", "add", "County Clerk")
    out = await terminal.good("device", "add", "--id", ID)
    assert "tocsin-button run" in out
    assert f"tocsin device place {ID}" in out
    assert "on its own machine" in out
    out = await terminal.good("device", "place", ID, "--site", "County Clerk", "--room", "Hall")
    assert "nobody has confirmed it" in out
    [device] = await listed(terminal)
    assert (device.site, device.room, device.place_confirmed_by) == ("County Clerk", "Hall", None)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--id", "btn-oil"), "no device id"),
        (("--broker", "mqtts://elsewhere.example.org:8883"), "isn't good for"),
        (("--broker", "http://127.0.0.1"), "no broker URL"),
        (("--site", "Nowhere"), "tocsin site add"),
        (("--room", "Hall"), "add --site"),
        (("--confirmed-by", "Sam"), "--confirmed-by"),
        (("--site", "County Clerk", "--room", "x" * 201), "200 is the most"),
    ],
)
async def test_a_button_that_can_not_be_leaves_neither_folder_nor_row(
    terminal: Terminal, words: tuple[str, ...], why: str
) -> None:
    if "Nowhere" not in words:
        await terminal.good("site", "add", "County Clerk")
    (await terminal.run("device", "add", *words)).refused(why)
    assert folders(terminal) == []
    assert await listed(terminal) == []


async def test_a_button_the_database_will_not_take_leaves_no_folder(
    terminal: Terminal, database: Database
) -> None:
    async with database.connected() as connection:
        await connection.execute("ALTER TABLE device ADD CHECK (state = 'nobody')")
    (await terminal.run("device", "add")).refused("the database")
    assert folders(terminal) == []


async def test_a_button_whose_id_the_database_knows_leaves_no_folder(
    terminal: Terminal, folder: Path
) -> None:
    await terminal.good("device", "add", "--id", ID)
    (await terminal.run("device", "add", "--id", ID)).refused("exists already")
    (folder / "d" / "devices" / ID).rename(folder / "elsewhere")
    (await terminal.run("device", "add", "--id", ID)).refused("registered before", "anew")
    assert folders(terminal) == []
    assert len(await listed(terminal)) == 1


async def test_a_button_whose_folder_can_not_be_written_is_not_known(
    terminal: Terminal, folder: Path
) -> None:
    (folder / "d" / "server" / "receipt_keys.json").unlink()
    (await terminal.run("device", "add")).refused("receipt_keys.json")
    assert folders(terminal) == []
    assert await listed(terminal) == []


async def test_only_a_known_button_is_placed_and_only_at_a_site(terminal: Terminal) -> None:
    await terminal.good("site", "add", "County Clerk")
    (await terminal.run("device", "place", ID, "--site", "County Clerk")).refused(ID)
    (await terminal.run("device", "place", ID)).not_understood("--site")
    (await terminal.run("device", "place", ID, "--site", "Nowhere")).refused("County Clerk")


async def test_a_button_gets_the_servers_brokers_with_their_sessions_unless_told_otherwise(
    terminal: Terminal, folder: Path
) -> None:
    config = folder / "d" / "tocsin.toml"
    text = config.read_text()
    assert text.count("persistent = false") == 1
    nodes = ["mqtts://127.0.0.1:8883", "mqtts://localhost:8883"]
    cluster = {"url": nodes[0], "other_nodes": nodes[1:], "persistent": True}
    config.write_text(
        text.replace("persistent = false", f'persistent = true\nother_nodes = ["{nodes[1]}"]')
    )
    for options, brokers in (
        ((), [cluster]),
        (("--cluster", nodes[0], "--cluster", nodes[1]), [cluster]),
        (("--broker", nodes[0]), [nodes[0]]),
        (
            ("--broker", "mqtts://[::1]:8883", "--cluster", nodes[0], "--cluster", nodes[1]),
            ["mqtts://[::1]:8883", cluster],
        ),
    ):
        added = (await terminal.run("device", "add", "--json", *options)).read(Added)
        file = Path(added.folder) / "button.toml"
        assert tomllib.loads(file.read_text())["brokers"] == brokers
