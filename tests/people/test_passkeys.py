"""Passkeys: who has one is in with one tap, and nothing else opens the account by that way."""

import json
from collections.abc import Callable
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from tests.offices import Office
from tests.people.authenticator import Authenticator, Json, encoded
from tests.people.door import ADDRESS, Door
from tocsin_server.errors import Busy, NotFound, Refused, TocsinError
from tocsin_server.people.account_record import read_record
from tocsin_server.people.accounts import account_of
from tocsin_server.people.attempts import FAILURES_MAX, TooManyTries
from tocsin_server.people.factors import remove_passkey
from tocsin_server.people.passkeys import (
    ASKED_MAX,
    Assertion,
    NewCredential,
    PasskeyProof,
    Passkeys,
    read_passkeys,
    relying_party,
)
from tocsin_server.people.ways import SignInRefused, StartOver
from tocsin_server.storage.database import Database as Replica

SCREEN = "the token of a session"


class Owner:
    """Somebody with a passkey's device in their hand, before a replica."""

    def __init__(self, door: Door, person_id: UUID) -> None:
        self.door = door
        self.person_id = person_id
        self.device = Authenticator(origin=ADDRESS)

    async def offer(self, *, screen: str = SCREEN) -> Json:
        account = await account_of(self.door.replica.pool, person_id=self.person_id)
        return options(await self.door.passkeys.offer(account=account, session=screen))

    async def take(self, credential: Json, *, screen: str = SCREEN, name: str = "Phone") -> None:
        await self.door.passkeys.add(
            person_id=self.person_id,
            session=screen,
            name=name,
            credential=msgspec.convert(credential, type=NewCredential),
        )

    async def add(self, *, screen: str = SCREEN) -> None:
        made = self.device.make(await self.offer(screen=screen))
        await self.take(made, screen=screen)

    async def ask(self) -> tuple[str, Json]:
        token, asked = await self.door.passkeys.ask(source="192.0.2.1")
        return token, options(asked)

    async def give(
        self,
        token: str | None,
        answer: Json,
        *,
        door: Door | None = None,
        source: str = "192.0.2.1",
    ) -> UUID:
        proof = PasskeyProof(token, msgspec.convert(answer, type=Assertion))
        account = await (door or self.door).passkeys.prove(proof, source=source)
        return account.person_id

    async def sign_in(self) -> UUID:
        token, asked = await self.ask()
        return await self.give(token, self.device.answer(asked))

    async def events(self) -> list[str]:
        return [
            each.name
            for each in await read_record(self.door.replica.pool, person_id=self.person_id)
        ]

    async def why_refused(self) -> str:
        newest, *_ = await read_record(self.door.replica.pool, person_id=self.person_id)
        assert newest.name == "sign_in_refused"
        return newest.what["why"]


def options(text: str) -> Json:
    read = json.loads(text)
    assert isinstance(read, dict)
    return read


@pytest_asyncio.fixture
async def dana(replica: Replica, office: Office) -> Owner:
    owner = Owner(Door(replica), office.dispatcher)
    await owner.add()
    return owner


async def test_a_passkey_opens_the_account_of_its_owner_and_is_known_by_its_name(
    dana: Owner,
) -> None:
    assert await dana.sign_in() == dana.person_id
    (passkey,) = await read_passkeys(dana.door.replica.pool, person_id=dana.person_id)
    assert passkey.name == "Phone"
    assert passkey.last_used_at is not None
    assert await dana.events() == ["passkey_added"]


async def test_one_replica_asks_and_another_takes_the_answer(dana: Owner, replica: Replica) -> None:
    token, asked = await dana.ask()
    assert await dana.give(token, dana.device.answer(asked), door=Door(replica)) == dana.person_id


async def test_an_answer_is_taken_once(dana: Owner) -> None:
    token, asked = await dana.ask()
    answer = dana.device.answer(asked)
    assert await dana.give(token, answer) == dana.person_id
    with pytest.raises(StartOver, match="answered already"):
        await dana.give(token, answer)


async def test_an_answer_for_another_browser_or_too_late_is_not_taken(dana: Owner) -> None:
    token, asked = await dana.ask()
    for other in ("another browser's token", "", None):
        with pytest.raises(StartOver, match="began in another browser: begin again"):
            await dana.give(other, dana.device.answer(asked))
    await dana.door.replica.pool.execute(
        "UPDATE asked SET expires_at = expires_at - interval '301 s'"
    )
    with pytest.raises(StartOver, match="longer than five minutes"):
        await dana.give(token, dana.device.answer(asked))


def elsewhere(device: Authenticator) -> None:
    device.origin = "https://tocsin.example.com"


def for_another_server(device: Authenticator) -> None:
    device.name = "example.com"


def without_verifying(device: Authenticator) -> None:
    device.verifies = False


def for_another_account(device: Authenticator) -> None:
    device.user_handle = bytes(16)


def as_another_key(device: Authenticator) -> None:
    device._key = Authenticator(origin=ADDRESS)._key


@pytest.mark.parametrize(
    "spoil", [elsewhere, for_another_server, without_verifying, for_another_account, as_another_key]
)
async def test_what_was_not_signed_by_this_passkey_for_this_server_opens_nothing(
    dana: Owner, spoil: Callable[[Authenticator], None]
) -> None:
    spoil(dana.device)
    with pytest.raises(SignInRefused, match=f"begin again at {ADDRESS}, or use your password"):
        await dana.sign_in()
    assert await dana.why_refused() == "the passkey Phone gave an answer that does not fit"
    (passkey,) = await read_passkeys(dana.door.replica.pool, person_id=dana.person_id)
    assert passkey.last_used_at is None


