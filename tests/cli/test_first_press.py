"""A real installation, not the demo's: by commands alone, from `tocsin init` to a first press."""

from pathlib import Path

import msgspec
import pytest

from tests.cli.terminal import Terminal
from tests.parts import Screen, Server, running_server
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port
from tocsin_server.demo.virtual_button import VirtualButton

PASSWORD = "four words are enough"
DATABASE = "tocsin_first_press"


class Added(msgspec.Struct):
    device_id: str
    folder: str


@pytest.mark.parametrize("place_at_once", [True, False])
async def test_commands_alone_lead_from_nothing_to_a_press_that_somebody_takes(
    folder: Path, postgres: EmbeddedPostgres, *, place_at_once: bool
) -> None:
    """A county's first evening, told in the order of the README."""
    await postgres.create_database(DATABASE)
    try:
        await _first_evening(folder, postgres.dsn(DATABASE), place_at_once=place_at_once)
    finally:
        await postgres.drop_database(DATABASE)


async def _first_evening(folder: Path, dsn: str, *, place_at_once: bool) -> None:
    port, broker_port = free_port(), free_port()
    home = folder / "tocsin"
    await Terminal(folder).good(
        *("init", home, "--jurisdiction", "48453", "--dsn", dsn),
        *("--broker-name", "127.0.0.1", "--broker-port", str(broker_port)),
        *("--listen", f"127.0.0.1:{port}", "--public-url", f"http://127.0.0.1:{port}"),
    )
    terminal = Terminal(folder, config=home / "tocsin.toml")
    await terminal.good("migrate")
    device = await _people_and_places(terminal, place_at_once=place_at_once)

    broker = Mosquitto(home / "broker", port=broker_port)
    button = VirtualButton(Path(device.folder))
    screen = Screen(f"http://127.0.0.1:{port}", email="dana@example.org", password=PASSWORD)
    await broker.start()
    try:
        async with running_server(Server(home / "tocsin.toml")):
            await button.start()
            await button.until_connected()
            await screen.open()
            await button.press()
            alert = await screen.until_alert()
            assert alert.device_id == device.device_id
            assert (alert.place.site, alert.place.room) == ("County Clerk", "Front counter")
            assert alert.place.responding_agency == "Austin Police Department"
            assert [told.name for told in alert.notifications] in ([], ["Dana Ortiz"])
            await button.until_lamp("stored")
            assert (await screen.acknowledge(alert)).status == 200
            await button.until_lamp("acknowledged")
    finally:
        await screen.close()
        await button.stop()
        await broker.stop()
    assert "1 alerts" in await terminal.good("verify")


async def _people_and_places(terminal: Terminal, *, place_at_once: bool) -> Added:
    await terminal.good(
        *("jurisdiction", "add", "48453", "--name", "Travis County"),
        *("--time-zone", "America/Chicago", "--on-call", "+15125550190"),
    )
    await terminal.good(
        *("person", "add", "Dana Ortiz", "--email", "dana@example.org", "--sign-in"),
        *("--phone", "+15125550111", "--vouch", "--role", "dispatcher"),
        typed=f"{PASSWORD}\n",
    )
    await terminal.good("policy", "set", "--tier", "30:dana@example.org")
    await terminal.good(
        *("site", "add", "County Clerk", "--address", "5501 Airport Blvd, Austin, TX 78751"),
        *("--county", "Travis County", "--fips", "48453", "--state", "TX"),
        *("--agency", "Austin Police Department"),
    )
    place = ("--site", "County Clerk", "--room", "Front counter", "--confirmed-by", "Sam Novak")
    if place_at_once:
        return (await terminal.run("device", "add", "--json", *place)).read(Added)
    device = (await terminal.run("device", "add", "--json")).read(Added)
    await terminal.good("device", "place", device.device_id, *place)
    return device
