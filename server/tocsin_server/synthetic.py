"""The synthetic press: what is known of the presses that a button of nobody's makes on schedule.

Promise: where none has come through for a few intervals, or the last one was slow, that is a fault
like any other. Its presses are drills with a site, a policy and a test number of their own: they
sound on no console, page nobody else, and are in no statistics.

Refused: pressing. That is the command's (`tocsin synthetic run`): a process of its own, beside the
real agent, so that nothing of the path is left out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec

from tocsin_server import metrics
from tocsin_server.faults import Notice
from tocsin_server.fleet.following import age

NAME = "Synthetic press"
MISSED_MAX = 3  # one is lost to a restart, and a second to a bad minute
KEPT_DAYS = 30  # an election season's worth of runs

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class Synthetic(msgspec.Struct, frozen=True, kw_only=True):
    """One jurisdiction's synthetic button."""

    device_id: str
    jurisdiction: str
    site_id: UUID
    number: str
    every_s: float
    slow_s: float


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How it goes. `good_s_ago`: since a press last came through, or since it was set up."""

    jurisdiction: str
    device_id: str
    number: str
    every_s: float
    slow_s: float
    good_s_ago: float
    good_at_s: float | None  # Unix time; None: none ever came through
    stages: Mapping[str, float]  # of that press, in seconds
    problem: str | None  # of the last one


async def read_states(pool: asyncpg.Pool) -> list[State]:
    """Read how each of them goes. Raises DATABASE_ERRORS."""
    return [
        State(**dict(row) | {"stages": msgspec.json.decode(row["stages"], type=dict[str, float])})
        async for row in queries.states(pool)
    ]


def notices_of(states: Sequence[State]) -> list[Notice]:
    """Say which of them is a fault."""
    found = []
    for state in states:
        if state.good_s_ago > MISSED_MAX * state.every_s:
            last = f" The last one: {state.problem}." if state.problem else ""
            found.append(
                Notice(
                    "synthetic_press",
                    state.jurisdiction,
                    "synthetic press missing",
                    f"No synthetic press has come through for {age(state.good_s_ago)}: a real one"
                    f" may reach nobody.{last} See that its process runs (tocsin synthetic run),"
                    " and press a button in a drill.",
                )
            )
        elif (took_s := max(state.stages.values(), default=0.0)) > state.slow_s:
            found.append(
                Notice(
                    "synthetic_press",
                    state.jurisdiction,
                    "synthetic press slow",
                    f"The last synthetic press took {took_s:.1f} s to its end, and"
                    f" {state.slow_s:g} s is the most it should: people may be told late. Have"
                    " server, network and telephone provider checked.",
                )
            )
    return found


def show_figures(states: Sequence[State]) -> None:
    """Put the stages of the last press that came through where /metrics has them."""
    for state in states:
        if state.good_at_s is not None:
            metrics.SYNTHETIC_AT.labels(state.jurisdiction).set(state.good_at_s)
        for stage, took_s in state.stages.items():
            metrics.SYNTHETIC.labels(state.jurisdiction, stage).set(took_s)
