"""SIGKILL between press and receipt: nothing lost, nothing doubled.

Each part is killed several times at random moments and started again. Judged is what people
get: the lamp, the screen, the phones. A second text about the same alert after a crash is the
lesser harm; how many there were is printed, and one for each crash is the most.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from tests.faults import judge
from tests.parts import DANA, LUIS, Alert, Screen, Walk
from tocsin_server.demo.virtual_button import VirtualButton

AGENT_KILLS = 4
WITHIN_S = 0.04  # from press to receipt is a tenth of this to half of it

Act = Callable[[], Awaitable[None]]


def victims(walk: Walk) -> dict[str, tuple[Act, Act]]:
    """How each of them is ended, and started again."""
    postgres = walk.database.postgres

    async def cut_the_power() -> None:
        await asyncio.gather(walk.server.kill(), walk.broker.kill(), postgres.kill())

    async def bring_it_back() -> None:
        await postgres.start()
        await asyncio.gather(walk.broker.start(), walk.server.start())

    return {
        "server": (walk.server.kill, walk.server.start),
        "broker": (walk.broker.kill, walk.broker.start),
        "postgres": (postgres.kill, postgres.start),
        "all": (cut_the_power, bring_it_back),
    }


async def press_and_kill(
    buttons: list[VirtualButton], kill: Act, start: Act, chance: random.Random
) -> tuple[dict[str, list[str]], int]:
    """Press every button once or twice and kill at a random moment of it.

    Gives the presses, and how many of them were without a receipt just after it.
    """
    made: dict[str, list[str]] = {button.device_id: [] for button in buttons}
    caught = 0

    async def push(button: VirtualButton, times: int, after_s: float) -> None:
        await asyncio.sleep(after_s)
        for _ in range(times):
            made[button.device_id].append((await button.press()).press_id)

    async def strike(after_s: float) -> None:
        nonlocal caught
        await asyncio.sleep(after_s)
        await kill()
        for button in buttons:
            caught += sum(press.state == "pressed" for press in (await button.state()).open)
        await start()

    await asyncio.gather(
        strike(chance.uniform(0, WITHIN_S)),
        *[
            push(button, chance.choice([1, 1, 2]), chance.uniform(0, WITHIN_S / 2))
            for button in buttons
        ],
    )
    return made, caught


async def receipted(button: VirtualButton, presses: list[str]) -> None:
    """The lamp's own word for each of them is that the server has it."""

    def all_stored(state_of: dict[str, str]) -> bool:
        return all(state_of.get(press_id) == "stored" for press_id in presses)

    await button.until(
        lambda state: all_stored({press.press_id: press.state for press in state.open}),
        timeout_s=30,
    )
    await button.until_lamp("stored")


async def on_screen(screen: Screen, made: dict[str, list[str]]) -> list[Alert]:
    """One open alert for each button, with all its presses."""

    def open_of(device_id: str) -> list[Alert]:
        return [
            alert
            for alert in screen.alerts.values()
            if alert.device_id == device_id and alert.state == "open"
        ]

    await screen.until(
        lambda _: all(
            [alert.presses for alert in open_of(device)] == [len(presses)]
            for device, presses in made.items()
        )
    )
    return [open_of(device)[0] for device in made]


async def told_and_settled(
    walk: Walk, screen: Screen, buttons: list[VirtualButton], alerts: list[Alert]
) -> None:
    """Tier 1 has each alert on the phone; taken on the console, the lamps say so; it is closed."""
    for alert in alerts:
        for person in (DANA, LUIS):
            await walk.phone(person).until_received(alert.alert_id, timeout_s=30)
        answer = await screen.acknowledge(alert)
        assert answer.json()["won"] is True
    for button in buttons:
        await button.until_lamp("acknowledged")
    for alert in alerts:
        assert (await screen.resolve(alert)).status == 200
    for button in buttons:
        await button.until(lambda state: not state.open, timeout_s=30)
    await screen.until(lambda _: all(screen.alerts[a.alert_id].resolved_at for a in alerts))


def second_texts(walk: Walk, alerts: set[str], *, kills: int) -> int:
    """Everybody of tier 1 was asked; how many texts were one too many, bounded by the kills."""
    extra = 0
    for person in (DANA, LUIS):
        asked = judge.pages(walk.phone(person))
        assert asked.keys() == alerts
        assert max(asked.values()) <= 2, "more than one text too many for one crash"
        extra += sum(asked.values()) - len(asked)
    assert extra <= kills * 2 * 2, "two people, two alerts, one text too many for each crash"
    return extra


@pytest.mark.parametrize(
    ("victim", "rounds"), [("server", 3), ("broker", 3), ("postgres", 3), ("all", 1)]
)
async def test_a_press_survives_the_sudden_end_of_whatever_is_between_it_and_the_dispatcher(
    walk: Walk, victim: str, rounds: int
) -> None:
    chance = judge.seeded(f"kill -9 of {victim}")
    kill, start = victims(walk)[victim]
    buttons = [await walk.button(), await walk.button()]
    screen = await walk.screen()
    every: dict[str, list[str]] = {button.device_id: [] for button in buttons}
    caught = 0
    for _ in range(rounds):
        made, unreceipted = await press_and_kill(buttons, kill, start, chance)
        caught += unreceipted
        for button in buttons:
            every[button.device_id] += made[button.device_id]
            await receipted(button, made[button.device_id])
        alerts = await on_screen(screen, made)
        await told_and_settled(walk, screen, buttons, alerts)

    records = await judge.read_records(screen)
    judge.assert_each_press_once(records, every)
    for record in records.values():
        judge.assert_record_is_complete(record)
    extra = second_texts(walk, set(records), kills=rounds)
    print(
        f"kill -9 of {victim}: {rounds} kills, {sum(map(len, every.values()))} presses, {caught}"
        f" of them without a receipt then, {len(records)} alerts, {extra} second texts"
    )
    assert not screen.doubtful
    assert not screen.held


async def test_a_press_survives_the_sudden_end_of_its_own_agent(walk: Walk) -> None:
    """Half of the time the server is stopped, so that only the outbox knows of the press."""
    chance = judge.seeded("kill -9 of agent")
    button, screen = await walk.button(), await walk.screen()
    made: list[str] = []
    unknown = 0
    for turn in range(AGENT_KILLS):
        await button.until_connected()
        if turn % 2:
            walk.server.pause()
        press_id = (await button.press()).press_id
        await asyncio.sleep(chance.uniform(0, WITHIN_S))
        await button.kill()
        await button.start()
        walk.server.resume()
        made.append(press_id)
        # A press that was on its way before the disk had it is the server's: its button,
        # which lost power within 20 ms of the edge, has nothing to keep.
        knows = [press.press_id for press in (await button.state()).open] == [press_id]
        if knows:
            await receipted(button, [press_id])
        unknown += not knows
        (alert,) = await on_screen(screen, {button.device_id: [press_id]})
        await told_and_settled(walk, screen, [button] if knows else [], [alert])

    records = await judge.read_records(screen)
    judge.assert_each_press_once(records, {button.device_id: made})
    extra = second_texts(walk, set(records), kills=0)
    print(f"kill -9 of agent: {AGENT_KILLS} kills, {unknown} before the disk, {extra} second texts")
