"""Signing in over the API, by each way, and what somebody does about it on their own account."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import aiohttp
import msgspec
import pyotp
import pytest
import pytest_asyncio

from tests.parts import DANA, LUIS, MAYA, PASSWORD, SAM, Answer, Database, Server
from tests.people.authenticator import Authenticator, Json
from tests.walk.house import House, until
from tests.web.client import Client, client, misfits, problem
from tests.web.counties import ids_of
from tests.web.named import named_server
from tocsin_server.people.factors import SignInView

pytestmark = pytest.mark.asyncio(loop_scope="session")

SESSION = "/api/v1/session"
REQUIRED = '\n[sign_in]\nsecond_factor = "required"\n'


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(whole_house: House) -> AsyncIterator[Server]:
    async with named_server(whole_house) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def plain(house: House) -> AsyncIterator[House]:
    """The house; whatever a test sets up for somebody is taken away after it."""
    yield house
    async with house.walk.database.connected() as connection:
        for table in ("passkey", "code_app", "recovery_code", "asked"):
            await connection.execute(f"DELETE FROM {table}")  # noqa: S608 (its own names)


class Somebody:
    """A person with a browser, and a passkey's device in their hand."""

    def __init__(self, asker: Client, person_id: str) -> None:
        self.asker = asker
        self.own = f"/api/v1/people/{person_id}/sign-in"
        self.device = Authenticator(origin=asker.url)

    async def post(self, path: str, body: object = None) -> Answer:
        return await self.asker.ask("POST", path, json=body if body is not None else {})

    async def view(self) -> SignInView:
        return view(await self.asker.ask("GET", self.own))

    async def add_passkey(self, name: str = "My phone") -> Answer:
        asked = await self.post(f"{self.own}/passkeys/options")
        assert asked.status == 200, asked.body
        body = {"name": name, "credential": self.device.make(options(asked))}
        return await self.post(f"{self.own}/passkeys", body)

    async def answer(self) -> Json:
        asked = await self.post(f"{SESSION}/passkey/options")
        assert asked.status == 200, asked.body
        return {"credential": self.device.answer(options(asked))}

    async def set_up_codes(self) -> tuple[pyotp.TOTP, str, list[str]]:
        """The app, the code that was taken, and the recovery codes."""
        new = (await self.post(f"{self.own}/codes")).json()
        assert str(new["qr"]).startswith("data:image/svg+xml")
        app = pyotp.TOTP(str(new["secret"]))
        code = app.at(int(time.time()), counter_offset=1)  # is taken for longest
        given = await self.post(f"{self.own}/codes/confirm", {"code": code})
        codes = given.json()["codes"]
        assert isinstance(codes, list)
        return app, code, codes

    async def sign_out(self) -> None:
        assert (await self.asker.ask("DELETE", SESSION)).status == 200
        assert (await self.asker.ask("GET", SESSION)).status == 401


def options(answer: Answer) -> Json:
    public_key = answer.json()["publicKey"]
    assert isinstance(public_key, dict)
    return public_key


def view(answer: Answer) -> SignInView:
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body, type=SignInView)


@asynccontextmanager
async def somebody(house: House, server: Server, email: str) -> AsyncIterator[Somebody]:
    person_id = (await ids_of(house))[email]
    async with client(server.url, email=email) as asker:
        yield Somebody(asker, person_id)


async def until_later(database: Database) -> None:
    """As half a minute later: the code that was just taken is of the step before."""
    async with database.connected() as connection:
        await connection.execute("UPDATE code_app SET last_step = last_step - 2")


