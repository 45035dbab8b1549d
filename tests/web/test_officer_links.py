"""A link for an officer on the way: one alert, shown to whoever has it, and nothing else."""

import re
from collections.abc import AsyncIterator, Mapping
from uuid import UUID, uuid4

import aiohttp
import pytest
import pytest_asyncio

from tests.parts import DANA, MAYA, Alert
from tests.walk.house import House, detail, until
from tests.walk.test_database_away import stopped
from tests.web.client import Client, Json, problem
from tocsin_server.alert.link_key import write_key
from tocsin_server.alert.officer_link import LINKS_MAX
from tocsin_server.demo import example
from tocsin_server.fleet import floor_plans
from tocsin_server.fleet.floor_plans import Entrance
from tocsin_server.fleet.redeem import GUESSES_MAX
from tocsin_server.fleet.redraw import Picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

OFFICER = "+15125550177"
WEBP = b"RIFF\x00\x00\x00\x00WEBP a plan"
SECRETS = ("Salon B", "+15125550188", "North door")


class Phone:
    """An officer's phone: a browser where nobody is signed in."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def look(
        self, address: str, rest: str = "", **headers: str
    ) -> tuple[int, str, Mapping[str, str]]:
        async with self._session.get(f"{address}{rest}", headers=headers) as answer:
            return answer.status, (await answer.read()).decode(errors="replace"), answer.headers


@pytest_asyncio.fixture(loop_scope="session")
async def phone() -> AsyncIterator[Phone]:
    async with aiohttp.ClientSession() as session:
        yield Phone(session)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site_known(whole_house: House) -> UUID:
    """The clerk's site has a plan, entrances, and somebody to call."""
    async with whole_house.walk.database.pool() as pool:
        site_id: UUID = await pool.fetchval(
            "UPDATE site SET entrances = ARRAY['North door, by the flag', 'Dock <b>2</b>'],"
            " contacts = $2::jsonb WHERE name = $1 RETURNING site_id",
            example.CLERK.name,
            '[{"name": "Olga O\'Neil", "role": "Caretaker", "phone": "+1 512 555-0188"}]',
        )
        plan = await floor_plans.add_plan(
            pool,
            jurisdiction=example.JURISDICTION,
            site_id=site_id,
            title="Ground floor",
            picture=Picture(content=WEBP, width=1000, height=500, file_digest=b"x" * 32),
            by="Sam Novak",
        )
    return plan.plan_id


async def pressed(house: House, plan_id: UUID | None = None) -> Alert:
    sender = await house.sender()
    if plan_id is not None:
        async with house.walk.database.connected() as connection:
            await connection.execute(
                "UPDATE place SET plan_id = $2, plan_x = 0.4, plan_y = 0.6 FROM device d"
                " WHERE d.place_id = place.place_id AND d.device_id = $1",
                sender.device_id,
                plan_id,
            )
    await sender.send(sender.press())
    return await house.alert_of(sender.device_id)


def path(alert: Alert) -> str:
    return f"alerts/{alert.alert_id}/officer-links"


async def made(house: House, alert: Alert, **asked: object) -> tuple[str, str]:
    """A new link's id, and its address."""
    answer = await house.screen.post(path(alert), asked)
    assert answer.status == 200, answer.body
    link = answer.json()["link"]
    assert isinstance(link, dict)
    address = str(answer.json()["address"])
    # As phones reach it, whatever this test's server is called outside.
    return str(link["link_id"]), house.walk.server.url + "/officer/" + address.rpartition("/")[2]


async def listed(house: House, alert: Alert) -> list[Json]:
    links = (await house.screen.get(path(alert))).json()["links"]
    assert isinstance(links, list)
    return links


