"""Ending: accounts of temporary staff, which end with a day, and what is left behind then.

The day is the jurisdiction's own, to its midnight (the database's `ends_at`). From then on nobody
signs in with the account, a session of it is over, and no policy pages it. A tier that would have
nobody left is said days before, to whoever runs the server and on the console.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import aiosql
import asyncpg
import msgspec

from tocsin_server.errors import Invalid, NotFound

DAYS_MAX = 366  # whoever stays longer is no temporary staff, or the year is mistyped
# Told a week before, by day: the half day keeps it from being told at midnight.
WARNED = timedelta(days=6, hours=12)

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class Vacancy(msgspec.Struct, frozen=True, kw_only=True):
    """A tier whose people all have accounts that end. `is_empty`: the last one has ended."""

    jurisdiction: str
    policy: str
    tier: int
    names: Sequence[str]  # the last to go is the last
    ends_on: date  # of the last
    is_empty: bool

    @property
    def sentence(self) -> str:
        """Say what it means."""
        last, day = self.names[-1], in_words(self.ends_on)
        whose = f"{last}'s account"
        if len(self.names) > 1:
            whose = f"The last of {len(self.names)} accounts, {last}'s,"
        nobody = f"tier {self.tier} of the policy {self.policy} has nobody"
        if self.is_empty:
            return f"{whose} ended on {day}: {nobody}."
        return f"{whose} ends on {day}: {nobody} after that."


REMEDY = "Give somebody a later end (tocsin person until), or name others (tocsin policy set)."


def in_words(day: date) -> str:
    """Write a day as people say it."""
    return f"{day:%B} {day.day}, {day.year}"


async def read_vacancies(pool: asyncpg.Pool) -> list[Vacancy]:
    """Name the tiers of all jurisdictions that have nobody, or soon won't, since accounts end."""
    rows = queries.vacancies(pool, within=WARNED)
    return [Vacancy(**row) async for row in rows]


async def check_end(
    pool: asyncpg.Pool, *, jurisdiction: str, ends_on: date, may_be_over: bool = False
) -> None:
    """Make sure that an account may end with this day. Raises Invalid, NotFound."""
    today: date | None = await queries.today(pool, jurisdiction=jurisdiction)
    if today is None:
        raise NotFound(f"no jurisdiction {jurisdiction}: add it first")
    if ends_on < today and not may_be_over:
        raise Invalid(f"{ends_on} is over: an account ends today, {today}, or later")
    if ends_on > today + timedelta(days=DAYS_MAX):
        raise Invalid(
            f"{ends_on} is more than a year away: look at the year, or add them without an end"
        )
