"""The page's tasks, by Chromium's own trace: how long each took, and its share of the processor.

Where other programs have the machine, a task waits in its middle: what it took then says nothing
of the page, and what it used of the processor does.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser

MAIN_THREAD = "CrRendererMain"
_CONFIG = {"includedCategories": ["toplevel", "__metadata"], "recordMode": "recordAsMuchAsPossible"}

Event = Mapping[str, Any]


class Tasks:
    """What was traced. Milliseconds; 0 where there was nothing."""

    longest_ms = 0.0
    most_processor_ms = 0.0

    def note(self, events: list[Event]) -> None:
        """Keep what is about the page."""
        pages = {
            (event["pid"], event["tid"])
            for event in events
            if event["name"] == "thread_name" and event["args"]["name"] == MAIN_THREAD
        }
        for event in events:
            if "RunTask" in event["name"] and (event["pid"], event["tid"]) in pages:
                self.longest_ms = max(self.longest_ms, event.get("dur", 0) / 1000)
                used = event.get("tdur", 0) / 1000
                self.most_processor_ms = max(self.most_processor_ms, used)


@asynccontextmanager
async def traced(browser: Browser) -> AsyncIterator[Tasks]:
    """Trace while the block lasts; what it gives is filled when it has ended."""
    devtools = await browser.new_browser_cdp_session()
    events: list[Event] = []
    complete = asyncio.Event()
    devtools.on("Tracing.dataCollected", lambda data: events.extend(data["value"]))
    devtools.on("Tracing.tracingComplete", lambda _: complete.set())
    await devtools.send("Tracing.start", {"transferMode": "ReportEvents", "traceConfig": _CONFIG})
    tasks = Tasks()
    yield tasks
    await devtools.send("Tracing.end")
    await complete.wait()
    await devtools.detach()
    tasks.note(events)
