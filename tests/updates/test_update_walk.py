"""A release that was signed offline, by the real server and the real broker to the real agent."""

import asyncio
from pathlib import Path

from tests.cli.terminal import Terminal
from tests.parts import WAIT_S, Screen, Walk
from tests.updates import wheels
from tocsin_server.cli.update import Buttons
from tocsin_server.demo.virtual_button import VirtualButton

NEXT = "999.0.0"


async def kept_running(button: VirtualButton) -> None:
    """As a service manager does it."""
    while True:
        await button.exited()
        await button.start()


async def test_a_release_signed_offline_comes_to_run_on_a_button_and_its_press_arrives(
    walk: Walk, screen: Screen, button: VirtualButton, folder: Path, built: Path
) -> None:
    going = asyncio.create_task(kept_running(button))
    wheel = wheels.next_release(built, NEXT, to=folder / "x")
    office = Terminal(folder, config=walk.server.config)
    stick = walk.deployment.folder / "ca" / "command.key"
    await office.good("keys", "sign-update", wheel, "--key", stick, "-o", "it.jws")
    await office.good("device", "update", "it.jws", wheel, "--all")
    try:
        async with asyncio.timeout(2 * WAIT_S):
            while True:
                shown = (await office.run("device", "updates", "--json")).read(Buttons).buttons
                if [(each.firmware, each.state) for each in shown] == [(NEXT, "done")]:
                    break
        await screen.until_device(
            button.device_id,
            lambda device: any("which doesn't fit this server's" in line for line in device.health),
        )
        await button.press()
        await button.until_lamp("stored")
        await screen.until_alert(lambda alert: alert.device_id == button.device_id)
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
