"""A wire is cut: the screen knows within a second, by every real part but the wire."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.button.test_agent import NC, NO, wire
from tests.standstill import standstill
from tests.walk.house import House
from tocsin_button import config, materials
from tocsin_button.agent import Agent
from tocsin_button.state_folder import hold_state
from tocsin_server.demo.virtual_button import VirtualButton

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTICED_S_MAX = 1.0
CUT = "The wire to the button is cut or shorted: its contacts disagree."


@asynccontextmanager
async def wired_button(house: House) -> AsyncIterator[VirtualButton]:
    """A button whose single contacts can be moved, heard by the server."""
    button, public_key = house.walk.deployment.new_button()
    await house.register(button.device_id, public_key, room="Vault")
    loaded = config.load(button.config)
    stop = asyncio.Event()
    with hold_state(loaded.state_path):
        run = asyncio.create_task(Agent(loaded, materials.load(loaded)).run(stop))
        try:
            await house.screen.until_device(button.device_id, lambda device: device.state == "ok")
            yield button
        finally:
            stop.set()
            await run


@pytest.mark.parametrize("broken", ["cut", "shorted"])
async def test_contacts_that_disagree_are_on_the_screen_within_a_second(
    house: House, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    async with wired_button(house) as button, standstill() as machine:
        broken_at = time.monotonic()
        if broken == "cut":
            wire(NC).drive_high()
        else:
            wire(NO).drive_low()
        await house.screen.until_device(button.device_id, lambda device: CUT in device.health)
        assert time.monotonic() - broken_at < NOTICED_S_MAX + machine.so_far_s
        # Whether it was a hand or a wire, nobody knows: it is an alert, too.
        assert (await house.alert_of(button.device_id)).kind == "duress"
