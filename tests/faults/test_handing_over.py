"""SIGTERM: a replica leaves new work to the others at once, and finishes what it has begun."""

from tests.parts import DANA, LUIS, Walk
from tocsin_server.demo.phone import Condition


async def test_a_replica_that_is_asked_to_end_takes_no_press_any_more(walk: Walk) -> None:
    """It still has a text on its way: before, it went on storing and receipting meanwhile."""
    button, screen = await walk.button(), await walk.screen()
    walk.phone(DANA).condition = Condition.SLOW
    first = await button.press()
    await walk.phone(LUIS).until_received()
    await walk.phone(DANA).until_asked(1)
    await button.until_lamp("stored")

    walk.server.ask_to_end()
    await screen.until(lambda screen: not screen.live)
    second = await button.press()
    assert await walk.server.exited() == 0
    assert {each.press_id: each.state for each in (await button.state()).open} == {
        first.press_id: "stored",
        second.press_id: "pressed",
    }

    walk.phone(DANA).condition = Condition.ON
    await walk.server.start()
    alert = await screen.until_alert(lambda alert: alert.presses == 2)
    await button.until_lamp("stored")
    await walk.phone(DANA).until_received(f"Reply {alert.code} ")
