"""People and policies change while an alert is open: nobody is forgotten, nobody gone is told."""

from datetime import date

import pytest

from tests.parts import DANA, LUIS, MAYA, RAY, Alert
from tests.stories.conftest import PUBLIC
from tests.stories.house import ROSA, County
from tocsin_server.demo import example
from tocsin_server.demo.example import Person
from tocsin_server.demo.phone import Call, Condition
from tocsin_server.people import accounts, contacts

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG_AGO = date(2020, 11, 3)
NEW_NUMBER = "+15125550142"


async def climbing(county: County, *tiers: Person) -> tuple[Alert, Call]:
    """Each of these is a tier; the phone of the first rings, and nothing else reaches her."""
    await county.tell(*[[person] for person in tiers])
    county.walk.phone(tiers[0]).undeliver(30003)
    alert = await county.press()
    return alert, await county.walk.phone(tiers[0]).until_ringing()


async def end_account(county: County, person: Person) -> None:
    """Somebody's last day was long ago, and the server knows."""
    async with county.walk.database.pool() as pool:
        await accounts.set_end(
            pool,
            jurisdiction=example.JURISDICTION,
            person_id=county.people[person.name],
            ends_on=LONG_AGO,
        )
    await county.until_read()


async def remove_contacts(county: County, person: Person, *methods: str) -> None:
    """Somebody's ways to be reached are taken out, and the server knows."""
    ids = await county.record.fetch(
        "SELECT contact_id FROM contact WHERE person_id = $1 AND method = ANY ($2)",
        county.people[person.name],
        methods,
    )
    async with county.walk.database.pool() as pool:
        for row in ids:
            await contacts.remove_contact(
                pool,
                jurisdiction=example.JURISDICTION,
                person_id=county.people[person.name],
                contact_id=row["contact_id"],
            )
    await county.until_read()


async def test_a_policy_is_replaced_and_the_open_alert_climbs_as_it_began(county: County) -> None:
    alert, call = await climbing(county, DANA, MAYA)
    await county.tell([LUIS], [RAY])
    await county.until_read()
    call.ring_out()
    await county.maya.until_received(f"Reply {alert.code} ")
    other = await county.press()
    await county.luis.until_received(f"Reply {other.code} ")
    assert county.ray.requests == 0
    assert [each.name for each in await county.sent(other)] == [LUIS.name]


async def test_somebodys_account_ends_and_the_tier_falls_through_to_the_next(
    county: County,
) -> None:
    alert, call = await climbing(county, DANA, ROSA, MAYA)
    await end_account(county, ROSA)
    call.ring_out()
    await county.maya.until_received(f"Reply {alert.code} ")
    assert await county.happened(alert, "tier_told") == 2  # of three, without a wait
    assert county.rosa.requests == 0
    await county.text(
        county.rosa, alert.code, hears="Su cuenta con Tocsin ha terminado: no se tomó nada."
    )
    assert (await county.detail_of(alert)).state == "open"


@pytest.mark.parametrize("whole_county", [PUBLIC], indirect=True)
async def test_somebodys_account_ends_while_their_phone_rings_and_their_key_takes_nothing(
    county: County,
) -> None:
    alert, call = await climbing(county, LUIS, MAYA)
    await end_account(county, LUIS)
    await call.answer()
    await call.press("1")
    assert call.heard[-1].startswith("Your account with Tocsin has ended: nothing was taken.")
    assert (await county.detail_of(alert)).state == "open"
    await county.maya.until_received(f"Reply {alert.code} ")  # nobody of tier 1 is left


async def test_the_next_contact_is_removed_while_a_text_is_on_its_way_and_the_next_tier_is_told(
    county: County,
) -> None:
    await county.tell([DANA], [MAYA])
    county.dana.condition = Condition.SLOW
    alert = await county.press()
    await county.until_sent(alert, DANA, "sms", "sending")
    await remove_contacts(county, DANA, "voice")
    county.dana.undeliver(30003)
    await county.maya.until_received(f"Reply {alert.code} ")
    assert county.dana.calls == []


async def test_a_new_number_is_told_where_it_replaced_the_old_one_before_the_tier_was(
    county: County,
) -> None:
    alert, call = await climbing(county, DANA, MAYA)
    await county.add_contact(MAYA, "sms", NEW_NUMBER)
    await remove_contacts(county, MAYA, "voice")
    await county.record.execute(
        "DELETE FROM contact WHERE person_id = $1 AND address = $2",
        county.people[MAYA.name],
        MAYA.phone,
    )
    await county.until_read()
    call.ring_out()
    new = county.walk.phones.phone(NEW_NUMBER)
    await new.until_received(f"Reply {alert.code} ")
    await county.text(county.maya, alert.code, hears="This number is not known to Tocsin.")
    await county.text(new, alert.code, hears="You have it: duress")
    assert county.maya.requests == 1 - county.public  # behind a firewall the answer is a text
