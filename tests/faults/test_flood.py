"""Floods: whatever one device sends, a good press of another is on the screen beside it.

A hundred kinds of rubbish, one press replayed a thousand times, and a device that never stops
pressing. The server stays up, its memory stays flat, the doubtful lane stays readable.
"""

import asyncio
import base64
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

from tests.faults import judge
from tests.faults.flood import write_bodies
from tests.faults.senders import Sender, register, senders
from tests.parts import Screen, Walk
from tocsin_server.alert.doubt import REASONS_MAX
from tocsin_server.demo import example
from tocsin_server.demo.child import Child
from tocsin_wire import messages, topics
from tocsin_wire.messages import Press
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

BODIES = 10_000
REPLAYS = 1_000
NEW_PRESSES = 10_000
BROKER_BYTES_MAX = 16 * 1024  # of one body; what is larger, Mosquitto refuses and hangs up

# What a flood may leave behind in the server: one sender's full inbox (1,000 messages of 16 KiB
# make 16 MiB), as much again in the allocator's half-empty pages, and the odd cache that fills.
GROWTH_KIB_MAX = 40 * 1024

# Each reason a line, and one for all the others.
DOUBTFUL_ROWS_MAX = REASONS_MAX + 1


def rubbish(chance: random.Random, key: SigningKey, device_id: str) -> bytes:
    """One body that no button sends."""
    genuine = key.sign(new_press(device_id, seq=1))
    head, payload, signature = genuine.split(b".")
    noise = chance.randbytes(chance.randrange(40)).hex().encode()
    spot = chance.randrange(len(genuine))
    size = chance.randrange(BROKER_BYTES_MAX)
    return chance.choice(
        [
            chance.randbytes(size % 200),
            chance.randbytes(size),
            b"A" * size,
            b"[" * (size % 8000),
            genuine[:spot],
            genuine[:spot] + chance.randbytes(1) + genuine[spot + 1 :],
            b".".join([noise, payload, signature]),
            b".".join([base64.urlsafe_b64encode(noise), payload, signature]),
            b".".join([head, noise, signature]),
            messages.encode(new_press(device_id, seq=1)),
            SigningKey.generate().sign(new_press(device_id, seq=1)),
        ]
    )


def new_press(device_id: str, *, seq: int) -> Press:
    return Press(
        press_id=messages.new_id(),
        device_id=device_id,
        kind="duress",
        boot_id=uuid4(),
        seq=seq,
        age_exact=True,
    )


