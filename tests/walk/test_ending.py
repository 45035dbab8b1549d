"""A replica that is asked to stop ends, whatever its loops are doing at that moment."""

import asyncio

from tocsin_server.app import _end


async def test_a_loop_that_swallows_its_first_cancellation_ends_all_the_same() -> None:
    begun = asyncio.Event()
    swallowed = 0

    async def loop() -> None:
        nonlocal swallowed
        begun.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    task = asyncio.create_task(loop())
    await begun.wait()
    await _end([task])
    assert task.cancelled()
    assert swallowed == 2
