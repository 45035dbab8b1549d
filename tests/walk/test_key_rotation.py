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

    async def until_all_know() -> Keys:
        """What servers and buttons say of themselves may be on its way into the database."""
        async with asyncio.timeout(WAIT_S):
            while True:
                keys = (await office.run("keys", "list", "--json")).read(Keys)
                known = [each.kid for each in keys.replicas]
                if known == [keys.current] * 2 and not keys.left_behind:
                    return keys

    before = await until_all_know()
    await office.good("keys", "rotate")
    await both_answer()  # both with the key before
    for server in (first, second):
        await server.stop()
        await server.start()
        await both_answer()  # one with each; then both with the new one
    after = await until_all_know()
    assert after.current == before.successor

    await button.kill()
    await button.start()
    await button.until_connected()
    await office.good("keys", "rotate")  # it knows the successor: nobody is left behind
    await first.stop()
    await first.start()
    await receipted(button, without=second)
