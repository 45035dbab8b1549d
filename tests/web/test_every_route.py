"""Every route of the API, asked by everybody: each role, a wall, a link's key, nobody, a neighbour.

The routes are the application's own: one that is new and has no row here fails the first test. What
the neighbours try is tried on things that are really there, and compared table by table; then the
county's own administrator does the same, and finds each of them.
"""

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from aiohttp import web

from tests.parts import LUIS, Alert, Answer, Doubtful
from tests.walk.house import House
from tests.web import walls
from tests.web.client import Client, client, problem
from tests.web.counties import ids_of
from tests.web.tables import BESIDE, digests_of, read_digests, until_at_rest
from tests.web.test_api import BODIES
from tocsin_server.app import _add_routes
from tocsin_server.demo import example
from tocsin_server.fleet import floor_plans
from tocsin_server.fleet.redraw import Picture
from tocsin_server.people.contacts import add_contact

pytestmark = pytest.mark.asyncio(loop_scope="session")

PEOPLE = ("dispatcher", "supervisor", "facilities", "auditor", "administrator")
ACT = {"dispatcher", "supervisor", "administrator"}
KEEP = {"facilities", "supervisor", "administrator"}
TEST = ACT | KEEP
RULE = {"supervisor", "administrator"}
HOOK = {"administrator"}
OWN = {"administrator"}  # and whose it is; the administrator only finds it there
LOOK = set(PEOPLE)
OPEN = LOOK | {"nobody", "officer"}  # believed for a signature, a key or a code, or no secret
SHOWN = LOOK | {"kiosk"}

ONE, SITE, DEVICE = "/api/v1/alerts/{alert_id}", "/api/v1/sites/{site_id}", "/api/v1/devices"
BUTTON, PLAN, PERSON = (
    f"{DEVICE}/{{device_id}}",
    "/api/v1/plans/{plan_id}",
    "/api/v1/people/{person_id}",
)
SHIFT, HOOKS = "/api/v1/shifts/{plan_id}", "/api/v1/hooks/{hook_id}"
CONTACT, CLAIM = f"{PERSON}/contacts/{{contact_id}}", "/api/v1/claims/{claim_id}"
SIGN_IN = f"{PERSON}/sign-in"

# Of real alerts not everybody may see the figures.
QUERIES = {
    "/api/v1/latency": "?drill=true",
    "/api/v1/latency/groups": "?drill=true&by=site",
    "/api/v1/latency/groups/file": "?drill=true&by=site",
}

