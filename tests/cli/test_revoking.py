"""Taking a button out from a terminal: what is done, what holds where, and what to do else."""

import msgspec

from tests.cli.terminal import Terminal
from tests.parts import Database
from tocsin_server.fleet.following import Following, record_following

ID = "btn-0123456789"


class Broker(msgspec.Struct):
    name: str
    number: int
    in_force: bool


class Brokers(msgspec.Struct):
    number: int | None
    brokers: list[Broker]


class Revoked(msgspec.Struct):
    device_id: str
    fresh: bool
    revoked_by: str
    revoked_because: str
    in_force: bool
    remarks: list[str]


class DeviceLine(msgspec.Struct):
    device_id: str
    state: str


class Devices(msgspec.Struct):
    devices: list[DeviceLine]


async def test_a_button_is_revoked_once_and_without_a_server_that_is_said(
    terminal: Terminal,
) -> None:
    await terminal.good("device", "add", "--id", ID)
    words = ("device", "revoke", ID, "--because", "stolen", "--by", "Sam Novak", "--json")
    view = (await terminal.run(*words)).read(Revoked)
    assert (view.fresh, view.revoked_by, view.in_force) == (True, "Sam Novak", False)
    assert "NO BROKER KNOWS OF IT YET" in view.remarks[0]
    assert "tocsin serve" in view.remarks[0]
    (listed,) = (await terminal.run("device", "list", "--json")).read(Devices).devices
    assert listed.state == "revoked"


async def test_a_button_with_no_certificate_on_record_is_revoked_once(
    terminal: Terminal, database: Database
) -> None:
    await terminal.good("device", "add", "--id", ID)
    async with database.connected() as connection:
        await connection.execute("DELETE FROM certificate")
    said = await terminal.good("device", "revoke", ID, "--because", "lost", "--by", "Sam Novak")
    assert said.startswith(f"{ID} is revoked")
    assert "by hand" in said
    said = await terminal.good("device", "revoke", ID, "--because", "stolen")
    assert f"{ID} was revoked before" in said
    assert "by Sam Novak (lost): nothing is changed" in said
    (await terminal.run("device", "add", "--id", ID)).refused("exists already")


async def test_what_cannot_be_revoked_is_said(terminal: Terminal) -> None:
    (await terminal.run("device", "revoke", ID, "--because", "lost")).refused("no button", ID)
    (await terminal.run("device", "revoke", ID)).not_understood("--because")
    bored = await terminal.run("device", "revoke", ID, "--because", "bored")
    bored.not_understood("compromised")


async def test_brokers_are_listed_and_forgotten(terminal: Terminal, database: Database) -> None:
    assert "no broker was heard yet" in await terminal.good("broker", "list")
    async with database.pool() as pool:
        await record_following(pool, Following(broker="broker-b", number=7))
    assert "broker-b" in await terminal.good("broker", "list")
    listed = (await terminal.run("broker", "list", "--json")).read(Brokers)
    assert listed.brokers == [Broker(name="broker-b", number=7, in_force=False)]
    await terminal.good("broker", "forget", "broker-b")
    (await terminal.run("broker", "forget", "broker-b")).refused("broker-b", "tocsin broker list")


async def test_a_follower_says_what_it_lacks(bare: Terminal, deployed: Terminal) -> None:
    folder = deployed.folder / "d" / "broker"
    server = ("--server", "http://127.0.0.1:9")
    (await bare.run("broker", "follow", folder)).not_understood("--server")
    (await bare.run("broker", "follow", *server, "nowhere")).refused("broker.crt")
    for bad in ("nonsense", "ftp://here", "http://"):
        (await bare.run("broker", "follow", "--server", bad, folder)).not_understood("is no URL")
    (await bare.run("broker", "follow", *server, "--name", "a b", folder)).not_understood("no name")
    (folder / "broker.key").unlink()
    (await bare.run("broker", "follow", *server, folder)).refused("broker.key")