async def test_the_page_shows_what_an_officer_needs_and_nothing_is_on_record_before_it_is_opened(
    house: House, phone: Phone, site_known: UUID
) -> None:
    alert = await pressed(house, site_known)
    async with house.walk.database.pool() as pool:
        await floor_plans.set_entrances(
            pool,
            jurisdiction=example.JURISDICTION,
            plan_id=site_known,
            entrances=[Entrance(name="Dock <b>2</b>", x=0.1, y=0.5)],
            by="Sam Novak",
        )
    _, address = await made(house, alert, for_whom="Unit 12")
    status, page, headers = await phone.look(address)
    assert status == 200
    for shown in (
        "REAL. This is no drill.",
        "Duress",
        "Front counter, Under the desk",
        example.CLERK.address,
        "No dispatcher has it yet.",
        "Plan: Ground floor",
        '<g class="mark" transform="translate(400.0 300.0)',
        "<li>North door, by the flag</li>",
        '<g class="door" transform="translate(100.0 250.0)',
        '<li><span><b class="number">2</b> Dock &lt;b&gt;2&lt;/b&gt;</span></li>',
        "Olga O&#x27;Neil",
        'href="tel:+15125550188"',
        'id="stale"',
    ):
        assert str(shown) in page, shown
    assert "<form" not in page
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    status, picture, headers = await phone.look(address, "/plan")
    assert (status, picture, headers["Content-Type"]) == (200, WEBP.decode(), "image/webp")
    assert not (await detail(house.screen, alert)).named("officer_link_opened")


async def test_who_made_it_and_its_first_opening_are_on_the_alerts_record(
    house: House, phone: Phone
) -> None:
    alert = await pressed(house)
    _, address = await made(house, alert, for_whom="Unit 12")
    for _ in range(3):
        status, part, _ = await phone.look(address, "/now")
        assert status == 200
        assert part.startswith('<div id="now"')
    record = await detail(house.screen, alert)
    (event,) = record.named("officer_link_made")
    assert event.payload == {"by": DANA.name, "for": "Unit 12", "texted_to": None}
    (event,) = record.named("officer_link_opened")
    assert event.payload == {"for": "Unit 12"}
    (link,) = await listed(house, alert)
    assert (link["for_whom"], link["made_by"]) == ("Unit 12", DANA.name)
    assert link["opened_at"] is not None
    key = address.rpartition("/")[2]
    assert key not in str(record)
    assert key not in house.walk.server.log.read_text()


async def test_the_page_follows_the_alert_and_ends_with_it(
    house: House, phone: Phone, site_known: UUID
) -> None:
    alert = await pressed(house, site_known)
    _, address = await made(house, alert)

    async def says(text: str) -> bool:
        return text in (await phone.look(address, "/now"))[1]

    assert await says("No dispatcher has it yet.")
    await house.screen.acknowledge(alert)
    await until(lambda: says(f"{DANA.name} has it since"))
    for act, said in (("respond", "on the way since"), ("on-scene", "on scene since")):
        assert (await house.screen.post(f"alerts/{alert.alert_id}/{act}")).status == 200
        assert await says(said)
    await house.screen.resolve(alert, "actual")
    status, page, _ = await phone.look(address)
    assert status == 200
    assert "This alert was resolved at" in page
    for gone in (*SECRETS, "Ground floor", "REAL."):
        assert gone not in page
    assert (await phone.look(address, "/plan"))[0] == 404
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE alert SET resolved_at = resolved_at - interval '16 minutes'"
            " WHERE alert_id = $1",
            alert.alert_id,
        )
    for rest in ("", "/now", "/plan"):
        status, page, _ = await phone.look(address, rest)
        assert status == 410
        assert "This alert is over." in page
        assert "Front counter" not in page


