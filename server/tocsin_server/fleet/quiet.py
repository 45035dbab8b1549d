"""Quiet: the sites about whose buttons nobody is called now, because they are worked on or closed.

What is wrong meanwhile is on the screens all the same, and is told when the maintenance ends or
the site opens, if it still is so. A site without opening hours is always open. An alert is never
quiet, nor is what takes a hand to cause (health.py): at a closed site nobody should be there.
"""

import asyncio
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from tocsin_server.errors import Invalid, because
from tocsin_server.fleet.directory import Device, Entries, Maintenance, Site
from tocsin_server.fleet.hours import opens_at, parse_hours

CHUNK = 50  # sites looked at before the loop gets to breathe: two milliseconds

log = structlog.get_logger()


class Quiet:
    """Which sites are quiet, as of the last look."""

    def __init__(self) -> None:
        self._maintained: dict[UUID, Maintenance] = {}
        self._opens: dict[UUID, datetime] = {}  # of the sites that are closed
        self._entries: Entries | None = None
        self._minute: datetime | None = None

    async def look(self, entries: Entries, now: datetime) -> set[UUID]:
        """Look, and name the sites that have become quiet, or loud, since the last look."""
        known = entries.maintenance.items()
        maintained = {site_id: window for site_id, window in known if window.is_on}
        changed = self._maintained.keys() ^ maintained.keys()
        self._maintained = maintained
        minute = now.replace(second=0, microsecond=0)
        if entries is not self._entries or minute != self._minute:
            self._entries, self._minute = entries, minute
            opens = await _closed(entries, now)
            changed |= {site_id for site_id, _ in opens.items() ^ self._opens.items()}
            self._opens = opens
        return changed

    @property
    def closed(self) -> set[UUID]:
        """Name the sites that are closed."""
        return set(self._opens)

    @property
    def sites(self) -> set[UUID]:
        """Name all quiet sites."""
        return {*self._maintained, *self._opens}

    def maintenance_of(self, device: Device) -> Maintenance | None:
        """Give the window in which the site of a button is worked on."""
        return self._maintained.get(device.site.site_id) if device.site is not None else None

    def opens(self, device: Device) -> datetime | None:
        """Say when the site of a button opens; None: it is open."""
        return self._opens.get(device.site.site_id) if device.site is not None else None


async def _closed(entries: Entries, now: datetime) -> dict[UUID, datetime]:
    closed = {}
    for count, site in enumerate(entries.sites.values(), start=1):
        if site.opening_hours is not None:
            opens = _opens(site, entries, now)
            if opens > now:
                closed[site.site_id] = opens
        if count % CHUNK == 0:
            await asyncio.sleep(0)
    return closed


def _opens(site: Site, entries: Entries, now: datetime) -> datetime:
    """Say when a site opens. One whose hours a hand in the database has broken is open."""
    zone = site.time_zone or entries.jurisdictions[site.jurisdiction].time_zone
    try:
        return opens_at(parse_hours(site.opening_hours or ""), now.astimezone(ZoneInfo(zone)))
    except (Invalid, ZoneInfoNotFoundError, ValueError) as error:
        log.error("a site's hours can't be read", site=site.name, because=because(error))
        return now
