"""What many ask for at the same moment is read once, and never from before they asked."""

import asyncio

import pytest

from tocsin_server.together import Together


class Desk:
    """Readings that end when the test says so; each gives its number."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()
        self.together = Together(self._read)

    async def _read(self) -> int:
        self.begun += 1
        number = self.begun
        await self.may_end.wait()
        if number == 13:
            raise TimeoutError
        return number

    async def asked(self, times: int) -> list[asyncio.Task[int]]:
        tasks = [asyncio.create_task(self.together.read()) for _ in range(times)]
        for _ in range(5):  # turns of the loop until all of them wait
            await asyncio.sleep(0)
        return tasks


async def test_twenty_who_ask_at_once_share_one_reading() -> None:
    desk = Desk()
    asking = await desk.asked(20)
    desk.may_end.set()
    assert await asyncio.gather(*asking) == [1] * 20


async def test_who_asks_while_one_is_under_way_gets_the_next_and_it_waits_for_that_one() -> None:
    desk = Desk()
    first = await desk.asked(1)
    later = await desk.asked(20)
    assert desk.begun == 1
    desk.may_end.set()
    assert await asyncio.gather(*first, *later) == [1] + [2] * 20


async def test_who_gives_up_ends_it_for_nobody_else() -> None:
    desk = Desk()
    gone, stays = await desk.asked(2)
    gone.cancel()
    await asyncio.wait([gone])
    desk.may_end.set()
    assert await stays == 1


async def test_a_reading_that_fails_fails_for_those_who_share_it_and_the_next_one_is_read() -> None:
    desk = Desk()
    desk.begun = 12
    failing = await desk.asked(2)
    desk.may_end.set()
    for each in failing:
        with pytest.raises(TimeoutError):
            await each
    assert await desk.together.read() == 14
