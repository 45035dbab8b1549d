"""What is measured of the page, and the limits that it keeps (issue 6, "done when")."""

from playwright.async_api import expect

from tests.browser.desk import SHOWN_MS
from tests.console_bench.crowd import CARDS, Crowd
from tests.console_bench.tasks import Tasks, traced
from tocsin_server.bench.figures import Judged, percentile
from tocsin_server.bench.stand import Say

FIRST_LOAD_KB_MAX = 400.0
PAINTED_MS_MAX = 150.0
TASK_MS_MAX = 100.0
FRAMES_MIN = 59.0  # of 60: a clock that ticks a little late is no hitch
GROWTH_MB_MAX = 1.0  # flat, but for what the engine itself keeps of code that has run warm
OF_THE_MAP = ("/vendor/leaflet/", "/vendor/topojson/", "/vendor/us_atlas/", "/console/map.js")

PRESSES_A_ROUND = 20  # then all are resolved, so that never many more are open than was asked for
SCROLL_PX = 15_000
SCROLL_PX_A_S = 3_000


async def first_load(crowd: Crowd) -> list[Judged]:
    """Everything that the page asks for, but for the map, which comes last."""
    await expect(crowd.page.locator("[data-testid=map] .pin")).not_to_have_count(
        0, timeout=SHOWN_MS
    )
    of_the_list = [
        request
        for request in crowd.desk.requests
        if not any(part in request.url for part in OF_THE_MAP) and await request.response()
    ]
    sizes = [(await request.sizes())["responseBodySize"] for request in of_the_list]
    return [_most("first load, without the map", sum(sizes) / 1e3, FIRST_LOAD_KB_MAX, "kB")]


async def painting(crowd: Crowd, *, open_before: int, presses: int) -> list[Judged]:
    """From a press until the page has painted it, while others are open."""
    took_ms: list[float] = []
    while len(took_ms) < presses:
        await crowd.press(open_before)
        buttons = range(open_before, open_before + min(PRESSES_A_ROUND, presses - len(took_ms)))
        for button in buttons:
            sent, painted_s = await crowd.press_one(button)
            took_ms.append(1000 * (painted_s - sent.began_wall_s))
        await crowd.resolve_all()
    return [
        _most(
            f"press → painted, {open_before} open, p{percent}",
            percentile(took_ms, percent),
            PAINTED_MS_MAX,
            "ms",
        )
        for percent in (50, 99)
    ]


async def storm(crowd: Crowd, *, alerts: int) -> list[Judged]:
    """All at once: while they come and people are told, as the page is opened, and as they go."""
    browser = crowd.page.context.browser
    assert browser is not None
    async with traced(browser) as coming:
        await crowd.press(alerts)
        told = crowd.page.locator(f"{CARDS} [data-testid=told]")
        await expect(told).to_have_count(alerts, timeout=SHOWN_MS)
    frames = await crowd.frames_while_scrolling(SCROLL_PX, SCROLL_PX_A_S)
    async with traced(browser) as opening:
        await crowd.open_page()
        await crowd.until_cards(alerts)
    async with traced(browser) as going:
        await crowd.resolve_all()
    judged = [
        *_tasks(f"{alerts} at once", coming),
        *_tasks(f"{alerts} open, page opened", opening),
        *_tasks(f"{alerts} resolved", going),
    ]
    what = f"{alerts} open, scrolling: frames a second"
    frames_min = Judged(what=what, got=frames, limit=FRAMES_MIN, unit="", at_least=True)
    return [*judged, frames_min]


def _tasks(what: str, tasks: Tasks) -> list[Judged]:
    return [
        _most(f"{what}: longest task", tasks.longest_ms, TASK_MS_MAX, "ms"),
        _most(f"{what}: of the processor", tasks.most_processor_ms, TASK_MS_MAX, "ms"),
    ]


async def memory(crowd: Crowd, *, alerts: int, at_once: int, say: Say) -> list[Judged]:
    """As many alerts as come and go in a shift of eight hours, or more, so many at a time.

    The first half warms the page up: what it remembers of alerts that are over has its limit, too.
    """
    cycles = alerts // at_once
    heaps_mb = []
    for cycle in range(cycles):
        await crowd.press(at_once)
        await crowd.resolve_all()
        if cycle in {cycles // 2, cycles - 1}:
            heaps_mb.append(await crowd.heap_mb())
            say(f"after {(cycle + 1) * at_once} alerts the page holds {heaps_mb[-1]:.1f} MB")
    grown_mb = heaps_mb[-1] - heaps_mb[0]
    what = f"memory, after {alerts} alerts against half of them"
    return [_most(what, grown_mb, GROWTH_MB_MAX, "MB")]


def _most(what: str, got: float, limit: float, unit: str) -> Judged:
    return Judged(what=what, got=got, limit=limit, unit=unit)