async def test_somebody_signs_in_with_a_passkey_and_types_nothing(
    plain: House, server: Server
) -> None:
    async with somebody(plain, server, MAYA.email) as maya:
        added = view(await maya.add_passkey())
        assert [each.name for each in added.passkeys] == ["My phone"]
        await maya.sign_out()
        body = await maya.answer()
        answer = await maya.post(f"{SESSION}/passkey", body)
        assert answer.status == 200, answer.body
        assert (answer.json()["name"], answer.json()["second_factor"]) == (MAYA.name, "set")
        (cookie,) = list(maya.asker.session.cookie_jar)
        assert (cookie.key, cookie["httponly"], cookie["samesite"]) == (
            "tocsin_session",
            True,
            "Strict",
        )
        events = (await maya.view()).events
        assert [each.name for each in events[:2]] == ["signed_in", "passkey_added"]
        assert events[0].what == {"way": "passkey", "source": "127.0.0.1"}
        document = (await maya.asker.ask("GET", "/api/v1/openapi.json")).json()
        schema = {"$ref": "#/components/schemas/SignInView"}
        told = await maya.asker.ask("GET", maya.own)
        assert misfits(told.json(), schema, document) == []


async def test_what_was_signed_is_taken_once_and_from_its_browser_alone(
    plain: House, server: Server
) -> None:
    async with (
        somebody(plain, server, MAYA.email) as maya,
        client(server.url) as thief,
    ):
        view(await maya.add_passkey())
        await maya.sign_out()
        body = await maya.answer()
        stolen = await thief.ask("POST", f"{SESSION}/passkey", json=body)
        assert (stolen.status, problem(stolen).code) == (409, "start_over")
        assert (await maya.post(f"{SESSION}/passkey", body)).status == 200
        await maya.sign_out()
        again = await maya.post(f"{SESSION}/passkey", body)
        assert (again.status, problem(again).code) == (409, "start_over")
        maya.device.origin = "http://localhost.example.org"
        elsewhere = await maya.post(f"{SESSION}/passkey", await maya.answer())
        assert elsewhere.status == 401
        assert "Nobody is signed in" in problem(elsewhere).message
        for asker in (maya.asker, thief):
            assert (await asker.ask("GET", SESSION)).status == 401


async def test_a_server_without_a_name_has_no_passkeys_and_says_so(plain: House) -> None:
    async with somebody(plain, plain.walk.server, MAYA.email) as maya:
        assert not (await maya.view()).passkeys_possible
        for path in (f"{SESSION}/passkey/options", f"{maya.own}/passkeys/options"):
            refused = await maya.post(path)
            assert refused.status == 404
            assert "sign in with your password" in problem(refused).message


async def test_a_code_is_asked_for_after_the_password(plain: House, server: Server) -> None:
    async with somebody(plain, server, MAYA.email) as maya, client(server.url) as thief:
        app, code, recovery = await maya.set_up_codes()
        await maya.sign_out()
        asked = await maya.asker.sign_in(MAYA.email)
        assert (asked.status, problem(asked).code) == (401, "second_step")
        assert (await maya.asker.ask("GET", SESSION)).status == 401
        used = await maya.post(f"{SESSION}/code", {"code": code})
        assert "used already" in problem(used).message
        await until_later(plain.walk.database)
        without = await thief.ask("POST", f"{SESSION}/code", json={"code": app.now()})
        assert (without.status, problem(without).code) == (409, "start_over")
        assert (await maya.post(f"{SESSION}/code", {"code": app.now()})).status == 200
        await maya.sign_out()
        assert (await maya.asker.sign_in(MAYA.email)).status == 401
        assert (await maya.post(f"{SESSION}/code", {"code": recovery[3]})).status == 200
        told = await maya.view()
        assert (told.codes_since is not None, told.recovery_codes) == (True, 7)
        renewed = (await maya.post(f"{maya.own}/recovery-codes")).json()["codes"]
        assert isinstance(renewed, list)
        assert not {*renewed} & {*recovery}
        gone = view(await maya.asker.ask("DELETE", f"{maya.own}/codes"))
        assert (gone.codes_since, gone.recovery_codes) == (None, 0)
        assert (await maya.asker.sign_in(MAYA.email)).status == 200


