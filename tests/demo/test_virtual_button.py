"""Virtual buttons: the real agent, its pins moved and its lamp looked at."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.parts import WAIT_S, Deployment
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.errors import ChildFailed
from tocsin_server.demo.virtual_button import VirtualButton


@pytest.fixture
def virtual_button(deployment: Deployment, broker: Mosquitto) -> VirtualButton:
    """A button of a deployment whose broker runs; nobody is behind the broker."""
    button, _ = deployment.new_button()
    return button


async def test_a_press_moves_the_pins_and_the_lamp_blinks(virtual_button: VirtualButton) -> None:
    await virtual_button.start()
    try:
        await virtual_button.until_connected()
        pressed = await virtual_button.press()
        state = await virtual_button.until_lamp("pressed")
        assert [press.press_id for press in state.open] == [pressed.press_id]
        await virtual_button.until(lambda state: state.lit)
        await virtual_button.until(lambda state: not state.lit)
    finally:
        await virtual_button.stop()


async def test_a_finger_that_stays_down_is_one_press(virtual_button: VirtualButton) -> None:
    await virtual_button.start()
    try:
        await virtual_button.down()
        await virtual_button.down()
        state = await virtual_button.until_lamp("pressed")
        assert len(state.open) == 1
        await virtual_button.up()
    finally:
        await virtual_button.stop()


async def test_a_killed_agent_starts_again(virtual_button: VirtualButton) -> None:
    await virtual_button.start()
    await virtual_button.kill()
    with pytest.raises(ChildFailed, match="doesn't answer"):
        await virtual_button.press()
    await virtual_button.start()
    try:
        await virtual_button.press()
        await virtual_button.until_lamp("pressed")
    finally:
        await virtual_button.stop()


async def test_watching_ends_with_the_agent(virtual_button: VirtualButton) -> None:
    await virtual_button.start()
    states = virtual_button.watch()
    await anext(states)
    await virtual_button.kill()
    async with asyncio.timeout(WAIT_S):
        async for _ in states:  # what it still said before it was killed
            pass
    await virtual_button.stop()


async def test_an_agent_that_cannot_start_says_why(
    deployment: Deployment, virtual_button: VirtualButton
) -> None:
    (virtual_button.folder / "press.key").unlink()
    with pytest.raises(ChildFailed, match=r"press\.key") as failure:
        await virtual_button.start()
    assert "\n" not in str(failure.value)
    assert not virtual_button.running


def test_a_folder_without_a_button_is_one_clear_line(folder: Path) -> None:
    with pytest.raises(ChildFailed, match=r"button\.toml"):
        VirtualButton(folder)


async def test_a_very_deep_folder_is_no_hindrance(folder: Path) -> None:
    deep = folder / ("d" * 100)
    deep.mkdir()
    button, _ = Deployment(deep / "d").new_button()
    await button.start()
    try:
        assert len(os.fsencode(button.folder)) > 107
        assert (await button.state()).pattern
    finally:
        await button.stop()