async def test_a_link_that_is_taken_back_shows_nothing_any_more(house: House, phone: Phone) -> None:
    alert = await pressed(house)
    link_id, address = await made(house, alert, for_whom="Unit 12")
    other_id, other = await made(house, alert, for_whom="Unit 14")
    for _ in range(2):
        answer = await house.screen.post(f"{path(alert)}/{link_id}/revoke")
        assert answer.status == 200
    for rest in ("", "/now", "/plan"):
        status, page, _ = await phone.look(address, rest)
        assert status == 410
        assert "This link was taken back." in page
        assert "Front counter" not in page
    assert (await phone.look(other))[0] == 200
    (event,) = (await detail(house.screen, alert)).named("officer_link_revoked")
    assert event.payload == {"by": DANA.name, "for": "Unit 12"}
    assert [each["revoked_by"] for each in await listed(house, alert)] == [DANA.name, None]
    another = await pressed(house)
    foreign = await house.screen.post(f"{path(another)}/{other_id}/revoke")
    assert foreign.status == 404, "a link is its own alert's"
    assert (await phone.look(other))[0] == 200


async def test_a_drill_cannot_be_taken_for_the_real_thing(house: House, phone: Phone) -> None:
    sites = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(sites, list)
    site = next(each["site_id"] for each in sites if each["name"] == example.CLERK.name)
    await house.screen.post("drills", {"site_id": site, "minutes": 5})
    sender = await house.sender()
    await sender.send(sender.press(drill=True))
    alert = await house.alert_of(sender.device_id, lambda each: each.drill)
    texted = await house.screen.post(path(alert), {"phone": OFFICER})
    assert texted.status == 409
    assert problem(texted).message.startswith("This is a drill, which texts nobody outside")
    _, address = await made(house, alert)
    _, page, _ = await phone.look(address)
    assert "<title>Tocsin: DRILL: Duress</title>" in page
    assert '<p class="practice"><strong>DRILL. This is a practice' in page
    assert "REAL." not in page
    await house.screen.post(f"alerts/{alert.alert_id}/actual")
    _, page, _ = await phone.look(address)
    assert "REAL. This is no drill." in page
    assert "DRILL" not in page


async def test_the_link_is_texted_to_a_number_and_the_card_says_what_came_of_it(
    house: House, phone: Phone
) -> None:
    alert = await pressed(house)
    answer = await house.screen.post(
        path(alert), {"for_whom": "Unit 12", "phone": "+1 512 555-0177", "language": "es"}
    )
    assert answer.status == 200
    text = house.walk.phones.phone(OFFICER)
    sms = await text.until_received("TOCSIN: PELIGRO en")
    address = re.findall(r"https?://\S+", sms.body)[-1]
    assert address == answer.json()["address"]
    url = f"{house.walk.server.url}/officer/{address.rpartition('/')[2]}"
    _, page, _ = await phone.look(url, **{"Accept-Language": "es-US"})
    assert "Ningún despachador la atiende todavía." in page
    assert "REAL. No es un simulacro." in page
    sent = await house.now(
        alert,
        lambda each: any(
            one.name == "Unit 12" and one.state == "delivered" for one in each.notifications
        ),
    )
    (officer,) = (one for one in sent.notifications if one.name == "Unit 12")
    assert (officer.purpose, officer.method) == ("officer", "sms")
    (event,) = (await detail(house.screen, alert)).named("officer_link_made")
    assert event.payload == {"by": DANA.name, "for": "Unit 12", "texted_to": "…0177"}
    assert await text.reply(alert.code)
    assert (await house.detail_of(alert)).state == "open", "a number that nobody here has"


@pytest.mark.parametrize(
    "body",
    [
        {"phone": "0177"},
        {"phone": ""},
        {"phone": "+15125550177; +15125550178"},
        {"for_whom": "x" * 201},
        {"for_whom": "a\x07bell"},
        {"language": "de"},
        {"to": "Unit 12"},
    ],
)
async def test_what_is_wrong_is_said_and_makes_no_link(house: House, body: Json) -> None:
    alert = await pressed(house)
    answer = await house.screen.post(path(alert), dict(body))
    assert answer.status == 400
    problem(answer)
    assert await listed(house, alert) == []
    assert not (await detail(house.screen, alert)).named("officer_link_made")


