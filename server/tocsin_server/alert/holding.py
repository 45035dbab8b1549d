"""How long whoever has an alert may say nothing before they are asked whether they still have it.

Promise: it is a jurisdiction's own number, or never. Whoever took an alert while it was never isn't
asked about that one.
"""

from pathlib import Path

import aiosql
import asyncpg
import structlog

from tocsin_server.errors import Invalid, NotFound

SILENT_S_MIN = 30  # less would interrupt whoever is just calling the police
SILENT_S_MAX = 7200  # two hours: by then nobody remembers that they have it

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


async def set_holder_silence(
    pool: asyncpg.Pool, *, jurisdiction: str, silent_s: int | None, by: str
) -> None:
    """Change it; None: nobody is asked. Raises Invalid, NotFound."""
    if silent_s is not None and not SILENT_S_MIN <= silent_s <= SILENT_S_MAX:
        raise Invalid(
            f"whoever has an alert is asked after {SILENT_S_MIN} to {SILENT_S_MAX} seconds of"
            f" silence, or never; not after {silent_s}"
        )
    done = await queries.set_holder_silence(pool, jurisdiction=jurisdiction, silent_s=silent_s)
    if done is None:
        raise NotFound(f"no jurisdiction {jurisdiction}: add it first")
    log.warning("holder silence", jurisdiction=jurisdiction, by=by, silent_s=silent_s)


def silence_in_words(silent_s: int | None) -> str:
    """Say it as people do."""
    when = "is never asked" if silent_s is None else f"and is silent for {silent_s} s is asked"
    return f"whoever has an alert {when} whether they still have it"
