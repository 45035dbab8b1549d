"""Whom an alert tells depends on the site and on the kind of what was pressed."""

from uuid import UUID

import asyncpg
import msgspec
import pytest

from tests.alert.county import JURISDICTION, NAMES, County, Server
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.fleet.policies import (
    FIRST_POLICY,
    choose_policy,
    read_policies,
    remove_policy,
    set_policy,
)
from tocsin_wire.messages import new_id


async def policy_of(pool: asyncpg.Pool, county: County, name: str, who: str) -> UUID:
    """A policy that tells one person; gives its id."""
    return await set_policy(
        pool,
        jurisdiction=JURISDICTION,
        name=name,
        tiers=[PolicyTier(patience_s=30, people=[county.people[who]])],
    )


async def told_first(pool: asyncpg.Pool, county: County) -> dict[str, str]:
    """By kind, the first person that each alert began with."""
    names = {str(person_id): name for name, person_id in county.people.items()}
    rows = await pool.fetch("SELECT kind, tiers::text FROM alert")
    first = {
        row["kind"]: msgspec.json.decode(row["tiers"], type=list[PolicyTier])[0].people[0]
        for row in rows
    }
    return {kind: names[str(person_id)] for kind, person_id in first.items()}


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
async def test_each_kind_tells_its_own_people(
    county: County, server: Server, pool: asyncpg.Pool, together: bool
) -> None:
    guard, second, third = NAMES[:3]
    tampers = await policy_of(pool, county, "Tampers", third)
    helpers = await policy_of(pool, county, "Helpers", second)
    for policy_id, kind in ((tampers, "tamper"), (helpers, "assist")):
        await choose_policy(pool, jurisdiction=JURISDICTION, policy_id=policy_id, kind=kind)
    (button,) = await county.buttons(pool, 1)
    await server.directory.read()
    kinds = ("duress", "tamper", "assist")
    if together:
        for kind in kinds:
            server.press(button, button.press(kind=kind))
        async with server.ingesting():
            await server.until_stored(3)
    else:
        async with server.ingesting():
            for count, kind in enumerate(kinds, start=1):
                server.press(button, button.press(kind=kind))
                await server.until_stored(count)
    expected = {"duress": guard, "tamper": third, "assist": second}
    assert await told_first(pool, county) == expected


async def test_a_policy_that_holds_somewhere_stays_and_what_is_nowhere_can_be_removed(
    county: County, pool: asyncpg.Pool
) -> None:
    policy_id = await policy_of(pool, county, "Nights", NAMES[0])
    await choose_policy(pool, jurisdiction=JURISDICTION, policy_id=policy_id, kind="assist")
    with pytest.raises(Refused, match="holds somewhere"):
        await remove_policy(pool, jurisdiction=JURISDICTION, policy_id=policy_id)
    await choose_policy(pool, jurisdiction=JURISDICTION, policy_id=None, kind="assist")
    await remove_policy(pool, jurisdiction=JURISDICTION, policy_id=policy_id)
    (standard,) = await read_policies(pool, jurisdiction=JURISDICTION)
    assert standard.name == FIRST_POLICY
    with pytest.raises(Refused):
        await remove_policy(pool, jurisdiction=JURISDICTION, policy_id=standard.policy_id)


async def test_what_is_not_here_can_not_be_chosen(county: County, pool: asyncpg.Pool) -> None:
    policy_id = await policy_of(pool, county, "Nights", NAMES[0])
    with pytest.raises(Invalid, match="no kind of alert"):
        await choose_policy(pool, jurisdiction=JURISDICTION, policy_id=policy_id, kind="fire")
    with pytest.raises(Invalid, match="wherever nothing else is said"):
        await choose_policy(pool, jurisdiction=JURISDICTION, policy_id=policy_id)
    with pytest.raises(NotFound):
        await choose_policy(pool, jurisdiction="48491", policy_id=policy_id, kind="assist")
    with pytest.raises(NotFound):
        await choose_policy(
            pool, jurisdiction=JURISDICTION, policy_id=policy_id, site_id=new_id(), kind="assist"
        )
    (view, _) = await read_policies(pool, jurisdiction=JURISDICTION)
    assert view.choices == []
