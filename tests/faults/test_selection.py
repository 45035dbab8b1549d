"""A selection of the fault harness's rows, small enough for every run of the tests.

The whole of it, with its table, is `python -m tests.faults`.
"""

from pathlib import Path

import pytest

from tests.faults import judge
from tests.faults.row import Row, run_row
from tocsin_server.demo.postgres import EmbeddedPostgres

BUTTONS = 5  # an agent takes half a second of a processor to start


async def run(
    slug: str,
    injections: int,
    postgres: EmbeddedPostgres,
    folder: Path,
    *,
    lasts_s: float | None = None,
) -> Row:
    row = await run_row(
        slug,
        injections=injections,
        seed=judge.seeded(slug).randrange(2**32),
        folder=folder,
        postgres=postgres,
        buttons=BUTTONS,
        lasts_s=lasts_s,
    )
    print(row)
    return row


@pytest.mark.parametrize(
    ("slug", "injections"),
    [
        ("kill-agent", 2),
        ("kill-broker", 2),
        ("kill-only-broker", 2),
        ("kill-only-replica", 2),
        ("kill-postgres", 2),
        ("kill-everything", 1),
    ],
)
async def test_a_press_survives_the_sudden_end_of_whatever_is_between_it_and_the_dispatcher(
    slug: str, injections: int, postgres: EmbeddedPostgres, folder: Path
) -> None:
    row = await run(slug, injections, postgres, folder)
    assert row.wrong == ()
    assert row.injections == injections


@pytest.mark.parametrize(
    ("slug", "injections", "lasts_s"),
    [("kill-replica", 2, None), ("stop-replica", 1, 8.0), ("end-replica", 2, None)],
)
async def test_the_loss_of_one_of_two_replicas_delays_no_alert_and_no_escalation(
    slug: str,
    injections: int,
    lasts_s: float | None,
    postgres: EmbeddedPostgres,
    folder: Path,
) -> None:
    """Not by more than 1 s on the other's screens, and 6 s on a phone: the row says so itself."""
    row = await run(slug, injections, postgres, folder, lasts_s=lasts_s)
    assert row.wrong == ()
    assert row.late == ()
    assert row.shown_s is not None
    assert row.told_late_s is not None
