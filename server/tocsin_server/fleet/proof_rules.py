"""The rule by which a jurisdiction has its buttons proven, as it is kept and changed.

Promise: a rule is whole, or nothing of it is changed.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import aiosql
import asyncpg
import structlog

from tocsin_server.errors import Invalid, NotFound
from tocsin_server.fleet.proof import DAYS_BEFORE_MAX, ELECTIONS_MAX, ProofRule

YEARS = range(2000, 2101)  # a slip of the finger makes 2206

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


async def read_rule(pool: asyncpg.Pool, *, jurisdiction: str) -> ProofRule:
    """Give a jurisdiction's rule. Raises NotFound."""
    row = await queries.rule(pool, jurisdiction=jurisdiction)
    if row is None:
        raise NotFound(f"no jurisdiction {jurisdiction}: add it first")
    return rule_of(row)


async def set_rule(pool: asyncpg.Pool, *, jurisdiction: str, rule: ProofRule, by: str) -> ProofRule:
    """Change a jurisdiction's rule, and give it as it is kept. Raises Invalid, NotFound."""
    await queries.set_rule(
        pool,
        jurisdiction=jurisdiction,
        every=rule.every,
        elections=_checked(rule.elections),
        days_before=_checked_days(rule.days_before),
    )
    kept = await read_rule(pool, jurisdiction=jurisdiction)
    log.warning("proof rule", jurisdiction=jurisdiction, by=by, rule=str(kept))
    return kept


def rule_of(row: asyncpg.Record) -> ProofRule:
    """Read a rule from the columns of a jurisdiction."""
    return ProofRule(
        every=row["proof_every"],
        elections=tuple(row["elections"]),
        days_before=row["proof_days_before"],
    )


def in_words(rule: ProofRule) -> str:
    """Say a rule as people do."""
    parts = [f"every {rule.every}"] if rule.every is not None else []
    if rule.elections:
        days = "on the day" if rule.days_before == 1 else f"within {rule.days_before} days"
        named = ", ".join(day.isoformat() for day in rule.elections)
        parts.append(f"{days} before each election ({named})")
    return ", and ".join(parts) or "no rule: once is enough"


def _checked(elections: Sequence[date]) -> list[date]:
    days = sorted(set(elections))
    if len(days) > ELECTIONS_MAX:
        raise Invalid(
            f"{len(days)} elections are too many: name those to come, {ELECTIONS_MAX} at most"
        )
    for day in days:
        if day.year not in YEARS:
            raise Invalid(f"{day.isoformat()} is no day of an election: look at its year")
    return days


def _checked_days(days_before: int) -> int:
    if not 1 <= days_before <= DAYS_BEFORE_MAX:
        raise Invalid(
            f"buttons are proven within 1 to {DAYS_BEFORE_MAX} days before an election,"
            f" not {days_before}"
        )
    return days_before
