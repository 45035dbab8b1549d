"""Floor plans and sites through the API: who may, what comes back, and how a picture is served."""

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests import drawings
from tests.fuzz import stand
from tests.parts import DANA, MAYA, PASSWORD, SAM
from tests.walk.house import House
from tests.web.client import Client, client, problem
from tocsin_server.demo import example
from tocsin_server.fleet import sites
from tocsin_server.fleet.redraw import FILE_BYTES_MAX
from tocsin_server.people import accounts
from tocsin_server.web.api import FACILITIES_ROLES

pytestmark = pytest.mark.asyncio(loop_scope="session")

NIA = "nia@example.org"
MEMORY_MB_MAX = 300
NO_BASE64: tuple[object, ...] = (
    *("*", "AAA", "AAAA=", "A=AA", "\u00e9AAA", "AAAA" * 40_000 + "*AAA"),
    *(7, None, ["AAAA"], {}),
)
HALF = {"x": 0.5, "y": 0.5}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def somebody(whole_house: House) -> AsyncIterator[dict[str, Client]]:
    """Each signed in: by role, and `next door`."""
    async with whole_house.walk.database.pool() as pool:
        await sites.add_jurisdiction(
            pool, jurisdiction="48491", name="Williamson", time_zone="UTC", on_call_number=None
        )
        for jurisdiction, email, role in (
            ("48491", NIA, "administrator"),
            (example.JURISDICTION, "ada@example.org", "administrator"),
            (example.JURISDICTION, "amos@example.org", "auditor"),
        ):
            await accounts.add_person(
                pool,
                jurisdiction=jurisdiction,
                name=role.title(),
                email=email,
                phone=None,
                role=role,
                password=PASSWORD,
            )
    emails = {
        "facilities": SAM.email,
        "supervisor": MAYA.email,
        "dispatcher": DANA.email,
        "administrator": "ada@example.org",
        "auditor": "amos@example.org",
        "next door": NIA,
    }
    async with AsyncExitStack() as stack:
        url = whole_house.walk.server.url
        yield {
            who: await stack.enter_async_context(client(url, email=email))
            for who, email in emails.items()
        }


async def made_site(asker: Client, name: str) -> str:
    answer = await asker.ask("POST", "/api/v1/sites", json={"site_name": name})
    assert answer.status == 200, answer.body
    return str(answer.json()["site_id"])


def plan(content: bytes, **more: object) -> dict[str, object]:
    return {"title": "Ground floor", "file": base64.b64encode(content).decode()} | more


async def test_who_may_make_a_site_bring_a_plan_and_work_on_it(
    house: House, somebody: dict[str, Client]
) -> None:
    sam = somebody["facilities"]
    site_id = await made_site(sam, "Depot")
    path = f"/api/v1/sites/{site_id}"
    listed = (await sam.ask("GET", "/api/v1/sites")).json()["sites"]
    assert isinstance(listed, list)
    version = next(site["version"] for site in listed if site["site_id"] == site_id)
    brought = await sam.ask("POST", f"{path}/plans", json=plan(drawings.svg()))
    assert brought.status == 200, brought.body
    one = f"/api/v1/plans/{brought.json()['plan_id']}"
    button = await house.sender()
    scale = {"one": {"x": 0, "y": 0}, "other": HALF, "distance": 30, "unit": "feet"}
    acts: list[tuple[str, dict[str, object]]] = [
        (path, {"site_name": "Depot", "version": version}),
        (f"{path}/plans", plan(drawings.svg(), title="Attic")),
        (f"{one}/scale", scale),
        (f"{one}/position", {"here": HALF, "north": {"x": 0.5, "y": 0}}),
        (f"{one}/entrances", {"entrances": []}),
        (f"/api/v1/devices/{button.device_id}/place", {"kind": "other"}),
        (f"{one}/end", {}),
    ]
    for role, asker in somebody.items():
        for act, body in acts:
            if act.endswith("/end") and role in FACILITIES_ROLES:
                continue  # once is enough, below
            answer = await asker.ask("POST", act, json=body)
            told = (role, act, answer.body)
            if role in FACILITIES_ROLES:
                assert answer.status == 200, told
            elif role == "next door":
                assert answer.status == 404, told
            else:
                assert answer.status == 403, told
                assert "ask one of" in problem(answer).message
        sees = 404 if role == "next door" else 200
        for seen in (f"{one}/picture", f"{path}/plans"):
            assert (await asker.ask("GET", seen)).status == sees, (role, seen)
        place = await asker.ask("GET", f"/api/v1/devices/{button.device_id}/place")
        assert place.status == sees
    assert (await sam.ask("POST", f"{one}/end", json={})).status == 200
    assert (await sam.ask("POST", f"{one}/end", json={})).status == 404


async def test_a_picture_is_ours_named_as_it_is_and_sent_once(
    house: House, somebody: dict[str, Client]
) -> None:
    sam = somebody["facilities"]
    site_id = await made_site(sam, "Depot 2")
    brought = await sam.ask("POST", f"/api/v1/sites/{site_id}/plans", json=plan(drawings.pdf()))
    path = f"/api/v1/plans/{brought.json()['plan_id']}/picture"
    async with sam.session.get(f"{sam.url}{path}") as answer:
        content = await answer.read()
        assert answer.content_type == "image/webp"
        assert content.startswith(b"RIFF")
        assert b"%PDF" not in content
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "private, no-cache"
        tag = answer.headers["ETag"]
    known = {"If-None-Match": tag}
    async with sam.session.get(f"{sam.url}{path}", headers=known) as again:
        assert (again.status, await again.read()) == (304, b"")
        assert again.headers["ETag"] == tag
    stranger = somebody["next door"]
    async with stranger.session.get(f"{sam.url}{path}", headers=known) as refused:
        assert refused.status == 404
    async with client(sam.url) as nobody, nobody.session.get(f"{sam.url}{path}") as refused:
        assert refused.status == 401