async def test_an_answer_to_another_challenge_opens_nothing(dana: Owner) -> None:
    _, first = await dana.ask()
    token, _ = await dana.ask()
    with pytest.raises(SignInRefused, match="does not fit"):
        await dana.give(token, dana.device.answer(first))
    # Nor does one that the browser made up.
    token, _ = await dana.ask()
    with pytest.raises(SignInRefused, match="does not fit"):
        await dana.give(token, dana.device.answer({"challenge": encoded(bytes(32))}))


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
async def test_what_is_no_answer_at_all_is_refused_with_a_sentence(dana: Owner, part: str) -> None:
    for number, spoilt in enumerate(("", "AAAA", "?", "ÿ", "AAAAA", "A" * 9000)):
        token, asked = await dana.ask()
        answer = dana.device.answer(asked)
        response = answer["response"]
        assert isinstance(response, dict)
        response[part] = spoilt
        with pytest.raises(SignInRefused, match="Nobody is signed in"):
            await dana.give(token, answer, source=f"192.0.2.{number}")


async def test_a_count_that_goes_back_is_a_copy_and_said_so(dana: Owner) -> None:
    dana.device.count = 7
    await dana.sign_in()
    for count in (7, 3):
        dana.device.count = count - 1
        with pytest.raises(SignInRefused, match="as a copy would"):
            await dana.sign_in()
        assert "counts fewer uses than before" in await dana.why_refused()
    dana.device.count = 8
    assert await dana.sign_in() == dana.person_id


async def test_a_passkey_that_counts_nothing_is_used_again_and_again(dana: Owner) -> None:
    for _ in range(2):
        dana.device.count = -1
        assert await dana.sign_in() == dana.person_id


async def test_a_new_passkey_is_taken_from_the_screen_that_was_asked(dana: Owner) -> None:
    second = Owner(dana.door, dana.person_id)
    made = second.device.make(await second.offer())
    with pytest.raises(StartOver):
        await second.take(made, screen="another session")
    await second.take(made)
    with pytest.raises(StartOver):
        await second.take(made)
    made = second.device.make(await second.offer())
    with pytest.raises(Refused, match="here already"):
        await second.take(made)
    assert len(await read_passkeys(dana.door.replica.pool, person_id=dana.person_id)) == 2


@pytest.mark.parametrize("spoil", [elsewhere, for_another_server, without_verifying])
async def test_a_new_passkey_of_another_server_is_not_taken(
    dana: Owner, spoil: Callable[[Authenticator], None]
) -> None:
    second = Owner(dana.door, dana.person_id)
    spoil(second.device)
    with pytest.raises(Refused, match="none was added: begin again"):
        await second.add()
    with pytest.raises(TocsinError, match="name is empty"):
        await dana.take(second.device.make(await dana.offer()), name=" ")
    assert len(await read_passkeys(dana.door.replica.pool, person_id=dana.person_id)) == 1


async def test_a_passkey_that_was_removed_opens_nothing(dana: Owner) -> None:
    pool = dana.door.replica.pool
    (passkey,) = await read_passkeys(pool, person_id=dana.person_id)
    what = {"person_id": dana.person_id, "passkey_id": passkey.passkey_id}
    with pytest.raises(Refused, match="add another one first"):
        await remove_passkey(pool, **what, second_factor="required")
    assert await dana.sign_in() == dana.person_id
    await remove_passkey(pool, **what, second_factor="offered")
    with pytest.raises(SignInRefused, match="opens no account here"):
        await dana.sign_in()
    with pytest.raises(NotFound):
        await remove_passkey(pool, **what, second_factor="offered")
    assert await dana.events() == ["passkey_removed", "passkey_added"]


async def test_who_tries_a_passkey_on_and_on_has_to_wait_and_others_get_in(dana: Owner) -> None:
    stranger = Owner(dana.door, dana.person_id)
    for _ in range(FAILURES_MAX):
        token, asked = await stranger.ask()
        with pytest.raises(SignInRefused):
            await stranger.give(token, stranger.device.answer(asked))
    token, asked = await stranger.ask()
    with pytest.raises(TooManyTries, match="wait ten minutes"):
        await stranger.give(token, stranger.device.answer(asked))
    assert await dana.sign_in() == dana.person_id


async def test_nobody_asks_for_passkeys_without_end(
    dana: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, asked = await dana.ask()
    for _ in range(ASKED_MAX - 1):
        dana.door.passkeys._asked.count("passkey", "192.0.2.1", what="sign-ins")
    with pytest.raises(TooManyTries, match="sign-ins from your address: wait ten minutes"):
        await dana.ask()
    monkeypatch.setattr("tocsin_server.people.asked.WAITING_MAX", 1)
    with pytest.raises(Busy, match="try again in a few minutes"):
        await dana.door.passkeys.ask(source="192.0.2.2")
    assert await dana.give(token, dana.device.answer(asked)) == dana.person_id


def test_passkeys_belong_to_a_name() -> None:
    party = relying_party("https://tocsin.example.org:8443/")
    assert party is not None
    assert (party.name, party.origin) == ("tocsin.example.org", "https://tocsin.example.org:8443")
    party = relying_party("https://Tocsin.example.org:443")
    assert party is not None
    assert (party.name, party.origin) == ("tocsin.example.org", "https://tocsin.example.org")
    assert relying_party("http://127.0.0.1:8480") is None
    assert relying_party("https://[2001:db8::1]/") is None


async def test_an_address_without_a_name_says_so(replica: Replica) -> None:
    nameless = Passkeys(replica, public_url="http://127.0.0.1:8480")
    with pytest.raises(NotFound, match="sign in with your password"):
        await nameless.ask(source="192.0.2.1")