def rss_kib(pid: int) -> int:
    """Resident memory (proc(5), VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ValueError(f"{pid} has no VmRSS")


async def settled(screen: Screen, sender: Sender) -> None:
    """The server has worked off all that came before: a last press of another device is through."""
    sender.press()
    await sender.until_receipted()
    await screen.until_alert(lambda alert: alert.device_id == sender.device_id)


@asynccontextmanager
async def flooding(
    walk: Walk, folder: Path, bodies: Sequence[bytes], *, per_second: int = 0
) -> AsyncIterator[Child]:
    """A process that sends all of this, as fast as it can or evenly; its end is waited for."""
    topic = topics.topic(example.JURISDICTION, folder.name, Leaf.PRESS)
    file = write_bodies(folder / "bodies", bodies)
    command: list[str | Path] = [sys.executable, "-m", "tests.faults.flood"]
    root = Path(__file__).parents[2]
    child = Child.start(
        "the flood",
        [*command, walk.broker.url, folder, topic, file, str(per_second)],
        log=folder / "flood.log",
        cwd=root,
        environment={"PYTHONPATH": str(root)},
    )
    try:
        yield child
        async with asyncio.timeout(120):
            assert await child.exited() == 0, child.last_words()
    finally:
        await child.kill()


async def latencies_ms(
    screen: Screen, good: Sender, *, until: Child | None, count: int
) -> list[float]:
    """Press, look at the screen, take it, press again: how long each took to be seen."""
    took: list[float] = []
    while len(took) < count or (until is not None and until.running):
        known = set(screen.alerts)
        began = time.monotonic()
        good.press()
        alert = await screen.until_alert(
            lambda alert: alert.alert_id not in known and alert.device_id == good.device_id  # noqa: B023
        )
        took.append((time.monotonic() - began) * 1000)
        await good.until_receipted()
        assert (await screen.acknowledge(alert)).status == 200
        await asyncio.sleep(0.02)
    return took


def last_line(folder: Path) -> str:
    """What the flood of this device came to."""
    return (folder / "flood.log").read_text().strip().splitlines()[-1]


def compare(name: str, quiet: list[float], loud: list[float]) -> str:
    ratio = median(loud) / median(quiet)
    return (
        f"{name}: while it lasts a good press is on the screen in {median(loud):.1f} ms (worst"
        f" {max(loud):.0f}, {len(loud)} of them); without the flood in {median(quiet):.1f} ms"
        f" (worst {max(quiet):.0f}): {ratio:.1f} times"
    )


async def test_ten_thousand_random_bodies_beside_good_presses(walk: Walk) -> None:
    chance = judge.seeded("random bodies")
    folders = await register(walk, 3)
    screen = await walk.screen()
    mad = folders[0]
    key = SigningKey.load(mad / "press.key")
    bodies = [rubbish(chance, key, mad.name) for _ in range(BODIES)]
    async with senders(walk, folders[1:]) as (good, last):
        quiet = await latencies_ms(screen, good, until=None, count=20)
        # The first tenth is for everything that fills once: pools, caches, interned reasons.
        async with flooding(walk, mad, bodies[: BODIES // 10]):
            pass
        await settled(screen, last)
        before = rss_kib(walk.server.pid)
        frames_before = len(screen.frames)
        began = time.monotonic()
        async with flooding(walk, mad, bodies) as flood:
            loud = await latencies_ms(screen, good, until=flood, count=10)
        await settled(screen, last)
        took_s = time.monotonic() - began
        grown = rss_kib(walk.server.pid) - before
        doubtful = [each for each in screen.doubtful.values() if each.device_id == mad.name]
        frames = sum(frame.type == "doubtful" for frame in screen.frames[frames_before:])
        print(compare("random bodies", quiet, loud))
        print(
            f"random bodies: {last_line(mad)}; the server grew by"
            f" {grown} KiB from {before}; {len(doubtful)} doubtful rows, {frames} frames of them"
            f" in {took_s:.1f} s"
        )
        assert grown < GROWTH_KIB_MAX
        assert len(doubtful) <= DOUBTFUL_ROWS_MAX
        # What came faster than it can be looked at was left with the broker or not looked at.
        assert sum(each.times for each in doubtful) >= BODIES * 0.1
        # Four turns a second, each row once in each; and a turn at the end.
        assert frames <= (took_s * 4 + 2) * DOUBTFUL_ROWS_MAX


async def test_a_thousand_replays_of_one_press_are_one_press(walk: Walk) -> None:
    folders = await register(walk, 2)
    screen = await walk.screen()
    async with senders(walk, folders) as (replayed, good):
        press_id = replayed.press()
        await replayed.until_receipted()
        quiet = await latencies_ms(screen, good, until=None, count=20)
        before = rss_kib(walk.server.pid)
        body = replayed.key.sign(
            Press(press_id=press_id, device_id=replayed.device_id, kind="duress", age_ms=5)
        )
        await replayed.stop()  # the flood has its name at the broker now
        async with flooding(walk, replayed.folder, [body] * REPLAYS) as flood:
            loud = await latencies_ms(screen, good, until=flood, count=10)
        await settled(screen, good)
        print(compare("replays", quiet, loud or quiet))
        print(f"replays: the server grew by {rss_kib(walk.server.pid) - before} KiB")
    records = await judge.read_records(screen)
    (record,) = [each for each in records.values() if each.alert.device_id == replayed.device_id]
    assert [press.press_id for press in record.presses] == [str(press_id)]
    assert record.alert.presses == 1
    assert not record.named("pressed_again")
    assert rss_kib(walk.server.pid) - before < GROWTH_KIB_MAX


async def test_a_device_that_never_stops_pressing_does_not_delay_another(walk: Walk) -> None:
    """Its presses are genuine and new: each is stored, or left to its button to send again."""
    folders = await register(walk, 3)
    screen = await walk.screen()
    mad = folders[0]
    key = SigningKey.load(mad / "press.key")
    boot = uuid4()
    bodies = [
        key.sign(
            Press(
                press_id=messages.new_id(),
                device_id=mad.name,
                kind="duress",
                boot_id=boot,
                seq=n,
                age_exact=True,
            )
        )
        for n in range(1, NEW_PRESSES + 1)
    ]
    async with senders(walk, folders[1:]) as (good, last):
        quiet = await latencies_ms(screen, good, until=None, count=20)
        async with flooding(walk, mad, bodies[: NEW_PRESSES // 10]):
            pass
        await settled(screen, last)
        before = rss_kib(walk.server.pid)
        began = time.monotonic()
        async with flooding(walk, mad, bodies, per_second=2000) as flood:
            loud = await latencies_ms(screen, good, until=flood, count=10)
        await settled(screen, last)
        grown = rss_kib(walk.server.pid) - before
        alerts = [alert for alert in screen.alerts.values() if alert.device_id == mad.name]
        print(compare("new presses", quiet, loud))
        print(
            f"new presses: {last_line(mad)}; the server grew by {grown}"
            f" KiB from {before}; {alerts[0].presses} are shown on {len(alerts)} alert, after"
            f" {time.monotonic() - began:.1f} s; {len(screen.held)} held"
        )
    assert len(alerts) == 1
    assert 0 < alerts[0].presses <= NEW_PRESSES
    assert grown < GROWTH_KIB_MAX
    assert not [each for each in screen.doubtful.values() if each.device_id == mad.name]
