"""Where no screen is open, what can't be verified goes to the phones at once."""

from tests.parts import DANA, LUIS, MAYA, Walk
from tests.walk.house import Sender, told


async def test_an_unverified_press_is_told_at_once_where_no_screen_is_watching(
    walk: Walk,
) -> None:
    button = await walk.button()
    await button.stop()
    sender = Sender(button.folder, walk.deployment.broker_port)
    await sender.connect()
    await sender.send_raw(b"nonsense")
    await sender.send_raw(b"x" * 13_000)
    for person in (DANA, LUIS):
        text = await walk.phone(person).until_received("TOCSIN UNVERIFIED")
        assert button.device_id in text.body
        assert "call the site" in text.body
    await sender.send(sender.press())
    for person in (DANA, LUIS):
        await walk.phone(person).until_received("TOCSIN: DURESS")
        assert len(told(walk.phone(person), "UNVERIFIED")) == 1
    assert told(walk.phone(MAYA), "") == []
    await sender.leave()
