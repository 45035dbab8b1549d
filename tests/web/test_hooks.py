"""Webhooks over the API: for administrators, of their own county, and never with a secret again."""

from collections.abc import AsyncIterator
from typing import cast
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.parts import DANA, MAYA, PASSWORD, SAM, Answer
from tests.walk.house import House, until
from tests.web.client import Client, Json, client, problem
from tocsin_server.demo import example
from tocsin_server.fleet import policies, sites
from tocsin_server.fleet.directory import PolicyTier
from tocsin_server.people import accounts

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOOKS = "/api/v1/hooks"
WILLIAMSON = "48491"
CAD = {"name": "County CAD", "url": "https://cad.invalid/tocsin"}
ACTS = ("test", "disable", "enable", "rotate-secret", "resend", "remove")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def ada(whole_house: House) -> AsyncIterator[Client]:
    """The county's administrator."""
    async with whole_house.walk.database.pool() as pool:
        await accounts.add_person(
            pool,
            jurisdiction=example.JURISDICTION,
            name="Ada Park",
            email="ada@example.org",
            phone=None,
            role="administrator",
            password=PASSWORD,
        )
    async with client(whole_house.walk.server.url, email="ada@example.org") as ada:
        yield ada


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nia(whole_house: House) -> AsyncIterator[Client]:
    """The administrator of the county next door."""
    async with whole_house.walk.database.pool() as pool:
        await sites.add_jurisdiction(
            pool,
            jurisdiction=WILLIAMSON,
            name="Williamson County",
            time_zone="America/Chicago",
            on_call_number=None,
        )
        nia = await accounts.add_person(
            pool,
            jurisdiction=WILLIAMSON,
            name="Nia Brooks",
            email="nia@example.org",
            phone="+15125550151",
            vouched_by="a test",
            role="administrator",
            password=PASSWORD,
        )
        await policies.set_policy(
            pool,
            jurisdiction=WILLIAMSON,
            name=policies.FIRST_POLICY,
            tiers=[PolicyTier(patience_s=30, people=[nia])],
        )
    async with client(whole_house.walk.server.url, email="nia@example.org") as neighbour:
        yield neighbour


@pytest_asyncio.fixture(loop_scope="session")
async def hook(ada: Client) -> AsyncIterator[Json]:
    """A hook of the county, and its secret; to an address that nobody has."""
    made = await ada.ask("POST", HOOKS, json=CAD)
    assert made.status == 200, made.body
    yield made.json()
    await ada.ask("POST", path_of(made.json(), "remove"), json={})


def path_of(made: Json, act: str) -> str:
    return f"{HOOKS}/{cast(Json, made['hook'])['hook_id']}/{act}"


async def listed(somebody: Client) -> list[Json]:
    answer = await somebody.ask("GET", HOOKS)
    assert answer.status == 200
    return cast("list[Json]", answer.json()["hooks"])


async def test_a_secret_is_in_the_answer_that_makes_it_and_in_no_other(
    house: House, ada: Client, hook: Json
) -> None:
    first = str(hook["secret"])
    assert first.startswith("whsec_")
    rotated = await ada.ask("POST", path_of(hook, "rotate-secret"), json={"keep_hours": 2})
    second = str(rotated.json()["secret"])
    assert second not in (first, "")
    assert cast(Json, rotated.json()["hook"])["former_secret_until"] is not None
    answers: list[Answer] = [
        await ada.ask("GET", HOOKS),
        await ada.ask("POST", path_of(hook, "test"), json={}),
        await ada.ask("GET", path_of(hook, "deliveries")),
        await ada.ask("POST", path_of(hook, "disable"), json={}),
        await ada.ask("POST", path_of(hook, "enable"), json={}),
        await ada.ask("POST", path_of(hook, "resend"), json={}),
    ]
    for answer in answers:
        assert answer.status == 200, answer.body
        assert b"whsec_" not in answer.body


