"""Fleet: how the server grows with the number of buttons that it supervises.

Promise: every button beats once in 15 s with the wire's own code. The first ones have a
certificate and a connection each, press while the others beat, and are compared with the same
presses on the idle server of the same run. Some fall silent, and a screen has to say so; in the
end all connections are dropped, and opened again at the same moment.

Refused: as many connections as buttons. Supervision goes by topic, so those beyond the certified
share one connection, which an access list of this benchmark alone allows.
"""

import asyncio
import time
from collections.abc import Sequence

import msgspec

from tocsin_server.bench import product
from tocsin_server.bench.errors import BenchFailed
from tocsin_server.bench.figures import Spread, spread
from tocsin_server.bench.machine import Others
from tocsin_server.bench.publisher import LastWord, Reconnected
from tocsin_server.bench.stand import Say, Stand
from tocsin_server.bench.usage import Part
from tocsin_server.demo import example
from tocsin_wire import topics
from tocsin_wire.signing import SigningKey

CERTIFIED_MAX = 2_000  # connections; Mosquitto's configuration takes 4,000
PRESSING = 100  # buttons, each of which presses once in a block
SUPERVISED_S_MAX = 180.0
LOOK_AGAIN_S = 0.5
NOTICED_S_MAX = 120.0
REGISTERED_AT_ONCE = 5_000

_REGISTER = """
WITH places AS (
    SELECT place_id, row_number() OVER (ORDER BY place_id) - 1 AS n, count(*) OVER () AS of
      FROM place
), added AS (
    INSERT INTO device (device_id, jurisdiction, public_key, place_id)
    SELECT d.device_id, $1, d.public_key, p.place_id
      FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY AS d(device_id, public_key, n)
      JOIN places p ON p.n = d.n % p.of
    RETURNING device_id
)
INSERT INTO device_health (device_id) SELECT device_id FROM added
"""
_SUPERVISED = "SELECT count(*) FROM device_health WHERE condition = 'ok'"


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """What it is like with so many buttons."""

    buttons: int
    connected: int
    frame: Spread
    others: float  # their share of the machine meanwhile
    parts: tuple[Part, ...]


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about the supervised. `lost_s`: from the last word to the screen."""

    idle: Size
    sizes: tuple[Size, ...]
    silent: int
    lost_s: float
    reconnected: Reconnected

    @property
    def bytes_per_button(self) -> float:
        """Give by how much the server has grown for each button."""
        first, last = self.idle, self.sizes[-1]
        grown_mb = _server(last).memory_mb - _server(first).memory_mb
        return grown_mb * 1e6 / max(1, last.buttons - first.buttons)


async def measure(
    stand: Stand, *, sizes: Sequence[int], seconds: float, silent: int, quiet_s: float, say: Say
) -> Fleet:
    """Measure the idle server, then every size in rising order."""
    known = min(PRESSING, len(stand.devices), *sizes)
    pressing = max(1, min(known, max(sizes) - silent))  # whoever presses isn't silent
    await stand.publisher.connect(known)
    await _until_supervised(stand, known)
    await product.block(stand, "product", presses=pressing, quiet_s=quiet_s)  # warms it up

    async def press(buttons: int) -> Size:
        connected = min(buttons, len(stand.devices))
        return await _press(
            stand,
            pressing,
            buttons=buttons,
            connected=connected,
            seconds=seconds,
            quiet_s=quiet_s,
        )

    idle = await press(known)
    say(f"idle: press → frame p99 {idle.frame.p99_ms:.2f} ms")
    measured: list[Size] = []
    words: list[LastWord] = []
    for size in sorted(sizes):
        await _register(stand, known=known, size=size)
        known = size
        await stand.publisher.connect(min(size, len(stand.devices)))
        await _until_supervised(stand, size)
        if size == max(sizes):
            words = await stand.publisher.fall_silent(silent)
        measured.append(await press(size))
        say(f"{size} buttons: press → frame p99 {measured[-1].frame.p99_ms:.2f} ms")
    lost_s = await _until_lost(stand, words)
    say(f"{silent} silent buttons were noticed within {lost_s:.1f} s; connecting all again")
    return Fleet(
        idle=idle,
        sizes=tuple(measured),
        silent=silent,
        lost_s=lost_s,
        reconnected=await stand.publisher.reconnect(),
    )


async def _press(
    stand: Stand,
    pressing: int,
    *,
    buttons: int,
    connected: int,
    seconds: float,
    quiet_s: float,
) -> Size:
    """Press one button after the other, in whole blocks, until the time is over."""
    others, meter, until_s = Others(), await stand.meter(), time.monotonic() + seconds
    took: list[float] = []
    while not took or time.monotonic() < until_s:
        block = await product.block(stand, "product", presses=pressing, quiet_s=quiet_s)
        took += [taken.whole for taken in block]
    return Size(
        buttons=buttons,
        connected=connected,
        frame=spread(took),
        others=others.share(),
        parts=meter.read(),
    )


async def _register(stand: Stand, *, known: int, size: int) -> None:
    """Have the server know so many buttons, and have those without a certificate beat."""
    certified = stand.devices[known:size]
    without = size - max(known, len(stand.devices))
    device_ids = [topics.new_device_id() for _ in range(without)]
    new = [(device.device_id, device.public_key) for device in certified]
    new += [(device_id, SigningKey.generate().public.raw) for device_id in device_ids]
    for first in range(0, len(new), REGISTERED_AT_ONCE):
        part = new[first : first + REGISTERED_AT_ONCE]
        await stand.pool.execute(
            _REGISTER,
            example.JURISDICTION,
            [device_id for device_id, _ in part],
            [public_key for _, public_key in part],
        )
    if device_ids:
        await stand.publisher.speak(device_ids, stand.deployment)


async def _until_supervised(stand: Stand, buttons: int) -> None:
    """Wait until the server has heard each of them."""
    try:
        async with asyncio.timeout(SUPERVISED_S_MAX):
            while True:
                if await stand.pool.fetchval(_SUPERVISED) >= buttons:
                    return
                await asyncio.sleep(LOOK_AGAIN_S)
    except TimeoutError:
        heard = await stand.pool.fetchval(_SUPERVISED)
        raise BenchFailed(f"only {heard} of {buttons} buttons were heard in time") from None


async def _until_lost(stand: Stand, words: Sequence[LastWord]) -> float:
    """Wait until a screen says it of each; gives the longest time since a last word."""
    await stand.screen.until_lost([word.device_id for word in words], timeout_s=NOTICED_S_MAX)
    lost_ns = stand.screen.lost_ns
    return max((lost_ns[word.device_id] - word.at_ns for word in words), default=0) / 1e9


def _server(size: Size) -> Part:
    return next(part for part in size.parts if part.name == "server")
