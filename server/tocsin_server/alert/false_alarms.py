"""False alarms: a ledger for each button, of what each one was, why, and what was done about it.

Promise: every alert that was resolved as a false alarm is in the ledger of its button; a drill
never is. What somebody found out is an event of that alert, in its chain: a correction is a later
event that holds instead, and the earlier one stays. The second one within twelve months is a
warning.

Refused: to show anything else of the alert. Those who keep the buttons read and write here, and see
no alert (people/sight.py): which button, when, why, what was done, and who says so.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Literal
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.errors import NotFound, Refused

What = Literal["accident", "fault", "test", "misuse", "unknown"]  # test: one nobody had announced

WARNS_AT = 2  # within twelve months; some police forces answer no third one
FALSE_ALARMS_MAX = 1000  # of one answer; a county with more has another problem
EXPLANATIONS_MAX = 20  # of one alarm: found out, corrected, and corrected again

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody found out about a false alarm."""

    what: What
    cause: str
    remedy: str
    by: str
    at: str


class FalseAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """One of them. The last explanation holds; those before it were corrected."""

    alert_id: UUID
    pressed_at: datetime
    explanations: list[Explanation]


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """The false alarms of one button, the newest first. `warning`: where they are too many."""

    device_id: str
    warning: str | None
    false_alarms: list[FalseAlarm]


def warning(pressed: Sequence[datetime], now: datetime) -> str | None:
    """Say whether there are too many. `pressed`: when each was; of the future is none."""
    since = _a_year_before(now)
    times = sum(since < moment <= now for moment in pressed)
    if times < WARNS_AT:
        return None
    return (
        f"{times} false alarms within 12 months. Some police forces stop coming after the second:"
        " find the cause, mend it, and write down what was done."
    )


def _a_year_before(now: datetime) -> datetime:
    try:
        return now.replace(year=now.year - 1)
    except ValueError:  # 29 February
        return now.replace(year=now.year - 1, day=28)


async def read_ledgers(
    pool: asyncpg.Pool, *, jurisdiction: str, device_id: str | None = None
) -> list[Ledger]:
    """Read the ledgers that have something in them: of one button, or of all (twelve months)."""
    query = queries.false_alarms(
        pool, jurisdiction=jurisdiction, device_id=device_id, false_alarms_max=FALSE_ALARMS_MAX
    )
    rows = [row async for row in query]
    return [_ledger(name, list(of_one)) for name, of_one in groupby(rows, lambda row: str(row[0]))]


async def explain(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    alert_id: UUID,
    what: What,
    cause: str,
    remedy: str,
    by: str,
) -> Ledger:
    """Write down why, or correct it. Raises Invalid, NotFound, Refused, DATABASE_ERRORS."""
    row = await queries.explain(
        pool,
        jurisdiction=jurisdiction,
        alert_id=alert_id,
        what=what,
        cause=inputs.text("the cause", cause),
        remedy=inputs.text("the remedy", remedy),
        by=inputs.text("the name of who writes it", by),
        explanations_max=EXPLANATIONS_MAX,
    )
    if row is None:
        # One answer for all that is no false alarm: whoever may see none learns nothing of others.
        raise NotFound("There is no false alarm with this id: see the list of the button's.")
    if row["before"] >= EXPLANATIONS_MAX:
        raise Refused(
            f"This false alarm was explained {EXPLANATIONS_MAX} times already: the last one holds."
        )
    log.info("false alarm explained", alert_id=str(alert_id), device_id=row["device_id"], by=by)
    (ledger,) = await read_ledgers(pool, jurisdiction=jurisdiction, device_id=row["device_id"])
    return ledger


def _ledger(device_id: str, rows: Sequence[asyncpg.Record]) -> Ledger:
    alarms = [
        FalseAlarm(
            alert_id=row["alert_id"],
            pressed_at=row["pressed_at"],
            explanations=msgspec.json.decode(row["explanations"], type=list[Explanation]),
        )
        for row in rows
    ]
    said = warning([alarm.pressed_at for alarm in alarms], rows[0]["now"])
    return Ledger(device_id=device_id, warning=said, false_alarms=alarms)