async def test_what_is_no_plan_changes_nothing_and_says_what_to_do(
    house: House, somebody: dict[str, Client]
) -> None:
    sam = somebody["facilities"]
    site_id = await made_site(sam, "Depot 3")
    path = f"/api/v1/sites/{site_id}/plans"
    kept = await sam.ask("POST", path, json=plan(drawings.pixels()))
    before = (await sam.ask("GET", path)).body
    too_large = bytes(FILE_BYTES_MAX + 1)
    for body, said in (
        (plan(drawings.HOSTILE["a script"].content()), "holds a script"),
        (plan(b""), "The file is empty"),
        (plan(drawings.pdf(), page=2), "no page 2: its pages are 1 to 1"),
        (plan(drawings.pdf(), page=0), "page"),
        (plan(drawings.pdf(), page=1.5), "page"),
        (plan(drawings.pixels(), title="  "), "the floor's name is empty"),
        (plan(drawings.pixels(), title="x" * 201), "200 is the most"),
        *(({"title": "Ground floor", "file": file}, "base64") for file in NO_BASE64),
        (plan(too_large), "larger than 20 MiB"),
    ):
        refused = await sam.ask("POST", path, json=body)
        assert refused.status == 400, said
        assert said in problem(refused).message
    refused = await sam.ask("POST", path, json=plan(too_large + bytes(2**17)))
    assert refused.status == 413
    assert (await sam.ask("GET", path)).body == before
    _, most_mib = stand.memory_mib(house.walk.server.pid)
    assert most_mib * 1024**2 < MEMORY_MB_MAX * 10**6
    one = f"/api/v1/plans/{kept.json()['plan_id']}"
    for act, wrong in (
        ("scale", {"one": HALF, "other": HALF, "distance": 9, "unit": "feet"}),
        ("scale", {"one": HALF, "other": {"x": 0, "y": 0}, "distance": 9, "unit": "yards"}),
        ("position", {"here": HALF, "north": {"x": 1.5, "y": 0}}),
        ("position", {"here": HALF, "north": HALF}),
    ):
        refused = await sam.ask("POST", f"{one}/{act}", json=wrong)
        assert refused.status == 400, wrong
        problem(refused)
    assert (await sam.ask("GET", path)).body == before


async def test_the_county_of_a_point_is_suggested_and_no_more(somebody: dict[str, Client]) -> None:
    sam = somebody["facilities"]
    path = "/api/v1/counties"
    found = (await sam.ask("GET", f"{path}?latitude=30.2699&longitude=-97.7243")).json()
    assert (found["county_fips"], found["county"], found["state"]) == ("48453", "Travis", "TX")
    assert "a person confirms" in str(found["caution"])
    half = (await sam.ask("GET", f"{path}?latitude=30")).json()
    assert set(half.values()) == {None}
    sea = (await sam.ask("GET", f"{path}?latitude=0&longitude=0")).json()
    assert set(sea.values()) == {None}
    for query in (
        "latitude=91&longitude=0",
        "latitude=x&longitude=1",
        "latitude=nan&longitude=0",
    ):
        refused = await sam.ask("GET", f"{path}?{query}")
        assert refused.status == 400, query
        problem(refused)


async def test_entrances_are_marked_by_the_names_that_the_site_gives_them(
    house: House, somebody: dict[str, Client]
) -> None:
    sam = somebody["facilities"]
    form = {"site_name": "Armory", "entrances": "Main door; Loading dock"}
    made = await sam.ask("POST", "/api/v1/sites", json=form)
    path = f"/api/v1/sites/{made.json()['site_id']}/plans"
    brought = await sam.ask("POST", path, json=plan(drawings.svg()))
    one = f"/api/v1/plans/{brought.json()['plan_id']}"
    main, dock = {"name": "Main door", "x": 0.5, "y": 1}, {"name": "Loading dock", "x": 0, "y": 0.2}

    async def marked() -> object:
        plans = (await sam.ask("GET", path)).json()["plans"]
        assert isinstance(plans, list)
        return plans[0]["entrances"]

    answer = await sam.ask("POST", f"{one}/entrances", json={"entrances": [main, dock]})
    assert answer.status == 200, answer.body
    assert answer.json()["entrances_by"] == SAM.name
    for wrong, said in (
        ([main, main], "is there twice: mark it once. Nothing was changed."),
        ([{**main, "name": "Back door"}], "no entrance 'Back door': write it on the site's own"),
        ([{**main, "x": 1.1}], "doesn't fit"),
        ([main] * 11, "doesn't fit"),
    ):
        answer = await sam.ask("POST", f"{one}/entrances", json={"entrances": wrong})
        assert answer.status == 400, answer.body
        assert said in problem(answer).message
        assert await marked() == [main, dock]
    await sam.ask("POST", path, json=plan(drawings.svg(size='width="1200" height="800"')))
    assert await marked() == [main, dock], "the newer plan has the same shape"
    await sam.ask("POST", path, json=plan(drawings.svg(size='width="300" height="900"')))
    assert await marked() == [], "another drawing has no door of the old one"
