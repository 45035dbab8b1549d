"""One message in a batch that the database refuses: the others don't wait for it.

What verifies is also tidy, so no body that a button can sign is refused. A button whose row was
taken away behind the server's back is the nearest there is: its key is still known in memory.
"""

import asyncio

from tests.faults import judge
from tests.faults.senders import register, senders
from tests.parts import Walk

GOOD = 12


async def take_away(walk: Walk, device_id: str) -> None:
    """As a hand in the database would, without a word to the servers."""
    async with walk.database.connected() as connection, connection.transaction():
        await connection.execute("ALTER TABLE device DISABLE TRIGGER device_changed")
        await connection.execute("DELETE FROM device_health WHERE device_id = $1", device_id)
        await connection.execute("DELETE FROM device WHERE device_id = $1", device_id)


async def test_a_press_that_cannot_be_stored_is_doubtful_and_holds_up_no_other(walk: Walk) -> None:
    folders = await register(walk, GOOD + 1)
    screen = await walk.screen()
    async with senders(walk, folders) as every:
        bad, *good = sorted(every, key=lambda sender: sender.device_id)
        await take_away(walk, bad.device_id)
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