async def test_an_administrator_adds_disables_enables_and_removes(
    house: House, ada: Client, hook: Json
) -> None:
    (kept,) = await listed(ada)
    assert (kept["name"], kept["url"], kept["added_by"]) == (*CAD.values(), "Ada Park")
    assert kept["drills"] is True
    disabled = await ada.ask("POST", path_of(hook, "disable"), json={})
    assert disabled.json()["disabled_because"] == "disabled by Ada Park"
    refused = await ada.ask("POST", path_of(hook, "test"), json={})
    assert refused.status == 409
    assert "enable it first" in problem(refused).message
    enabled = await ada.ask("POST", path_of(hook, "enable"), json={})
    assert enabled.json()["disabled_because"] is None
    assert (await ada.ask("POST", path_of(hook, "remove"), json={})).status == 200
    assert await listed(ada) == []
    assert (await ada.ask("POST", path_of(hook, "remove"), json={})).status == 404


async def test_what_became_of_a_test_is_among_the_deliveries_and_can_be_sent_again(
    house: House, ada: Client, hook: Json
) -> None:
    tried = (await ada.ask("POST", path_of(hook, "test"), json={})).json()
    assert (tried["event"], tried["state"]) == ("hook.test", "pending")

    async def dead() -> bool:
        answer = await ada.ask("GET", path_of(hook, "deliveries?state=dead"))
        return bool(answer.json()["deliveries"])

    await until(dead)
    body = {"delivery_id": tried["delivery_id"]}
    assert (await ada.ask("POST", path_of(hook, "resend"), json=body)).json() == {"deliveries": 1}
    unknown = await ada.ask("POST", path_of(hook, "resend"), json={"delivery_id": str(uuid4())})
    assert unknown.status == 404
    problem(unknown)


@pytest.mark.parametrize("email", [DANA.email, MAYA.email, SAM.email])
async def test_nobody_but_an_administrator_sees_or_changes_a_hook(
    house: House, ada: Client, hook: Json, email: str
) -> None:
    before = await listed(ada)
    async with client(house.walk.server.url, email=email) as somebody:
        answers = [
            await somebody.ask("GET", HOOKS),
            await somebody.ask("GET", path_of(hook, "deliveries")),
            await somebody.ask("POST", HOOKS, json=CAD | {"name": "Mine"}),
            *[await somebody.ask("POST", path_of(hook, act), json={}) for act in ACTS],
        ]
    for answer in answers:
        assert answer.status == 403
        assert "ask one of administrator" in problem(answer).message
    assert await listed(ada) == before


async def test_a_neighbours_hook_is_as_if_it_were_not_there(
    house: House, ada: Client, nia: Client, hook: Json
) -> None:
    before = await listed(ada)
    assert await listed(nia) == []
    answers = [await nia.ask("GET", path_of(hook, "deliveries"))]
    answers += [await nia.ask("POST", path_of(hook, act), json={}) for act in ACTS]
    for answer in answers:
        assert answer.status == 404
        problem(answer)
    assert await listed(ada) == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "CAD"},
        CAD | {"name": ""},
        CAD | {"name": " \t"},
        CAD | {"name": "x" * 201},
        CAD | {"name": "nul \x00"},
        CAD | {"url": "http://cad.example.org/"},
        CAD | {"url": "https://10.0.0.1/"},
        CAD | {"url": "https://169.254.169.254/latest/meta-data"},
        CAD | {"url": "https://user:password@cad.example.org/"},
        CAD | {"url": "nul \x00"},
        CAD | {"events": ["alert.noted"]},
        CAD | {"events": "alert.pressed"},
        CAD | {"drills": "no"},
        CAD | {"secret": "whsec_mine"},
    ],
)
async def test_a_hook_that_can_not_be_right_is_refused_with_a_sentence(
    house: House, ada: Client, body: dict[str, object]
) -> None:
    answer = await ada.ask("POST", HOOKS, json=body)
    assert answer.status == 400
    problem(answer)
    assert await listed(ada) == []


@pytest.mark.parametrize("keep_hours", [-1, 169, 1.5, "1", None])
async def test_a_former_secret_signs_for_a_week_at_most(
    house: House, ada: Client, hook: Json, keep_hours: object
) -> None:
    body = {"keep_hours": keep_hours}
    answer = await ada.ask("POST", path_of(hook, "rotate-secret"), json=body)
    assert answer.status == 400
    problem(answer)


async def test_a_name_that_is_taken_is_said(house: House, ada: Client, hook: Json) -> None:
    answer = await ada.ask("POST", HOOKS, json=CAD)
    assert answer.status == 409
    assert "'County CAD' already" in problem(answer).message
    assert len(await listed(ada)) == 1
