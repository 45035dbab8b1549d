"""`tocsin shift`: plans of who answers when, what is different for once, and who is on now."""

import argparse
import getpass
from datetime import date, datetime
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from tocsin_server import inputs
from tocsin_server.cli.command import Act, add_action, answer
from tocsin_server.cli.describe import describe
from tocsin_server.cli.office import Office, office
from tocsin_server.cli.shift_text import plan_text, shifts_text, who_text
from tocsin_server.errors import Invalid, NotFound
from tocsin_server.people import shift_changes
from tocsin_server.people.shift_changes import YEARS, Day, EntryForm, InPlan, OverrideForm, SwapForm
from tocsin_server.people.shift_plans import ShiftPlanView, read_clock, read_shifts
from tocsin_server.people.shifts import begins, ends

_AT_THE_DESK = '"Front desk" dana@example.org'
_ONCE = '--from "2026-11-03 18:00" --until "2026-11-04 06:00"'


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What was added, removed or undone, and the plan as it is now; null: it is removed."""

    id: UUID
    plan: ShiftPlanView | None


def arrange(parser: argparse.ArgumentParser) -> None:
    """Add the actions."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    who = add_action(
        actions,
        "who",
        _who,
        "say who answers now in each plan, and when nobody does in the next 7 days",
        example='tocsin shift who --at "2026-11-03 18:30"',
    )
    who.add_argument("--at", type=_moment, metavar="TIME", help="at another time than now")
    add_action(
        actions,
        "list",
        _list,
        "list the plans with their entries and overrides, and when nobody is on",
        example="tocsin shift list",
    )
    add = add_action(
        actions,
        "add",
        _add,
        "add a plan; nobody is on in it until it has entries",
        example='tocsin shift add "Front desk"',
    )
    add.add_argument("name", metavar="NAME")
    _add_by(add)
    _add_in_plan(
        actions,
        "remove",
        _remove,
        "remove a plan with all that is in it, unless a policy tells it",
        example='tocsin shift remove "Front desk"',
    )
    what = "put somebody's weekly hours into a plan, or take them out"
    group = actions.add_parser("entry", help=what)
    describe(group, what, f"tocsin shift entry add {_AT_THE_DESK} --from 08:00 --to 16:00")
    _arrange_entry(group.add_subparsers(required=True, metavar="ACTION"))
    _arrange_different(actions)