async def test_a_screen_that_was_left_open_changes_nothing_of_an_account(
    plain: House, server: Server
) -> None:
    async with somebody(plain, server, MAYA.email) as maya:
        view(await maya.add_passkey())
        async with plain.walk.database.connected() as connection:
            await connection.execute(
                "UPDATE session SET begun_at = begun_at - interval '16 minutes'"
            )
        before = await maya.view()
        passkey = f"{maya.own}/passkeys/{before.passkeys[0].passkey_id}"
        new = {"name": "x", "credential": maya.device.make({"user": {"id": ""}, "challenge": ""})}
        for method, path, body in (
            ("POST", f"{maya.own}/passkeys/options", {}),
            ("POST", f"{maya.own}/passkeys", new),
            ("DELETE", passkey, None),
            ("POST", f"{maya.own}/codes", {}),
            ("POST", f"{maya.own}/codes/confirm", {"code": "123456"}),
            ("POST", f"{maya.own}/recovery-codes", {}),
            ("DELETE", f"{maya.own}/codes", None),
        ):
            refused = await maya.asker.ask(method, path, json=body)
            assert (refused.status, problem(refused).code) == (403, "sign_in_again"), path
        assert await maya.view() == before
        assert (await maya.asker.sign_in(MAYA.email)).status == 200
        assert view(await maya.asker.ask("DELETE", passkey)).passkeys == []


async def test_only_whose_account_it_is_changes_it_and_an_administrator_takes_away(
    plain: House, server: Server, everybody: dict[str, Client]
) -> None:
    async with somebody(plain, server, DANA.email) as dana:
        view(await dana.add_passkey())
        ada = everybody["administrator"]
        assert view(await ada.ask("GET", dana.own)).passkeys != []
        for path in ("/codes", "/passkeys/options", "/recovery-codes", "/sign-out-elsewhere"):
            refused = await ada.ask("POST", f"{dana.own}{path}", json={})
            assert (refused.status, problem(refused).code) == (403, "not_yours")
            foreign = await everybody["next door"].ask("POST", f"{dana.own}{path}", json={})
            assert foreign.status == 404
        take_away = f"{dana.own}/take-away"
        for role in ("supervisor", "facilities", "auditor", "dispatcher"):
            who = everybody[role]
            assert (await who.ask("POST", take_away, json={})).status == 403
            if role != "dispatcher":
                assert (await who.ask("GET", dana.own)).status == 403
        for method, path in (("GET", dana.own), ("POST", take_away)):
            body: object = {} if method == "POST" else None
            assert (await everybody["next door"].ask(method, path, json=body)).status == 404
        ada_id = (await ada.ask("GET", SESSION)).json()["person_id"]
        own = f"/api/v1/people/{ada_id}/sign-in/take-away"
        refused = await ada.ask("POST", own, json={})
        assert (refused.status, problem(refused).code) == (403, "your_own")
        assert len((await dana.view()).passkeys) == 1
        taken = view(await ada.ask("POST", take_away, json={}))
        assert (taken.passkeys, taken.sessions) == ([], 0)
        assert (taken.events[0].name, taken.events[0].what["by"]) == (
            "second_factors_taken_away",
            "Ada Park",
        )
        gone = await ada.ask("POST", f"/api/v1/people/{uuid4()}/sign-in/take-away", json={})
        assert gone.status == 404
    # Dana's other screen is signed out as well: that of the other tests comes back.
    assert (await everybody["dispatcher"].sign_in(DANA.email)).status == 200
    await plain.screen.sign_in()


async def test_every_other_screen_is_signed_out(plain: House, server: Server) -> None:
    async with (
        somebody(plain, server, LUIS.email) as here,
        somebody(plain, server, LUIS.email) as there,
    ):
        assert (await here.view()).sessions == 2
        told = view(await here.post(f"{here.own}/sign-out-elsewhere"))
        assert (told.sessions, told.events[0].what) == (1, {"sessions": "1"})
        async with client(plain.walk.server.url) as elsewhere:
            elsewhere.session.cookie_jar.update_cookies(
                {each.key: each.value for each in there.asker.session.cookie_jar}
            )
            assert (await elsewhere.ask("GET", SESSION)).status == 401


