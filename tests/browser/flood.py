"""Hundreds of alerts by two buttons: each press is of its own kind, and so an alert of its own."""

import asyncio
from collections.abc import Sequence

from tests.parts import Alert
from tests.walk.house import AT_A_TIME, House, Sender
from tocsin_server.demo import example

MANY = 500
CARD = "article[data-alert-id]"


async def flood(house: House, many: int = MANY) -> Sender:
    """Have so many more alerts opened at two sites; gives one of the buttons."""
    one, other = await house.sender(), await house.sender(site=example.CARVER)
    halves = [[f"kind {n}" for n in range(k, many, 2)] for k in range(2)]
    await asyncio.gather(_send(house, one, halves[0]), _send(house, other, halves[1]))
    return one


async def opened(house: House, sender: Sender, kind: str = "duress") -> Alert:
    """Press, and give the alert."""
    await sender.send(sender.press(kind=kind))
    return await house.alert_of(sender.device_id, lambda alert: alert.kind == kind)


async def _send(house: House, sender: Sender, kinds: Sequence[str]) -> None:
    """One press of each kind, a few at a time: of one button that floods it, the server drops."""
    for first in range(0, len(kinds), AT_A_TIME):
        few = kinds[first : first + AT_A_TIME]
        for kind in few[:-1]:
            await sender.send(sender.press(kind=kind))
        await opened(house, sender, few[-1])
