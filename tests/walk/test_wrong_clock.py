"""A button whose clock is wrong is a button like any other."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from tests import parts
from tests.parts import Screen, Walk
from tests.stepped_clock import SteppedClock
from tocsin_server.demo import example
from tocsin_server.demo.virtual_button import ButtonState, VirtualButton

AGE_S_MAX = 10.0


@pytest.fixture
def clock(folder: Path) -> SteppedClock:
    return SteppedClock(folder / "clock")


async def button_with(walk: Walk, clock: SteppedClock) -> VirtualButton:
    """A button that the server knows, and that goes by this clock; not started."""
    button, public_key = walk.deployment.new_button()
    button.environment = clock.environment
    async with walk.database.pool() as pool:
        await example.add_button(pool, device_id=button.device_id, public_key=public_key)
    await parts.until_known(walk.server, {button.device_id})
    return button


async def test_a_button_that_takes_today_for_1970_or_2040_connects_presses_and_is_receipted(
    walk: Walk, screen: Screen, clock: SteppedClock
) -> None:
    button = await button_with(walk, clock)
    # No time server is reached, or one that is wrong.
    for year, synced in ((1970, False), (1970, True), (2040, False), (2040, True)):
        clock.say(datetime(year, 1, 1, 12, tzinfo=UTC), synced=synced)
        await button.start()
        try:
            await button.until_connected()
            pressed = await button.press()
            await button.until_lamp("stored")
            alert = await screen.until_alert(lambda alert: alert.state == "open")
            assert 0 <= screen.age_s(alert) < AGE_S_MAX, (year, synced)
            assert any("clock is wrong" in remark for remark in alert.remarks), alert.remarks
            assert (await screen.acknowledge(alert)).status == 200
            assert (await screen.resolve(alert)).status == 200
            await button.until(partial(_is_over, pressed.press_id))
            if year == 2040 and synced:
                # Its certificate is over by its own clock, and is not by the server's.
                await button.until(lambda state: state.armed)
        finally:
            await button.stop()


def _is_over(press_id: str, state: ButtonState) -> bool:
    return all(each.press_id != press_id for each in state.open)