async def test_a_resolved_alert_gets_no_link_and_an_open_one_only_so_many(house: House) -> None:
    alert = await pressed(house)
    for _ in range(LINKS_MAX):
        await made(house, alert)
    one_more = await house.screen.post(path(alert), {})
    assert one_more.status == 409
    assert str(LINKS_MAX) in problem(one_more).message
    another = await pressed(house)
    await house.screen.resolve(another, "test")
    refused = await house.screen.post(path(another), {})
    assert refused.status == 409
    assert "resolved already" in problem(refused).message


async def test_only_who_may_act_on_alerts_makes_links_and_only_of_their_own(
    house: House, everybody: dict[str, Client]
) -> None:
    alert = await pressed(house)
    for role, somebody in everybody.items():
        may = role in {"dispatcher", "supervisor", "administrator"}
        status = 404 if role == "next door" else 200 if may else 403
        link_id = (await made(house, alert))[0]
        one = f"/api/v1/{path(alert)}"
        for method, at in (("GET", one), ("POST", one), ("POST", f"{one}/{link_id}/revoke")):
            body: object = {} if method == "POST" else None
            answer = await somebody.ask(method, at, json=body)
            assert answer.status == status, (role, method, at)
    by = {each["made_by"] for each in await listed(house, alert)}
    assert by == {DANA.name, MAYA.name, "Ada Park"}


async def test_a_button_that_was_moved_since_has_no_spot(
    house: House, phone: Phone, site_known: UUID
) -> None:
    alert = await pressed(house, site_known)
    _, address = await made(house, alert)
    assert "Plan: Ground floor" in (await phone.look(address))[1]
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE device SET moved_at = clock_timestamp() WHERE device_id = $1", alert.device_id
        )
    _, page, _ = await phone.look(address)
    assert "There is no plan with the spot on it." in page
    assert (await phone.look(address, "/plan"))[0] == 404


async def test_a_place_that_nobody_vouches_for_says_so(house: House, phone: Phone) -> None:
    alert = await pressed(house)
    _, address = await made(house, alert)
    assert "This place is not certain" not in (await phone.look(address))[1]
    async with house.walk.database.connected() as connection:
        await connection.execute(
            "UPDATE alert SET place = (place::jsonb || '{\"confirmed_at\": null}')::json"
            " WHERE alert_id = $1",
            alert.alert_id,
        )
    assert "This place is not certain" in (await phone.look(address))[1]


async def test_an_answers_key_opens_no_officers_page_nor_the_other_way(
    house: House, phone: Phone
) -> None:
    alert = await pressed(house)
    _, address = await made(house, alert)
    await house.dana.until_received(alert.code)
    async with house.walk.database.connected() as connection:
        key = await connection.fetchval(
            "SELECT link_key FROM notification WHERE alert_id = $1 LIMIT 1", alert.alert_id
        )
    url = house.walk.server.url
    assert (await phone.look(f"{url}/officer/{write_key(key)}"))[0] == 404
    assert (await phone.look(address.replace("/officer/", "/answer/")))[0] == 404
    assert (await house.detail_of(alert)).state == "open"


async def test_whoever_tries_many_keys_has_to_wait_and_keeps_no_officer_out(
    house: House, phone: Phone
) -> None:
    alert = await pressed(house)
    _, address = await made(house, alert)
    guesser = {"X-Forwarded-For": "203.0.113.9"}
    for n in range(GUESSES_MAX + 2):
        url = f"{house.walk.server.url}/officer/{write_key(uuid4())}"
        status, page, headers = await phone.look(url, **guesser)
        assert status == (404 if n < GUESSES_MAX else 429)
        assert "This link opens nothing." in page
    assert int(headers["Retry-After"]) > 0
    assert (await phone.look(address, **guesser))[0] == 200


async def test_while_the_database_is_away_the_page_says_so(house: House, phone: Phone) -> None:
    alert = await pressed(house)
    _, address = await made(house, alert)
    async with stopped(house.walk.database.postgres):
        for rest in ("", "/now", "/plan"):
            status, page, _ = await phone.look(address, rest)
            assert status == 503
            assert "radio your dispatcher" in page

    async def back() -> bool:
        return (await phone.look(address))[0] == 200

    await until(back)