# Who may ask what. A person who may not is told so (403), as is a wall; whoever is nobody, 401.
ROWS: dict[str, set[str]] = {
    "GET /api/v1/session": SHOWN,
    "POST /api/v1/session": OPEN,
    "POST /api/v1/session/code": OPEN,
    "POST /api/v1/session/passkey": OPEN,
    "POST /api/v1/session/passkey/options": OPEN,
    "POST /api/v1/session/lock": LOOK,
    "DELETE /api/v1/session": OPEN,
    "GET /api/v1/live": SHOWN,
    "GET /api/v1/openapi.json": OPEN | {"kiosk"},
    "GET /api/v1/revocations": OPEN | {"kiosk"},
    "POST /api/v1/revocations/following": OPEN,
    "GET /api/v1/releases/{sha256}": OPEN | {"kiosk"},
    "POST /api/v1/redemptions": OPEN,
    "POST /api/v1/push/received": OPEN,
    "POST /api/v1/kiosk": OPEN | {"kiosk"},
    "POST /api/v1/twilio/inbound": OPEN,
    **{
        f"POST /api/v1/twilio/{report}/{{notification_id}}": OPEN
        for report in ("status", "call", "machine", "voice")
    },
    "GET /api/v1/alerts": LOOK,
    "GET /api/v1/alerts/past": LOOK,
    "GET /api/v1/alerts/past/file": LOOK,
    f"GET {ONE}": LOOK,
    f"GET {ONE}/plans": LOOK,
    f"GET {ONE}/next-tier": LOOK,
    f"POST {ONE}/acknowledge": TEST,
    f"POST {ONE}/respond": ACT,
    f"POST {ONE}/on-scene": ACT,
    f"POST {ONE}/escalate": ACT,
    f"POST {ONE}/hand-over": ACT,
    f"POST {ONE}/notes": ACT,
    f"POST {ONE}/actual": ACT,
    f"GET {ONE}/officer-links": ACT,
    f"POST {ONE}/officer-links": ACT,
    f"POST {ONE}/officer-links/{{link_id}}/revoke": ACT,
    f"POST {ONE}/resolve": TEST,
    "POST /api/v1/doubtful/{doubtful_id}/seen": ACT,
    "GET /api/v1/latency": LOOK,
    "GET /api/v1/latency/groups": LOOK,
    "GET /api/v1/latency/groups/file": LOOK,
    "GET /api/v1/false-alarms": LOOK,
    "POST /api/v1/false-alarms/{alert_id}/explain": KEEP,
    "GET /api/v1/sites": LOOK,
    "POST /api/v1/sites": KEEP,
    "GET /api/v1/sites/export": LOOK,
    "POST /api/v1/sites/import": KEEP,
    f"POST {SITE}": KEEP,
    f"GET {SITE}/plans": LOOK,
    f"POST {SITE}/plans": KEEP,
    f"POST {SITE}/maintenance": KEEP,
    f"POST {SITE}/maintenance/end": KEEP,
    f"POST {SITE}/network/confirm": KEEP,
    f"GET {SITE}/walk-test": LOOK,
    f"POST {SITE}/walk-test": TEST,
    f"GET {SITE}/walk-test/report": LOOK,
    f"POST {SITE}/walk-test/end": TEST,
    "GET /api/v1/counties": LOOK,
    "GET /api/v1/map": SHOWN,
    "GET /api/v1/map/streets.pmtiles": SHOWN,
    "GET /api/v1/maintenance": LOOK,
    f"GET {PLAN}/picture": LOOK,
    f"POST {PLAN}/scale": KEEP,
    f"POST {PLAN}/position": KEEP,
    f"POST {PLAN}/entrances": KEEP,
    f"POST {PLAN}/end": KEEP,
    f"GET {DEVICE}": LOOK,
    f"POST {BUTTON}/confirm": KEEP,
    f"POST {BUTTON}/settings/accept": KEEP,
    f"GET {BUTTON}/place": LOOK,
    f"POST {BUTTON}/place": KEEP,
    f"POST {BUTTON}/move": KEEP,
    f"POST {BUTTON}/prove": KEEP,
    f"POST {BUTTON}/revoke": KEEP,
    "GET /api/v1/drills": LOOK,
    "POST /api/v1/drills": TEST,
    "POST /api/v1/drills/{drill_id}/end": TEST,
    "GET /api/v1/claims": LOOK,
    "POST /api/v1/claims": KEEP,
    f"GET {CLAIM}": LOOK,
    f"POST {CLAIM}/revoke": KEEP,
    "GET /api/v1/proof-rule": LOOK,
    "POST /api/v1/proof-rule": RULE,
    "GET /api/v1/people": LOOK,
    "POST /api/v1/people": RULE,
    f"POST {PERSON}/end": RULE,
    f"POST {PERSON}/language": RULE,
    f"POST {PERSON}/contacts": RULE,
    f"POST {PERSON}/contacts/order": RULE,
    f"POST {CONTACT}/code": RULE,
    f"POST {CONTACT}/confirm": RULE,
    f"POST {CONTACT}/quiet": RULE,
    f"POST {CONTACT}/vouch": RULE,
    f"DELETE {CONTACT}": RULE,
    f"GET {SIGN_IN}": OWN,
    f"POST {SIGN_IN}/passkeys/options": OWN,
    f"POST {SIGN_IN}/passkeys": OWN,
    f"DELETE {SIGN_IN}/passkeys/{{passkey_id}}": OWN,
    f"POST {SIGN_IN}/codes": OWN,
    f"POST {SIGN_IN}/codes/confirm": OWN,
    f"DELETE {SIGN_IN}/codes": OWN,
    f"POST {SIGN_IN}/recovery-codes": OWN,
    f"POST {SIGN_IN}/sign-out-elsewhere": OWN,
    f"POST {SIGN_IN}/take-away": OWN,
    "GET /api/v1/phone-numbers": LOOK,
    "GET /api/v1/answering": LOOK,
    "GET /api/v1/policies": LOOK,
    "POST /api/v1/policies": RULE,
    "POST /api/v1/policies/choose": RULE,
    "DELETE /api/v1/policies/{policy_id}": RULE,
    "GET /api/v1/shifts": LOOK,
    "POST /api/v1/shifts": RULE,
    f"PUT {SHIFT}": RULE,
    f"POST {SHIFT}/entries": RULE,
    f"PUT {SHIFT}/entries/{{entry_id}}": RULE,
    f"DELETE {SHIFT}/entries/{{entry_id}}": RULE,
    f"POST {SHIFT}/overrides": RULE,
    f"DELETE {SHIFT}/overrides/{{override_id}}": RULE,
    f"POST {SHIFT}/swaps": RULE,
    f"DELETE {SHIFT}/swaps/{{swap_id}}": RULE,
    f"DELETE {SHIFT}": RULE,
    "GET /api/v1/push/key": LOOK,
    "POST /api/v1/me/push": TEST,
    "POST /api/v1/me/take": ACT,
    "POST /api/v1/me/mute": ACT,
    "POST /api/v1/me/mute/end": ACT,
    "GET /api/v1/hooks": HOOK,
    "POST /api/v1/hooks": HOOK,
    f"POST {HOOKS}/enable": HOOK,
    f"POST {HOOKS}/disable": HOOK,
    f"POST {HOOKS}/rotate-secret": HOOK,
    f"POST {HOOKS}/test": HOOK,
    f"GET {HOOKS}/deliveries": HOOK,
    f"POST {HOOKS}/resend": HOOK,
    f"POST {HOOKS}/remove": HOOK,
    "GET /api/v1/kiosks": RULE,
    "POST /api/v1/kiosks": RULE,
    "POST /api/v1/kiosks/{kiosk_id}/revoke": RULE,
}
LOCK = "POST /api/v1/session/lock"
# What goes on while a screen is locked: whatever answers an alert needs.
WHILE_LOCKED = {
    "GET /api/v1/session",
    LOCK,
    "GET /api/v1/live",
    *(row for row in ROWS if row.split(" ")[1].startswith(ONE)),
    "POST /api/v1/doubtful/{doubtful_id}/seen",
    f"GET {PLAN}/picture",
    "GET /api/v1/people",
    "GET /api/v1/phone-numbers",
    "GET /api/v1/map",
    "GET /api/v1/map/streets.pmtiles",
    "POST /api/v1/me/take",
}
OURS = {row: who for row, who in ROWS.items() if "nobody" not in who}
WITH_IDS = [row for row in OURS if "{" in row]
CHANGING = [row for row in ROWS if not row.startswith("GET ")]
LISTS = [
    row for row in OURS if row.startswith("GET ") and "{" not in row and not row.endswith("live")
]
SOCKET = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
SOCKET |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # RFC 6455, section 1.3

