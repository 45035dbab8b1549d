"""The endpoints of the plans of who answers. Whatever is changed in a plan gives the plan anew."""

from datetime import date
from uuid import UUID

import asyncpg
import msgspec

from tocsin_server.errors import Invalid, NotFound
from tocsin_server.people import shift_changes
from tocsin_server.people.shift_changes import (
    YEARS,
    EntryForm,
    InPlan,
    OverrideForm,
    SwapForm,
)
from tocsin_server.people.shift_plans import ShiftPlanView, ShiftsView, read_shifts
from tocsin_server.web.api import Api, Call, Nothing
from tocsin_server.web.proof_rules import RULING_ROLES
from tocsin_server.web.services import SERVICES


class ShiftsQuery(msgspec.Struct, frozen=True):
    """With which day the week begins that is asked about; null: it begins now."""

    day: date | None = None


class ShiftPlanForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A plan's name."""

    name: str


def _pool(call: Call) -> asyncpg.Pool:
    return call.request.app[SERVICES].database.pool


def _in_plan(call: Call) -> InPlan:
    reader = call.reader
    return InPlan(jurisdiction=reader.jurisdiction, plan_id=call.path_id("plan_id"), by=reader.name)


async def _shown(call: Call, plan_id: UUID) -> ShiftPlanView:
    await call.request.app[SERVICES].read_again()
    shifts = await read_shifts(_pool(call), jurisdiction=call.reader.jurisdiction)
    for plan in shifts.plans:
        if plan.plan_id == plan_id:
            return plan
    raise NotFound("Somebody has just removed this plan.")


async def list_shifts(call: Call, query: ShiftsQuery, _body: None) -> ShiftsView:
    """List the plans of who answers, who is on in 7 days, and when nobody is."""
    if query.day is not None and query.day.year not in YEARS:
        raise Invalid(f"{query.day} is no day of a shift: look at its year")
    return await read_shifts(_pool(call), jurisdiction=call.reader.jurisdiction, day=query.day)


async def add_shift_plan(call: Call, _query: Nothing, body: ShiftPlanForm) -> ShiftPlanView:
    """Add a plan of who answers, without entries."""
    plan_id = await shift_changes.add_plan(
        _pool(call), jurisdiction=call.reader.jurisdiction, name=body.name, by=call.reader.name
    )
    return await _shown(call, plan_id)


async def rename_shift_plan(call: Call, _query: Nothing, body: ShiftPlanForm) -> ShiftPlanView:
    """Give a plan another name."""
    await shift_changes.rename_plan(_pool(call), name=body.name, **_in_plan(call))
    return await _shown(call, call.path_id("plan_id"))


async def remove_shift_plan(call: Call, _query: Nothing, _body: None) -> Nothing:
    """Remove a plan with all that is in it, unless a policy tells it."""
    await shift_changes.remove_plan(_pool(call), **_in_plan(call))
    return Nothing()


async def add_shift_entry(call: Call, _query: Nothing, body: EntryForm) -> ShiftPlanView:
    """Put somebody's hours into a plan."""
    await shift_changes.add_entry(_pool(call), form=body, **_in_plan(call))
    return await _shown(call, call.path_id("plan_id"))


async def change_shift_entry(call: Call, _query: Nothing, body: EntryForm) -> ShiftPlanView:
    """Change somebody's hours in a plan, as a whole."""
    await shift_changes.change_entry(
        _pool(call), entry_id=call.path_id("entry_id"), form=body, **_in_plan(call)
    )
    return await _shown(call, call.path_id("plan_id"))


async def remove_shift_entry(call: Call, _query: Nothing, _body: None) -> ShiftPlanView:
    """Take somebody's hours out of a plan."""
    await shift_changes.remove_entry(
        _pool(call), entry_id=call.path_id("entry_id"), **_in_plan(call)
    )
    return await _shown(call, call.path_id("plan_id"))


async def add_shift_override(call: Call, _query: Nothing, body: OverrideForm) -> ShiftPlanView:
    """Let somebody else, somebody more or nobody be on in a span of time."""
    await shift_changes.add_override(_pool(call), form=body, **_in_plan(call))
    return await _shown(call, call.path_id("plan_id"))


async def remove_shift_override(call: Call, _query: Nothing, _body: None) -> ShiftPlanView:
    """Take an override back."""
    await shift_changes.remove_override(
        _pool(call), override_id=call.path_id("override_id"), **_in_plan(call)
    )
    return await _shown(call, call.path_id("plan_id"))


async def add_shift_swap(call: Call, _query: Nothing, body: SwapForm) -> ShiftPlanView:
    """Let two people take each other's place, once."""
    await shift_changes.add_swap(_pool(call), form=body, **_in_plan(call))
    return await _shown(call, call.path_id("plan_id"))


async def remove_shift_swap(call: Call, _query: Nothing, _body: None) -> ShiftPlanView:
    """Undo both halves of a swap."""
    await shift_changes.remove_swap(_pool(call), swap_id=call.path_id("swap_id"), **_in_plan(call))
    return await _shown(call, call.path_id("plan_id"))


def add_shifts(api: Api) -> None:
    """Put these endpoints beside the others."""
    every, view, may = "/api/v1/shifts", ShiftPlanView, RULING_ROLES
    plan = f"{every}/{{plan_id}}"
    api.add("GET", every, list_shifts, query=ShiftsQuery, answer=ShiftsView)
    api.add("POST", every, add_shift_plan, body=ShiftPlanForm, answer=view, roles=may)
    api.add("PUT", plan, rename_shift_plan, body=ShiftPlanForm, answer=view, roles=may)
    api.add("DELETE", plan, remove_shift_plan, answer=Nothing, roles=may)
    path = f"{plan}/entries"
    one = f"{path}/{{entry_id}}"
    api.add("POST", path, add_shift_entry, body=EntryForm, answer=view, roles=may)
    api.add("PUT", one, change_shift_entry, body=EntryForm, answer=view, roles=may)
    api.add("DELETE", one, remove_shift_entry, answer=view, roles=may)
    path = f"{plan}/overrides"
    api.add("POST", path, add_shift_override, body=OverrideForm, answer=view, roles=may)
    one = f"{path}/{{override_id}}"
    api.add("DELETE", one, remove_shift_override, answer=view, roles=may)
    path = f"{plan}/swaps"
    api.add("POST", path, add_shift_swap, body=SwapForm, answer=view, roles=may)
    api.add("DELETE", f"{path}/{{swap_id}}", remove_shift_swap, answer=view, roles=may)
