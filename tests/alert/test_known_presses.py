"""A press that another replica has stored is on this one's screens at once, too."""

import asyncpg

from tests.alert.county import County, Server, acknowledge, shown


async def test_a_press_that_another_replica_stored_first_is_shown_without_reading_it_back(
    county: County, server: Server, pool: asyncpg.Pool
) -> None:
    """The database may be gone before this replica has read it; the press is held no more."""
    other = await county.server("server-2")
    (button,) = await county.buttons(pool, 1)
    await server.directory.read()
    await other.directory.read()
    press = button.press()
    async with server.ingesting(), other.ingesting():
        server.press(button, press)
        await server.until_stored(1)
        other.press(button, press)
        await other.until_stored(1)
        (stored,) = server.stored
        assert shown(other, stored.alert_id) == ["open"]

        other.press(button, press)  # again, because its receipt went astray: nothing new to show
        await other.until_stored(2)
        assert shown(other, stored.alert_id) == ["open"]

        await acknowledge(pool, stored.alert_id, county)
        other.press(button, press)
        await other.until_stored(3)
        assert shown(other, stored.alert_id) == ["open", "acknowledged"]