REFUSED_BY_ROLE, NOT_SIGNED_IN, NOT_THERE, LOCKED = 403, 401, 404, 423
FOUND = {200, 400, 409}  # what is there may still not be done like that, or now

# What goes on by itself meanwhile: messages are sent, and silent buttons are found out.
MOVING = BESIDE | {"notification", "provider_report", "hook_delivery", "fault_told"}


async def test_every_route_has_a_row() -> None:
    app = web.Application()
    _add_routes(app)
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical.startswith("/api/")
    }
    assert {row for row in served if not row.startswith("HEAD ")} == set(ROWS)


async def ask(
    somebody: Client, row: str, ids: dict[str, str], *, data: bytes | None = None, **headers: str
) -> Answer:
    """Ask what a row says, with these ids, or those of nothing; `data`: instead of its body."""
    method, path = row.split(" ")
    last = path.rpartition("/")[2]
    parts = [
        ids.get(part[1:-1]) or str(uuid4()) if part[:1] == "{" else part for part in path.split("/")
    ]
    parts[-1] += QUERIES.get(path, "")
    if last == "live":
        headers |= SOCKET
    body = BODIES.get(last, {}) if method in {"POST", "PUT"} else None
    if data is not None:
        headers |= {"Content-Type": "application/json"}
        return await somebody.ask(method, "/".join(parts), data=data, headers=headers)
    return await somebody.ask(method, "/".join(parts), json=body, headers=headers)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def askers(
    whole_house: House, everybody: dict[str, Client]
) -> AsyncIterator[dict[str, Client]]:
    """Everybody who is told apart; an officer's cookie is the key of a link."""
    async with AsyncExitStack() as stack:
        wall = await stack.enter_async_context(walls.wall(everybody["supervisor"]))
        nobody, officer = [
            await stack.enter_async_context(client(wall.url)) for _ in ("nobody", "officer")
        ]
        alert = await pressed(whole_house)
        made = await whole_house.screen.post(f"alerts/{alert.alert_id}/officer-links", {})
        key = str(made.json()["address"]).rpartition("/")[2]
        officer.session.cookie_jar.update_cookies({"tocsin_session": key})
        yield everybody | {"kiosk": wall, "nobody": nobody, "officer": officer}


