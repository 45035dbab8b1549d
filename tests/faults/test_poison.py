"""One message in a batch that the database refuses: the others don't wait for it.

What verifies is also tidy, so no body that a button can sign is refused: a hand in the database
has to make it so.
"""

import asyncio

from tests.faults import judge
from tests.faults.senders import register, senders
from tests.parts import Walk

GOOD = 12


async def poison(walk: Walk, device_id: str) -> None:
    """What this button sends is refused from now on."""
    async with walk.database.connected() as connection:
        await connection.execute(
            f"ALTER TABLE press ADD CHECK (device_id <> '{device_id}')"  # a name, from here
        )


async def test_a_press_that_cannot_be_stored_is_doubtful_and_holds_up_no_other(walk: Walk) -> None:
    folders = await register(walk, GOOD + 1)
    screen = await walk.screen()
    async with senders(walk, folders) as every:
        bad, *good = sorted(every, key=lambda sender: sender.device_id)
        await poison(walk, bad.device_id)
        walk.server.pause()
        for sender in every:
            sender.press()
        walk.server.resume()  # and finds all of them together
        await asyncio.gather(*[sender.until_receipted() for sender in good])
        await screen.until(
            lambda screen: any(
                doubt.device_id == bad.device_id and "can't be stored" in doubt.reason
                for doubt in screen.doubtful.values()
            )
        )
        assert bad.unreceipted == bad.made, "a receipt for what is not stored"
    records = await judge.read_records(screen)
    made = {sender.device_id: [str(press_id) for press_id in sender.made] for sender in good}
    judge.assert_each_press_once(records, made)
    assert {doubt.device_id for doubt in screen.doubtful.values()} == {bad.device_id}
    assert not screen.held
