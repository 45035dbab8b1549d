"""The key that signs receipts is changed while people press, and no lamp fails to answer."""

import asyncio

from tests.cli.terminal import Terminal
from tests.parts import WAIT_S, Server, Walk
from tocsin_server.cli.keys import Keys
from tocsin_server.demo.virtual_button import ButtonState, VirtualButton


async def receipted(button: VirtualButton, *, without: Server) -> None:
    """A press is stored, by the word of whoever else is there."""
    without.pause()
    try:
        pressed = await button.press()
        await button.until(lambda state: told(state, pressed.press_id) == "stored")
    finally:
        without.resume()


def told(state: ButtonState, press_id: str) -> str | None:
    return next((each.state for each in state.open if each.press_id == press_id), None)


async def test_a_rotation_over_two_servers_leaves_no_press_unanswered(
    walk: Walk, button: VirtualButton
) -> None:
    first, second = walk.server, await walk.another_server()
    office = Terminal(walk.deployment.folder.parent, config=first.config)

    async def both_answer() -> None:
        await receipted(button, without=second)
        await receipted(button, without=first)

    async def look() -> Keys:
        return (await office.run("keys", "list", "--json")).read(Keys)

    before = await look()
    assert [each.kid for each in before.replicas] == [before.current] * 2
    await office.good("keys", "rotate")
    await both_answer()  # both with the key before
    for server in (first, second):
        await server.stop()
        await server.start()
        await both_answer()  # one with each; then both with the new one
    async with asyncio.timeout(WAIT_S):
        while (after := await look()).left_behind:
            pass  # its heartbeat is on its way into the database
    assert after.current == before.successor
    assert [each.kid for each in after.replicas] == [after.current] * 2

    await button.kill()
    await button.start()
    await button.until_connected()
    await office.good("keys", "rotate")  # it knows the successor: nobody is left behind
    await first.stop()
    await first.start()
    await receipted(button, without=second)