async def pressed(house: House) -> Alert:
    sender = await house.sender()
    await sender.send(sender.press())
    return await house.alert_of(sender.device_id)


@pytest.mark.parametrize("row", OURS)
async def test_who_may_ask_what(askers: dict[str, Client], row: str) -> None:
    for who in (*PEOPLE, "kiosk", "nobody", "officer"):
        answer = await ask(askers[who], row, {})
        if who in OURS[row]:
            assert answer.status not in {NOT_SIGNED_IN, REFUSED_BY_ROLE}, (who, answer.body)
        elif who in {"nobody", "officer"}:
            assert (answer.status, problem(answer).code) == (NOT_SIGNED_IN, "signed_out"), who
        else:
            code = "only_shows" if who == "kiosk" else "not_your_role"
            assert (answer.status, problem(answer).code) == (REFUSED_BY_ROLE, code), who
        if row == LOCK and who in PEOPLE:
            await unlock(askers[who])


async def unlock(somebody: Client) -> None:
    email = str((await somebody.ask("GET", "/api/v1/session")).json()["email"])
    assert (await somebody.sign_in(email)).json()["locked"] is False


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def locked(whole_house: House, everybody: dict[str, Client]) -> AsyncIterator[Client]:
    """An administrator's screen that is locked, beside the one that isn't."""
    email = str((await everybody["administrator"].ask("GET", "/api/v1/session")).json()["email"])
    async with client(everybody["administrator"].url, email=email) as screen:
        assert (await ask(screen, LOCK, {})).status == 200
        yield screen


@pytest.mark.parametrize("row", OURS)
async def test_a_locked_screen_answers_alerts_and_does_no_more(locked: Client, row: str) -> None:
    answer = await ask(locked, row, {})
    if row in WHILE_LOCKED:
        assert answer.status not in {NOT_SIGNED_IN, REFUSED_BY_ROLE, LOCKED}, answer.body
    else:
        assert (answer.status, problem(answer).code) == (LOCKED, "locked")


@pytest.mark.parametrize("row", CHANGING)
async def test_a_wall_changes_nothing_whatever_it_asks(askers: dict[str, Client], row: str) -> None:
    if row == "POST /api/v1/kiosk":  # where a key counts, and not the wall that shows it
        return
    answer = await ask(askers["kiosk"], row, {})
    assert (answer.status, problem(answer).code) == (403, "only_shows")


@pytest.mark.parametrize("row", CHANGING)
async def test_no_page_of_another_site_changes_anything(
    askers: dict[str, Client], row: str
) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1", "file://"):
        answer = await ask(askers["administrator"], row, {}, Origin=origin)
        assert (answer.status, problem(answer).code) == (403, "other_origin"), origin
    if row not in {"DELETE /api/v1/session", "POST /api/v1/session"}:
        ours = askers["administrator"].url
        for answer in (
            await ask(askers["administrator"], row, {}),
            await ask(askers["administrator"], row, {}, Origin=ours),
        ):
            assert b"other_origin" not in answer.body
    if row == LOCK:
        await unlock(askers["administrator"])


# Where one name stands for another thing.
SAME_NAME = {("plan_id", "shifts"): "shift", ("alert_id", "false-alarms"): "false_alarm"}