def _arrange_entry(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    add = _add_in_plan(
        actions,
        "add",
        _add_entry,
        "put somebody's weekly hours into a plan, by the clock on the jurisdiction's wall",
        example=f"tocsin shift entry add {_AT_THE_DESK} --days Mon-Fri --from 22:00 --to 06:00",
    )
    add.add_argument("email", metavar="EMAIL")
    add.add_argument(
        "--days",
        type=_days,
        default=list(inputs.DAYS),
        help="on which they begin, as Mon-Fri or Sat,Sun (default: every day)",
    )
    add.add_argument(
        "--from", dest="from_time", required=True, metavar="HH:MM", help="when they begin, as 22:00"
    )
    add.add_argument(
        "--to",
        dest="to_time",
        required=True,
        metavar="HH:MM",
        help="when they end; 06:00 may be the next day's",
    )
    first = "the first day on which they may begin, as 2026-10-19"
    add.add_argument("--valid-from", type=_day, metavar="DATE", help=first)
    add.add_argument("--valid-until", type=_day, metavar="DATE", help="the last such day")
    add.add_argument(
        "--every", type=int, default=1, metavar="N", help="every N-th week alone (default: every)"
    )
    add.add_argument(
        "--anchor", type=_day, metavar="DATE", help="the first day of a week in which they hold"
    )
    remove = _add_in_plan(
        actions,
        "remove",
        _remove_entry,
        "take somebody's weekly hours out of a plan",
        example='tocsin shift entry remove "Front desk" 019a2b3c-0000-7000-8000-000000000000',
    )
    remove.add_argument("entry", type=_id, metavar="ID", help="see tocsin shift list")


def _arrange_different(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    override = _add_in_plan(
        actions,
        "override",
        _override,
        "let somebody else, somebody more or nobody be on in a span of time",
        example=f'tocsin shift override "Front desk" {_ONCE} --who lee@example.org'
        " --instead-of dana@example.org",
    )
    there = "by the clock on the wall there, as '2026-11-03 18:00'"
    override.add_argument(
        "--from", dest="from_at", type=_moment, required=True, metavar="TIME", help=there
    )
    override.add_argument(
        "--until", dest="until_at", type=_moment, required=True, metavar="TIME", help="the end"
    )
    who = override.add_mutually_exclusive_group(required=True)
    who.add_argument("--who", metavar="EMAIL", help="who is on then")
    who.add_argument("--nobody", action="store_true", help="nobody is on instead")
    override.add_argument(
        "--instead-of",
        metavar="EMAIL",
        help="who isn't on then (default: with --who nobody leaves, with --nobody everybody does)",
    )
    swap = _add_in_plan(
        actions,
        "swap",
        _swap,
        "let two people take each other's place once: an entry of each, and the day it begins on",
        example='tocsin shift swap "Front desk"'
        " 019a2b3c-0000-7000-8000-000000000000 2026-11-03"
        " 019a2b3c-0000-7000-8000-000000000001 2026-11-05",
    )
    for name in ("", "other_"):
        swap.add_argument(f"{name}entry", type=_id, metavar="ID", help="see tocsin shift list")
        swap.add_argument(f"{name}on", type=_day, metavar="DATE")
    undo = _add_in_plan(
        actions,
        "undo",
        _undo,
        "take an override back, or a swap",
        example='tocsin shift undo "Front desk" 019a2b3c-0000-7000-8000-000000000000',
    )
    undo.add_argument("override", type=_id, metavar="ID", help="see tocsin shift list")


def _add_in_plan(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    act: Act,
    what: str,
    *,
    example: str,
) -> argparse.ArgumentParser:
    parser = add_action(actions, name, act, what, example=example)
    parser.add_argument("plan", metavar="PLAN", help="its name, or its id")
    _add_by(parser)
    return parser


def _add_by(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--by", metavar="NAME", help="who does so (default: this user)")


def _days(given: str) -> list[str]:
    try:
        return [inputs.DAYS[day] for day in inputs.weekdays(given)]
    except Invalid as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{given!r} is no day: write it as 2026-11-03") from None


def _moment(given: str) -> datetime:
    try:
        moment: datetime | None = datetime.fromisoformat(given)
    except ValueError:
        moment = None
    if moment is None or moment.year not in YEARS:
        raise argparse.ArgumentTypeError(
            f"{given!r} is no time: write it as '2026-11-03 18:00', by the clock on the wall there"
        )
    return moment


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{given!r} is no id: copy it from tocsin shift list"
        ) from None


async def _who(options: argparse.Namespace) -> None:
    async with office(options) as here:
        _, zone = await read_clock(here.pool, jurisdiction=here.jurisdiction)
        at = None if options.at is None else _from(options.at, zone)
        shifts = await read_shifts(here.pool, jurisdiction=here.jurisdiction, at=at)
    answer(options, shifts, who_text(shifts))


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        shifts = await read_shifts(here.pool, jurisdiction=here.jurisdiction)
    answer(options, shifts, shifts_text(shifts))


async def _add(options: argparse.Namespace) -> None:
    async with office(options) as here:
        plan_id = await shift_changes.add_plan(
            here.pool, jurisdiction=here.jurisdiction, name=options.name, by=_by(options)
        )
        await _tell(options, here, plan_id, plan_id)


async def _remove(options: argparse.Namespace) -> None:
    async with office(options) as here:
        plan = await _plan(here, options.plan)
        await shift_changes.remove_plan(here.pool, **_in_plan(options, here, plan))
    answer(options, Changed(id=plan.plan_id, plan=None), f"{plan.name} is removed")


async def _add_entry(options: argparse.Namespace) -> None:
    async with office(options) as here:
        plan = await _plan(here, options.plan)
        (person,) = await here.people([options.email])
        form = EntryForm(
            person_id=person.person_id,
            days=cast(list[Day], options.days),
            from_time=options.from_time,
            to_time=options.to_time,
            valid_from=options.valid_from,
            valid_until=options.valid_until,
            every_weeks=options.every,
            anchor=options.anchor,
        )
        where = _in_plan(options, here, plan)
        entry_id = await shift_changes.add_entry(here.pool, form=form, **where)
        await _tell(options, here, plan.plan_id, entry_id)


async def _remove_entry(options: argparse.Namespace) -> None:
    async with office(options) as here:
        plan = await _plan(here, options.plan)
        where = _in_plan(options, here, plan)
        await shift_changes.remove_entry(here.pool, entry_id=options.entry, **where)
        await _tell(options, here, plan.plan_id, options.entry)


async def _override(options: argparse.Namespace) -> None:
    async with office(options) as here:
        plan = await _plan(here, options.plan)
        _, zone = await read_clock(here.pool, jurisdiction=here.jurisdiction)
        who, instead_of = [
            (await here.people([email]))[0].person_id if email is not None else None
            for email in (options.who, options.instead_of)
        ]
        form = OverrideForm(
            from_at=_from(options.from_at, zone),
            until_at=_until(options.until_at, zone),
            person_id=who,
            instead_of=instead_of,
        )
        where = _in_plan(options, here, plan)
        override_id = await shift_changes.add_override(here.pool, form=form, **where)
        await _tell(options, here, plan.plan_id, override_id)


async def _swap(options: argparse.Namespace) -> None:
    async with office(options) as here:
        plan = await _plan(here, options.plan)
        form = SwapForm(
            entry_id=options.entry,
            on=options.on,
            other_entry_id=options.other_entry,
            other_on=options.other_on,
        )
        where = _in_plan(options, here, plan)
        swap_id = await shift_changes.add_swap(here.pool, form=form, **where)
        await _tell(options, here, plan.plan_id, swap_id)


async def _undo(options: argparse.Namespace) -> None:
    its_id = options.override
    async with office(options) as here:
        plan = await _plan(here, options.plan)
        where = _in_plan(options, here, plan)
        if any(each.swap_id == its_id for each in plan.overrides):
            await shift_changes.remove_swap(here.pool, swap_id=its_id, **where)
        else:
            await shift_changes.remove_override(here.pool, override_id=its_id, **where)
        await _tell(options, here, plan.plan_id, its_id)


def _by(options: argparse.Namespace) -> str:
    return options.by or getpass.getuser()


def _in_plan(options: argparse.Namespace, here: Office, plan: ShiftPlanView) -> InPlan:
    return InPlan(jurisdiction=here.jurisdiction, plan_id=plan.plan_id, by=_by(options))


def _from(given: datetime, zone: ZoneInfo) -> datetime:
    return begins(zone, given) if given.tzinfo is None else given


def _until(given: datetime, zone: ZoneInfo) -> datetime:
    return ends(zone, given) if given.tzinfo is None else given


async def _plan(here: Office, named: str) -> ShiftPlanView:
    """Find a plan by its name or id. Raises NotFound."""
    plans = (await read_shifts(here.pool, jurisdiction=here.jurisdiction)).plans
    for plan in plans:
        if named in (plan.name, str(plan.plan_id)):
            return plan
    names = ", ".join(plan.name for plan in plans)
    known = f"known are {names}" if names else "add one with tocsin shift add"
    raise NotFound(f"no plan {named!r}; {known}")


async def _tell(options: argparse.Namespace, here: Office, plan_id: UUID, its_id: UUID) -> None:
    """Answer with the plan as it is now, so that a new gap is seen at once."""
    shifts = await read_shifts(here.pool, jurisdiction=here.jurisdiction)
    plan = next(each for each in shifts.plans if each.plan_id == plan_id)
    answer(options, Changed(id=its_id, plan=plan), plan_text(plan, shifts))
