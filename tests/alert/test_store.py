"""What is committed together stands in nobody's way."""

import asyncio

import msgspec

from tests.alert.presses import Said, press, store
from tests.offices import add_button, open_office
from tocsin_server.storage.database import Database as Replica

BUTTONS = 40


async def test_two_replicas_that_refine_old_presses_beside_new_ones_do_not_deadlock(
    replica: Replica,
) -> None:
    """Each has new presses of one half of the buttons, and late attempts of the other half's."""
    office = await open_office(replica.pool)
    buttons = [
        await add_button(replica.pool, jurisdiction=office.jurisdiction, place_id=office.place_id)
        for _ in range(BUTTONS)
    ]
    first = [Said(device_id=button) for button in buttons]
    await store(replica.pool, office, *first)
    for turn in range(1, 6):
        await asyncio.gather(
            *(
                store(
                    replica.pool,
                    office,
                    *[Said(device_id=button) for button in buttons[half::2]],
                    *[
                        msgspec.structs.replace(said, attempt=turn + 1, age_ms=turn * 10_000 + half)
                        for said in first[1 - half :: 2]
                    ],
                )
                for half in (0, 1)
            )
        )
    presses = await replica.pool.fetch("SELECT presses FROM alert")
    assert [row["presses"] for row in presses] == [6] * BUTTONS


async def test_a_later_attempt_makes_a_press_earlier_and_never_later(replica: Replica) -> None:
    office = await open_office(replica.pool)
    said = Said(device_id=office.device_id)
    await store(replica.pool, office, said)
    query = "SELECT a.received_at - a.pressed_at FROM alert a"
    for attempt, age_ms in ((2, 5_000), (3, 100), (2, 5_000)):
        again = msgspec.structs.replace(said, attempt=attempt, age_ms=age_ms)
        await store(replica.pool, office, again)
        assert (await replica.pool.fetchval(query)).total_seconds() > 4
    assert await press(replica.pool, office) == [
        await replica.pool.fetchval("SELECT alert_id FROM alert")
    ]
