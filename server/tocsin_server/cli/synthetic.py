"""`tocsin synthetic`: a press of nobody's through the whole path, every few minutes.

Promise: what is tried is the path itself: the real agent in a process of its own, a broker, a
server, the provider and its delivery report, and the way back to the lamp. Each press is a drill in
a window of its own site, pages the test number alone and at once, and is closed again whatever
comes of it. What is left of a run that was cut off is closed by the next one.

Refused: closing anything that is no drill. Should one of these presses be taken for real, it stays
open on every screen, for people to look at.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec

from tocsin_server import inputs
from tocsin_server.cli.command import add_action, answer, configuration, folder_of, table
from tocsin_server.cli.office import Office, database, office
from tocsin_server.demo.errors import DemoFailed
from tocsin_server.demo.virtual_button import VirtualButton
from tocsin_server.errors import Invalid, NotFound, Refused, TocsinError, because
from tocsin_server.fleet import policies, sites
from tocsin_server.fleet.certificates import DeploymentError
from tocsin_server.fleet.deployment import NewDevice, add_device
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.fleet.drills import open_drill
from tocsin_server.fleet.following import age
from tocsin_server.fleet.revocation import record_certificate
from tocsin_server.people import accounts
from tocsin_server.storage.database import DATABASE_ERRORS
from tocsin_server.synthetic import KEPT_DAYS, NAME, State, Synthetic, queries, read_states

EVERY_S, EVERY_S_MIN, EVERY_S_MAX = 300, 60, 86_400
SLOW_S, SLOW_S_MAX = 20, 600
WINDOW_MINUTES = 3  # longer than a run may take
STEP_S_MAX = 30.0  # what has not come by then is not coming
DELIVERY_S_MAX = 60.0  # carriers take their time with a report
LOOK_S = 0.2
PATIENCE_S = 600.0  # by then the run is over, whatever came of it


class SetUp(msgspec.Struct, frozen=True, kw_only=True):
    """What there is now."""

    device_id: str
    jurisdiction: str
    number: str
    every_s: float
    slow_s: float


class Run(msgspec.Struct, kw_only=True):
    """One press and what came of it; `stages` in seconds from the press."""

    device_id: str
    alert_id: UUID | None = None
    problem: str | None = "it was stopped in the middle"
    stages: dict[str, float] = {}


class States(msgspec.Struct, frozen=True):
    """Every synthetic press there is."""

    synthetic: list[State]


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    set_up = add_action(
        actions,
        "set-up",
        _set_up,
        "make its button, site, policy and test number; or change how often it presses",
        example="tocsin synthetic set-up --phone +15125550199",
    )
    set_up.add_argument("--phone", help="the test number, which answers nobody")
    set_up.add_argument(
        "--every",
        type=_seconds("every", EVERY_S_MIN, EVERY_S_MAX),
        metavar="SECONDS",
        help=f"between two presses (default: {EVERY_S})",
    )
    set_up.add_argument(
        "--slow",
        type=_seconds("slow", 1, SLOW_S_MAX),
        metavar="SECONDS",
        help=f"a press that takes longer is a fault (default: {SLOW_S})",
    )
    run = add_action(
        actions,
        "run",
        _run,
        "press on schedule until SIGTERM or Ctrl-C",
        example="tocsin synthetic run",
    )
    run.add_argument("--once", action="store_true", help="press once, and say what came of it")
    add_action(
        actions,
        "list",
        _list,
        "say when a press last came through, and how long it took",
        example="tocsin synthetic list",
        in_jurisdiction=False,
    )


def _seconds(what: str, least: int, most: int) -> Callable[[str], int]:
    def seconds(given: str) -> int:
        if not (given.isascii() and given.isdigit() and least <= int(given) <= most):
            raise argparse.ArgumentTypeError(f"--{what} is {least} to {most} s, not {given!r}")
        return int(given)

    return seconds


async def _set_up(options: argparse.Namespace) -> None:
    async with office(options) as here:
        known = await _known(here)
        if known is None:
            known = await _add(here, options)
        else:
            if options.phone is not None and inputs.phone(options.phone) != known.number:
                raise Refused(
                    f"{known.device_id} pages {known.number} already: give that person another"
                    " number instead"
                )
            await queries.change(
                here.pool,
                jurisdiction=here.jurisdiction,
                every_s=options.every,
                slow_s=options.slow,
            )
            known = await _known(here) or known
    done = SetUp(
        device_id=known.device_id,
        jurisdiction=known.jurisdiction,
        number=known.number,
        every_s=known.every_s,
        slow_s=known.slow_s,
    )
    text = (
        f"{done.device_id} presses itself every {done.every_s:g} s and pages {done.number};"
        f" more than {done.slow_s:g} s is a fault\nrun it beside the server: tocsin synthetic run"
    )
    answer(options, done, text)


async def _known(here: Office) -> Synthetic | None:
    row = await queries.of(here.pool, jurisdiction=here.jurisdiction)
    return Synthetic(**row) if row is not None else None


async def _add(here: Office, options: argparse.Namespace) -> Synthetic:
    if options.phone is None:
        raise Invalid("name the test number with --phone: a number that answers nobody")
    number = inputs.phone(options.phone)
    brokers, clusters = here.config.button_brokers
    try:
        new = add_device(
            folder_of(here.config),
            jurisdiction=here.jurisdiction,
            brokers=brokers,
            clusters=clusters,
        )
    except DeploymentError as error:
        raise TocsinError(str(error)) from None
    try:
        # All of it or nothing.
        async with here.pool.acquire() as connection, connection.transaction():
            site_id = await _make_known(connection, new, number)
            added = Synthetic(
                device_id=new.device_id,
                jurisdiction=here.jurisdiction,
                site_id=site_id,
                number=number,
                every_s=float(options.every or EVERY_S),
                slow_s=float(options.slow or SLOW_S),
            )
            await queries.add(connection, **msgspec.structs.asdict(added))
    except BaseException:
        shutil.rmtree(new.folder)  # a moment old, and nobody knows its key
        raise
    return added


async def _make_known(connection: asyncpg.Connection, new: NewDevice, number: str) -> UUID:
    """Write its person, policy, site, place and button; gives the site."""
    jurisdiction = new.jurisdiction
    person_id = await accounts.add_person(
        connection,
        jurisdiction=jurisdiction,
        name=NAME,
        email=f"synthetic-press-{jurisdiction}@tocsin.invalid",
        phone=number,
        vouched_by=NAME,
        role="responder",
    )
    policy_id = await policies.set_policy(
        connection,
        jurisdiction=jurisdiction,
        name=NAME,
        tiers=[PolicyTier(patience_s=PATIENCE_S, people=[person_id])],
    )
    site_id = await sites.add_site(
        connection, jurisdiction=jurisdiction, name=NAME, policy_id=policy_id
    )
    place_id = await sites.add_place(
        connection, jurisdiction=jurisdiction, site_id=site_id, room=NAME, spot="nobody is here"
    )
    await sites.register_device(
        connection,
        device_id=new.device_id,
        jurisdiction=jurisdiction,
        public_key=new.public_key,
    )
    await record_certificate(
        connection,
        jurisdiction=jurisdiction,
        device_id=new.device_id,
        certificate=new.certificate,
    )
    await sites.place_device(
        connection,
        jurisdiction=jurisdiction,
        device_id=new.device_id,
        place_id=place_id,
        confirmed_by=NAME,
    )
    return site_id


async def _run(options: argparse.Namespace) -> None:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101  (asyncio.run made one)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with office(options) as here:
        known = await _known(here)
        if known is None:
            raise NotFound(
                "there is no synthetic press here: make one with tocsin synthetic set-up"
            )
        button = _button(folder_of(here.config) / "devices" / known.device_id)
        try:
            with suppress(asyncio.CancelledError):
                await _press_on_schedule(here, known, button, options)
        finally:
            await button.stop()


def _button(folder: Path) -> VirtualButton:
    try:
        return VirtualButton(folder)
    except DemoFailed as error:
        raise TocsinError(
            f"{error}: run this on the server on which tocsin synthetic set-up was run"
        ) from None


async def _press_on_schedule(
    here: Office, known: Synthetic, button: VirtualButton, options: argparse.Namespace
) -> None:
    while True:
        began = time.monotonic()
        run = await _run_once(here.pool, known, button)
        _say(options, run)
        if options.once:
            if run.problem is not None:
                raise TocsinError(run.problem)
            return
        with suppress(*DATABASE_ERRORS):
            known = await _known(here) or known
        await asyncio.sleep(max(0.0, began + known.every_s - time.monotonic()))


async def _run_once(pool: asyncpg.Pool, known: Synthetic, button: VirtualButton) -> Run:
    run = Run(device_id=known.device_id)
    try:
        await _tidy_up(pool, known)  # what one before this has left
        await _press(pool, known, button, run)
        run.problem = None
    except (*DATABASE_ERRORS, TocsinError, DemoFailed) as error:
        run.problem = because(error)
    finally:
        try:
            await _tidy_up(pool, known)
            await queries.record(
                pool,
                device_id=known.device_id,
                alert_id=run.alert_id,
                problem=run.problem,
                stages=msgspec.json.encode(run.stages).decode(),
                kept_days=KEPT_DAYS,
            )
        except DATABASE_ERRORS as error:
            run.problem = run.problem or because(error)
    return run


async def _press(pool: asyncpg.Pool, known: Synthetic, button: VirtualButton, run: Run) -> None:
    """Press once, as a poll worker in a drill does, and follow it until the lamp is steady."""
    await button.start()
    await _step("its connection to every broker", button.until_connected(timeout_s=STEP_S_MAX))
    # While the lamp shows an older press, it doesn't tell whether a new one is a drill.
    over = button.until(lambda state: not state.open, timeout_s=STEP_S_MAX)
    await _step("the end of the press before it (resolve its alert)", over)
    # It may yet be told that the drill before this one is over, and what it presses then is real.
    ended = button.until(lambda state: not state.drill, timeout_s=STEP_S_MAX)
    await _step("the word that the drill before it is over", ended)
    await open_drill(
        pool,
        jurisdiction=known.jurisdiction,
        site_id=known.site_id,
        minutes=WINDOW_MINUTES,
        opened_by=NAME,
    )
    in_drill = button.until(lambda state: state.drill, timeout_s=STEP_S_MAX)
    await _step("the word that a drill is on", in_drill)
    pressed = await button.press()

    async def shown(stage: str, state: str) -> None:
        await _step(
            f"the {stage}",
            button.until(
                lambda now: any(
                    (each.press_id, each.state) == (pressed.press_id, state) for each in now.open
                ),
                timeout_s=STEP_S_MAX,
            ),
        )
        run.stages[stage] = (time.monotonic_ns() - pressed.edge_monotonic_ns) / 1e9

    await shown("receipt", "stored")
    delivered = _until_delivered(pool, known, UUID(pressed.press_id), run)
    await _step("the provider's delivery report", asyncio.wait_for(delivered, DELIVERY_S_MAX))
    await queries.acknowledge(
        pool,
        alert_id=run.alert_id,
        jurisdiction=known.jurisdiction,
        name=NAME,
        number=known.number,
    )
    await shown("lamp", "acknowledged")


async def _step(what: str, coming: Awaitable[object]) -> None:
    try:
        await coming
    except TimeoutError:
        raise TocsinError(f"{what} did not come") from None


async def _until_delivered(pool: asyncpg.Pool, known: Synthetic, press_id: UUID, run: Run) -> None:
    while True:
        row = await queries.alert_of(pool, device_id=known.device_id, press_id=press_id)
        if row is not None:
            run.alert_id = row["alert_id"]
            run.stages |= msgspec.json.decode(row["stages"], type=dict[str, float])
            if not row["drill"]:
                raise TocsinError("its press was taken for a real alert: look at that one")
            if row["delivered"]:
                return
        await asyncio.sleep(LOOK_S)


async def _tidy_up(pool: asyncpg.Pool, known: Synthetic) -> None:
    await queries.tidy_up(pool, device_id=known.device_id, name=NAME)
    await queries.end_windows(pool, site_id=known.site_id)


def _say(options: argparse.Namespace, run: Run) -> None:
    """One line for the journal."""
    stages = ", ".join(f"{stage} {took_s:.2f} s" for stage, took_s in run.stages.items())
    answer(options, run, f"NOT through: {run.problem}" if run.problem else f"through: {stages}")
    sys.stdout.flush()


async def _list(options: argparse.Namespace) -> None:
    async with database(configuration(options)) as pool:
        states = await read_states(pool)
    rows = [
        [
            state.jurisdiction,
            state.device_id,
            state.number,
            f"{state.every_s:g} s",
            f"{age(state.good_s_ago)} ago" if state.good_at_s is not None else "never",
            f"{max(state.stages.values()):.1f} s" if state.stages else None,
            state.problem,
        ]
        for state in states
    ]
    headings = ["JURISDICTION", "BUTTON", "PAGES", "EVERY", "CAME THROUGH", "TOOK", "LAST PROBLEM"]
    none = "there is no synthetic press: make one with tocsin synthetic set-up"
    answer(options, States(states), table(headings, rows, none=none))