async def test_where_a_second_factor_is_required_nothing_else_is_open_before(
    plain: House,
) -> None:
    async with AsyncExitStack() as stack:
        strict = await stack.enter_async_context(named_server(plain, number=3, more=REQUIRED))
        sam = await stack.enter_async_context(somebody(plain, strict, SAM.email))
        assert (await sam.asker.ask("GET", SESSION)).json()["second_factor"] == "required"
        for path in ("/api/v1/sites", "/api/v1/people", "/api/v1/alerts"):
            refused = await sam.asker.ask("GET", path)
            assert (refused.status, problem(refused).code) == (403, "second_factor_required")
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await sam.asker.session.ws_connect(f"{strict.url}/api/v1/live")
        assert (await sam.view()).second_factor == "required"
        added = view(await sam.add_passkey())
        assert (await sam.asker.ask("GET", "/api/v1/sites")).status == 200
        last = f"{sam.own}/passkeys/{added.passkeys[0].passkey_id}"
        refused = await sam.asker.ask("DELETE", last)
        assert (refused.status, problem(refused).code) == (409, "refused")
        await sam.sign_out()
        alone = await sam.asker.sign_in(SAM.email)
        assert alone.status == 401
        assert "use your passkey" in problem(alone).message
        assert (await sam.post(f"{SESSION}/passkey", await sam.answer())).status == 200


async def test_no_session_ends_by_itself_while_an_alert_is_open(
    plain: House, server: Server
) -> None:
    async with AsyncExitStack() as stack:
        maya, sam = [
            await stack.enter_async_context(somebody(plain, server, each.email))
            for each in (MAYA, SAM)
        ]
        sender = await plain.sender()
        await sender.send(sender.press())
        alert = await plain.alert_of(sender.device_id)
        ids = await ids_of(plain)

        async def end(who: str, *, hours_ago: float) -> None:
            async with plain.walk.database.connected() as connection:
                await connection.execute(
                    "UPDATE session SET expires_at = clock_timestamp() - $2 * interval '1 hour'"
                    " WHERE person_id = $1",
                    ids[who],
                    hours_ago,
                )

        # Asked of another replica, which knows nothing from a moment ago.
        async with client(plain.walk.server.url) as there:

            async def session_of(who: Somebody) -> Answer:
                cookies = {each.key: each.value for each in who.asker.session.cookie_jar}
                there.session.cookie_jar.update_cookies(cookies)
                return await there.ask("GET", SESSION)

            # Whoever keeps the buttons sees no emergency, so none keeps them.
            await end(SAM.email, hours_ago=0.001)
            assert (await session_of(sam)).status == 401
            # What was over long before isn't brought back.
            await end(MAYA.email, hours_ago=24)
            assert (await session_of(maya)).status == 401
            await end(MAYA.email, hours_ago=0.001)
            kept = await session_of(maya)
            assert (kept.status, kept.json()["kept"]) == (200, True)
            await plain.screen.resolve(alert, "test")

            async def is_over() -> bool:
                return (await session_of(maya)).status == 401

            await until(is_over)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/code", {}),
        ("/code", {"code": 123456}),
        ("/code", {"code": "1" * 61}),
        ("/passkey", {}),
        ("/passkey", {"credential": None}),
        ("/passkey", {"credential": {"id": "A", "type": "password", "response": {}}}),
        ("/passkey/options", []),
    ],
)
async def test_a_step_that_does_not_fit_is_refused(
    plain: House, server: Server, path: str, body: object
) -> None:
    async with client(server.url) as nobody:
        answer = await nobody.ask("POST", f"{SESSION}{path}", json=body)
        assert (answer.status, problem(answer).code) == (400, "bad_body")
        form = await nobody.ask("POST", f"{SESSION}{path}", data=b"{}", content_type="text/plain")
        assert form.status == 415
        assert PASSWORD.encode() not in form.body
