"""From a code to an armed button, with every part real; and what was cut off on the way."""

import shutil
from pathlib import Path

import msgspec

from tests.claims.board import Board
from tests.parts import DANA, MAYA, SAM, Screen, Walk, until_known
from tocsin_server.demo.virtual_button import VirtualButton

WHOLE = {
    "button.toml": 0o644,
    "ca.crt": 0o644,
    "client.crt": 0o644,
    "client.key": 0o600,
    "command_keys.json": 0o644,
    "press.key": 0o600,
    "receipt_keys.json": 0o644,
}


class Made(msgspec.Struct, frozen=True):
    claim_id: str
    code: str
    command: str
    claim_file: str


class Device(msgspec.Struct, frozen=True):
    device_id: str
    state: str
    health: list[str]
    last_proven_at: str | None
    last_proven_by: str | None


class Devices(msgspec.Struct, frozen=True):
    devices: list[Device]


async def new_code(screen: Screen, **where: object) -> Made:
    """A code from the console of somebody who keeps the buttons."""
    answer = await screen.post("claims", where)
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body, type=Made)


async def a_site(screen: Screen) -> str:
    answer = await screen.get("sites")
    sites = msgspec.json.decode(answer.body, type=dict[str, list[dict[str, object]]])["sites"]
    return str(sites[0]["site_id"])


async def device_of(screen: Screen, device_id: str) -> Device:
    devices = msgspec.json.decode((await screen.get("devices")).body, type=Devices).devices
    return next(device for device in devices if device.device_id == device_id)


async def test_a_board_becomes_a_button_by_a_code_and_is_armed_once_somebody_has_answered_it(
    walk: Walk, folder: Path
) -> None:
    sam, dana = await walk.screen(email=SAM.email), await walk.screen(email=DANA.email)
    made = await new_code(sam, site_id=await a_site(sam), room="Gymnasium", spot="Table 3")
    assert made.command.endswith(f"tocsin-button claim {made.code} --server {walk.server.url}")

    board = Board(folder / "b")
    said = await board.claim(made.code.lower().replace("-", " "), "--server", walk.server.url)
    assert (said.code, said.err) == (0, ""), said
    assert "Gymnasium, Table 3" in said.out
    assert board.files() == WHOLE

    button = VirtualButton(board.folder)
    assert button.device_id in said.out
    await until_known(walk.server, {button.device_id})
    device = await device_of(sam, button.device_id)
    assert (device.state, device.last_proven_at) == ("never_heard", None)
    try:
        await button.start()
        await button.until_connected()
        await button.until(lambda state: state.drill)
        await button.press()
        alert = await dana.until_alert()
        assert (alert.device_id, alert.drill) == (button.device_id, True)
        assert (alert.place.room, alert.place.spot) == ("Gymnasium", "Table 3")
        await button.until_lamp("stored")
        assert (await dana.acknowledge(alert)).status == 200
        await button.until_lamp("acknowledged")
        told = [sms.body for person in (DANA, MAYA) for sms in walk.phone(person).received]
        assert told == []
        await dana.until_device(
            button.device_id, lambda device: device.last_proven_by == "Dana Ortiz"
        )
    finally:
        await button.stop()


async def test_a_copied_card_is_shown_as_a_clone_within_a_minute(walk: Walk, folder: Path) -> None:
    sam = await walk.screen(email=SAM.email)
    board = Board(folder / "b")
    said = await board.claim((await new_code(sam)).code, "--server", walk.server.url)
    assert said.code == 0, said
    shutil.copytree(board.folder, folder / "copy")
    one, other = VirtualButton(board.folder), VirtualButton(folder / "copy")
    await until_known(walk.server, {one.device_id})
    try:
        await one.start()
        await one.until_connected()
        await other.start()

        def shown_as_clone(screen: Screen) -> bool:
            device = screen.devices.get(one.device_id)
            return device is not None and any("Two boards" in line for line in device.health)

        await sam.until(shown_as_clone, timeout_s=60.0)
    finally:
        await other.stop()
        await one.stop()
