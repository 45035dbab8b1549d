"""Press → frame, one press at a time, on an idle server: the product against the floor.

Promise: blocks of the floor and of the product take turns in one run, so that whatever else the
machine does weighs on both. Both begin before the press is signed and end when a frame of it has
come. A product press always opens a new alert, the longest way there is: every button presses once
in a block, and all alerts are resolved between blocks, outside the measurement. The next press
waits until nothing about the one before has moved for a while: receipts, pages, delivery reports.

Refused: leaving a slow press out. Only the first presses after the start, which warm both up, are
told apart.
"""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import asyncpg
import msgspec

from tocsin_server.bench.errors import BenchFailed
from tocsin_server.bench.figures import Ratios, Spread, ratios, spread
from tocsin_server.bench.machine import Others
from tocsin_server.bench.publisher import Lane, Sent
from tocsin_server.bench.screen import FRAME_S_MAX, Screen
from tocsin_server.bench.stand import Say, Stand

WARM_UP_PRESSES = 20

_STORED: dict[Lane, str] = {
    "floor": "SELECT press_id, stored_at FROM press WHERE press_id = ANY ($1)",
    "product": "SELECT press_id, alert.stored_at FROM press JOIN alert USING (alert_id)"
    " WHERE press_id = ANY ($1)",
}


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """How long one press took, in milliseconds, as a whole and by stages."""

    whole: float
    signed_and_sent: float
    sent_to_written: float  # broker, verification, and the row is written
    written_to_frame: float  # commit with its fsync, and the frame
    receipted: float | None


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the way, for both."""

    name: str
    floor: Spread
    product: Spread


class FloorStage(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the floor's way, finer: the floor says when it did what."""

    name: str
    floor: Spread


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about single presses."""

    blocks: int
    presses: int
    quiet_ms: float
    floor: Spread
    product: Spread
    ratios: Ratios
    stages: tuple[Stage, ...]
    floor_stages: tuple[FloorStage, ...]
    receipt: Spread
    others: float  # their share of the machine meanwhile
    first_press_ms: float  # of the product, right after its start


async def measure(stand: Stand, *, blocks: int, presses: int, quiet_s: float, say: Say) -> Idle:
    """Take turns: the floor first in one pair of blocks, the product first in the next."""
    await stand.publisher.connect(presses)
    first = await block(stand, "product", presses=1, quiet_s=quiet_s)
    await block(stand, "floor", presses=min(presses, WARM_UP_PRESSES), quiet_s=quiet_s)
    await block(stand, "product", presses=min(presses, WARM_UP_PRESSES), quiet_s=quiet_s)
    stand.floor_screen.frames.clear()
    others = Others()
    floor: list[list[Taken]] = []
    product: list[list[Taken]] = []
    for n in range(blocks):
        turns: list[tuple[Lane, list[list[Taken]]]] = [("floor", floor), ("product", product)]
        for lane, taken in turns if n % 2 == 0 else reversed(turns):
            taken.append(await block(stand, lane, presses=presses, quiet_s=quiet_s))
        say(
            f"block {n + 1} of {blocks}: floor {_median(floor[-1]):.2f} ms,"
            f" product {_median(product[-1]):.2f} ms"
        )
    return _report(
        stand,
        floor,
        product,
        quiet_s=quiet_s,
        first_ms=first[0].whole,
        others=others.share(),
    )


async def block(stand: Stand, lane: Lane, *, presses: int, quiet_s: float) -> list[Taken]:
    """Press so many buttons one after the other. Raises BenchFailed where one isn't shown."""
    screen: Screen = stand.floor_screen if lane == "floor" else stand.screen
    frames_ns: dict[str, int] = {}
    for button in range(presses):
        device_id = stand.devices[button].device_id
        frame = screen.expect(device_id)
        stand.publisher.press(button, lane)
        try:
            async with asyncio.timeout(FRAME_S_MAX):
                frames_ns[device_id] = await frame
        except TimeoutError:
            raise BenchFailed(f"a press was on no screen of the {lane} in time") from None
        await screen.until_quiet(quiet_s)
    account = await stand.publisher.account()
    if account.lost:
        raise BenchFailed(f"the broker dropped {account.lost} buttons")
    pool = stand.floor_pool if lane == "floor" else stand.pool
    stored_s = await _stored_s(pool, lane, account.sent)
    if lane == "product":
        await stand.settle(quiet_s=quiet_s)
    return [
        _taken(sent, frame_ns=frames_ns[sent.device_id], stored_s=stored_s[sent.press_id])
        for sent in account.sent
    ]


async def _stored_s(pool: asyncpg.Pool, lane: Lane, sent: Sequence[Sent]) -> dict[UUID, float]:
    rows = await pool.fetch(_STORED[lane], [one.press_id for one in sent])
    return {row["press_id"]: row["stored_at"].timestamp() for row in rows}


def _taken(sent: Sent, *, frame_ns: int, stored_s: float) -> Taken:
    """Bring the database's clock and the machine's together by the moment the press began."""
    whole = (frame_ns - sent.began_ns) / 1e6
    signed_and_sent = (sent.sent_ns - sent.began_ns) / 1e6
    written = (stored_s - sent.began_wall_s) * 1e3
    return Taken(
        whole=whole,
        signed_and_sent=signed_and_sent,
        sent_to_written=written - signed_and_sent,
        written_to_frame=whole - written,
        receipted=None if sent.receipted_ns is None else (sent.receipted_ns - sent.began_ns) / 1e6,
    )


def _report(
    stand: Stand,
    floor: list[list[Taken]],
    product: list[list[Taken]],
    *,
    quiet_s: float,
    first_ms: float,
    others: float,
) -> Idle:
    def both(name: str, pick: Callable[[Taken], float]) -> Stage:
        return Stage(name=name, floor=_spread(floor, pick), product=_spread(product, pick))

    frames = stand.floor_screen.frames.values()
    return Idle(
        blocks=len(floor),
        presses=len(floor[0]),
        quiet_ms=quiet_s * 1e3,
        floor=_spread(floor, lambda taken: taken.whole),
        product=_spread(product, lambda taken: taken.whole),
        ratios=ratios(
            [[taken.whole for taken in block] for block in floor],
            [[taken.whole for taken in block] for block in product],
        ),
        stages=(
            both("sign and send", lambda taken: taken.signed_and_sent),
            both("broker, verify, write the row", lambda taken: taken.sent_to_written),
            both("commit with fsync, frame", lambda taken: taken.written_to_frame),
        ),
        floor_stages=(
            FloorStage(
                name="verify",
                floor=spread([(each.verified_ns - each.received_ns) / 1e6 for each in frames]),
            ),
            FloorStage(
                name="insert and commit",
                floor=spread([(each.committed_ns - each.verified_ns) / 1e6 for each in frames]),
            ),
        ),
        receipt=spread(
            [taken.receipted for block in product for taken in block if taken.receipted is not None]
        ),
        others=others,
        first_press_ms=first_ms,
    )


def _spread(blocks: list[list[Taken]], pick: Callable[[Taken], float]) -> Spread:
    return spread([pick(taken) for block in blocks for taken in block])


def _median(block: list[Taken]) -> float:
    return spread([taken.whole for taken in block]).p50_ms
