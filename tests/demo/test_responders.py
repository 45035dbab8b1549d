"""Who answers in the demo."""

from tests.parts import Database
from tocsin_server.demo import example, responders
from tocsin_server.fleet.policies import read_policies
from tocsin_server.people.accounts import read_people
from tocsin_server.people.shift_plans import read_shifts


async def test_nothing_is_doubtful_about_who_answers_in_the_demo(database: Database) -> None:
    where = example.JURISDICTION
    async with database.pool() as pool:
        await responders.seed(pool, passwords={})
        (policy,) = await read_policies(pool, jurisdiction=where)
        people = {each.name: each for each in await read_people(pool, jurisdiction=where)}
        (plan,) = (await read_shifts(pool, jurisdiction=where)).plans
    assert policy.outlook == []
    assert [(tier.names, tier.shift_names, tier.methods) for tier in policy.tiers] == [
        (["Dana Ortiz", "Luis Herrera"], [responders.PLAN], []),
        (["Maya Chen"], [], ["sms", "voice"]),
        (["Maya Chen", "Deputy Ray Cole"], [], []),
    ]
    assert plan.gaps == []
    assert {each.name for stretch in plan.stretches for each in stretch.people} == {
        person.name for person in responders.SHIFTS
    }
    maya = people["Maya Chen"]
    assert [contact.method for contact in maya.contacts] == ["sms", "voice", "email"]
    assert people["Luis Herrera"].language == "es"


def test_each_phone_says_when_and_how_its_holder_is_told() -> None:
    told = {holder.name: (holder.group, holder.role) for holder in responders.holders()}
    assert told == {
        "Dana Ortiz": ("Tier 1: told at once", "dispatcher: texted, then called"),
        "Luis Herrera": (
            "Tier 1: told at once",
            "dispatcher, reads Spanish: texted, then called",
        ),
        "Rosa Medina": (
            "Tier 1: told at once",
            "front desk 07:00 to 19:00 in Austin: texted, then called",
        ),
        "Jonah Pike": (
            "Tier 1: told at once",
            "front desk 19:00 to 07:00 in Austin: texted, then called",
        ),
        "Maya Chen": (
            "Tier 2: told after 30 s",
            "supervisor: texted and called, then mailed",
        ),
        "Deputy Ray Cole": ("Tier 3: told after 75 s", "police: called, then texted"),
        "Sam Novak": ("Told of faults", "facilities"),
    }