def part_of(row: str) -> str:
    """The part of the API that a row is of."""
    return row.split("/")[3]


@dataclass
class Belongings:
    """Things of this county, made as they are asked for; each is another one."""

    house: House
    ada: Client
    people: dict[str, str]
    number: "count[int]"

    async def of(self, row: str) -> dict[str, str]:
        """One of each that a row's path names, in the path's order."""
        ids: dict[str, str] = {}
        for part in row.split("/"):
            if part[:1] == "{":
                name = part[1:-1]
                what = SAME_NAME.get((name, part_of(row)), name.removesuffix("_id"))
                made: Awaitable[str] = getattr(self, what)(ids)
                ids[name] = await made
        for begun in ("walk-test", "maintenance"):  # before it can be ended, or reported on
            if f"/{begun}/" in row:
                body = BODIES.get(begun, {"minutes": 5})
                await self.made(f"sites/{ids['site_id']}/{begun}", body)
        return ids

    async def made(self, path: str, body: object, *names: str) -> str:
        answer = await self.ada.ask("POST", f"/api/v1/{path}", json=body)
        assert answer.status == 200, (path, answer.body)
        found: object = answer.json()
        for name in names:
            assert isinstance(found, dict)
            found = found[name]
        return str(found)

    async def alert(self, _: dict[str, str]) -> str:
        return (await pressed(self.house)).alert_id

    async def false_alarm(self, _: dict[str, str]) -> str:
        alert = await pressed(self.house)
        await self.house.screen.resolve(alert, "false_alarm")
        return alert.alert_id

    async def link(self, ids: dict[str, str]) -> str:
        path = f"alerts/{ids['alert_id']}/officer-links"
        return await self.made(path, {}, "link", "link_id")

    async def doubtful(self, _: dict[str, str]) -> str:
        sender = await self.house.sender()
        await sender.send_raw(b"nonsense")

        def is_theirs(doubtful: Doubtful) -> bool:
            return doubtful.device_id == sender.device_id

        screen = self.house.screen
        await screen.until(lambda screen: any(map(is_theirs, screen.doubtful.values())))
        doubtful_id = str(next(filter(is_theirs, screen.doubtful.values())).doubtful_id)
        async with self.house.walk.database.connected() as connection:
            # As half a minute later, when phones are told of what nobody has looked at.
            await connection.execute(
                "UPDATE doubtful SET paged_at = clock_timestamp() WHERE doubtful_id = $1",
                doubtful_id,
            )
        return doubtful_id

    async def device(self, _: dict[str, str]) -> str:
        return (await self.house.sender()).device_id

    async def site(self, _: dict[str, str]) -> str:
        body = {"site_name": f"Site {next(self.number)}", "time_zone": example.TIME_ZONE}
        return await self.made("sites", body, "site_id")

    async def plan(self, ids: dict[str, str]) -> str:
        async with self.house.walk.database.pool() as pool:
            view = await floor_plans.add_plan(
                pool,
                jurisdiction=example.JURISDICTION,
                site_id=UUID(await self.site(ids)),
                title="Ground floor",
                picture=Picture(content=b"webp", width=600, height=400, file_digest=b"x" * 32),
                by="Sam Novak",
            )
        return str(view.plan_id)

    async def drill(self, ids: dict[str, str]) -> str:
        body = {"site_id": await self.site(ids), "minutes": 5}
        return await self.made("drills", body, "drill_id")

    async def claim(self, ids: dict[str, str]) -> str:
        body = {"site_id": await self.site(ids), "room": "Vault"}
        return await self.made("claims", body, "claim_id")

    async def person(self, _: dict[str, str]) -> str:
        return self.people[LUIS.email]

    async def contact(self, ids: dict[str, str]) -> str:
        async with self.house.walk.database.pool() as pool:
            return str(
                await add_contact(
                    pool,
                    jurisdiction=example.JURISDICTION,
                    person_id=UUID(ids["person_id"]),
                    method="email",
                    address=f"luis{next(self.number)}@example.org",
                )
            )

    async def passkey(self, ids: dict[str, str]) -> str:
        query = (
            "INSERT INTO passkey (person_id, credential_id, public_key, sign_count, name)"
            " VALUES ($1, $2, '', 0, 'My phone') RETURNING passkey_id"
        )
        async with self.house.walk.database.connected() as connection:
            key = await connection.fetchval(query, UUID(ids["person_id"]), uuid4().bytes)
        return str(key)

    async def policy(self, _: dict[str, str]) -> str:
        tiers = [{"patience_s": 30, "people": [self.people[LUIS.email]]}]
        body = {"name": f"Policy {next(self.number)}", "tiers": tiers}
        return await self.made("policies", body, "policy_id")

    async def shift(self, _: dict[str, str]) -> str:
        return await self.made("shifts", {"name": f"Plan {next(self.number)}"}, "plan_id")

    async def entry(self, ids: dict[str, str], **other: object) -> str:
        days = {"days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]}
        hours = {"person_id": self.people[LUIS.email], "from_time": "08:00", "to_time": "16:00"}
        path = f"shifts/{ids['plan_id']}/entries"
        await self.made(path, days | hours | other)
        return await self.newest("entry_id", "shift_entry", ids)

    async def override(self, ids: dict[str, str]) -> str:
        path = f"shifts/{ids['plan_id']}/overrides"
        when = {"from_at": "2027-11-03T18:00:00-06:00", "until_at": "2027-11-04T06:00:00-06:00"}
        await self.made(path, when | {"person_id": self.people[LUIS.email]})
        return await self.newest("override_id", "shift_override", ids)

    async def swap(self, ids: dict[str, str]) -> str:
        dana = {
            "person_id": self.people["dana@example.org"],
            "from_time": "16:00",
            "to_time": "23:00",
        }
        one, other = await self.entry(ids), await self.entry(ids, **dana)
        body = {
            "entry_id": one,
            "on": "2027-11-03",
            "other_entry_id": other,
            "other_on": "2027-11-05",
        }
        await self.made(f"shifts/{ids['plan_id']}/swaps", body)
        return await self.newest("swap_id", "shift_override", ids)

    async def newest(self, name: str, table: str, ids: dict[str, str]) -> str:
        """What was just made in a plan, whose answer is the whole plan."""
        query = f"SELECT {name} FROM {table} WHERE plan_id = $1 ORDER BY 1 DESC LIMIT 1"  # noqa: S608
        async with self.house.walk.database.connected() as connection:
            return str(await connection.fetchval(query, UUID(ids["plan_id"])))

    async def hook(self, _: dict[str, str]) -> str:
        body = {"name": f"CAD {next(self.number)}", "url": "https://cad.example.org/"}
        return await self.made("hooks", body, "hook", "hook_id")

    async def kiosk(self, _: dict[str, str]) -> str:
        return (await walls.make(self.ada))[0]


async def test_a_neighbour_finds_nothing_where_its_own_administrator_does(
    whole_house: House, askers: dict[str, Client]
) -> None:
    ada, nia = askers["administrator"], askers["next door"]
    things = Belongings(whole_house, ada, await ids_of(whole_house), count())
    theirs = {row: await things.of(row) for row in WITH_IDS}
    await until_at_rest(whole_house)
    async with whole_house.walk.database.pool() as pool:
        query = await digests_of(pool, but=MOVING)
        before = await read_digests(pool, query)
        for row, ids in theirs.items():
            answer = await ask(nia, row, ids)
            assert answer.status == NOT_THERE, (row, answer.body)
            problem(answer)
        for row in LISTS:
            said = (await ask(nia, row, {})).body.decode()
            for ids in theirs.values():
                assert not any(an_id in said for an_id in ids.values()), row
        assert await read_digests(pool, query) == before
    answers = {row: await ask(ada, row, ids) for row, ids in theirs.items()}
    # Its body names contacts, which are nobody's here.
    assert (
        b"one of these contacts is not theirs" in answers.pop(f"POST {PERSON}/contacts/order").body
    )
    for row in [row for row in answers if row.split(" ")[1].startswith(f"{SIGN_IN}/")]:
        if not row.endswith("/take-away"):  # the rest is for whose account it is
            assert problem(answers.pop(row)).code == "not_yours", row
    assert {row: each for row, each in answers.items() if each.status not in FOUND} == {}
