"""A password with codes of an app: what each opens, how often, and how somebody gets out of it."""

import asyncio
from uuid import UUID

import asyncpg
import pyotp
import pytest
import pytest_asyncio

from tests.offices import Office
from tests.people.door import Door
from tests.people.test_passkeys import Owner
from tocsin_server.errors import NotFound, Refused
from tocsin_server.people import codes, factors
from tocsin_server.people.account_record import REFUSALS_PER_HOUR_MAX, read_record, record_refusal
from tocsin_server.people.accounts import add_person
from tocsin_server.people.attempts import TooManyTries
from tocsin_server.people.codes import OFFER_LASTS_S, RECOVERY_CODES, STEP_S, TRIES_MAX, CodeProof
from tocsin_server.people.ways import CodeWanted, SignInRefused, StartOver
from tocsin_server.storage.database import Database as Replica

EMAIL, PASSWORD = "maya@example.org", "ballots are in the blue box"


class Phone:
    """Somebody's app. It shows the codes of the database's time."""

    def __init__(self, pool: asyncpg.Pool, person_id: UUID, secret: str) -> None:
        self.pool = pool
        self.person_id = person_id
        self.secret = secret
        self.recovery: list[str] = []

    async def code(self, *, later: int = 0) -> str:
        """The code now, or of so many time steps later."""
        now_s = await self.pool.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        return pyotp.TOTP(self.secret).at(int(now_s), counter_offset=later)

    async def wrong(self) -> str:
        near = {await self.code(later=step) for step in range(-3, 4)}
        return next(code for code in map("{:06}".format, range(10)) if code not in near)

    async def forget_the_last_code(self) -> None:
        """As half a minute later."""
        await self.pool.execute("UPDATE code_app SET last_step = last_step - 1")


@pytest_asyncio.fixture
async def door(replica: Replica, office: Office) -> Door:
    return Door(replica)


@pytest_asyncio.fixture
async def maya(door: Door) -> Phone:
    """Maya, who has set up codes."""
    pool = door.replica.pool
    person_id = await add_person(
        pool,
        jurisdiction="48453",
        name="Maya Chen",
        email=EMAIL,
        phone=None,
        role="supervisor",
        password=PASSWORD,
    )
    phone = Phone(pool, person_id, await codes.offer(pool, person_id=person_id))
    phone.recovery = await codes.confirm(
        pool, person_id=person_id, code=await phone.code(), session=None
    )
    await phone.forget_the_last_code()
    return phone


async def wanted(door: Door) -> str:
    """The right password: a code is wanted."""
    knocked = await door.knock(EMAIL, PASSWORD)
    assert isinstance(knocked, CodeWanted)
    return knocked.token


async def give(door: Door, token: str | None, code: str) -> UUID:
    account = await door.codes.prove(CodeProof(token, code), source="192.0.2.1")
    return account.person_id


async def why_refused(phone: Phone) -> str:
    newest, *_ = await read_record(phone.pool, person_id=phone.person_id)
    assert newest.name == "sign_in_refused"
    return newest.what["why"]


async def test_a_password_opens_nothing_without_the_code(door: Door, maya: Phone) -> None:
    token = await wanted(door)
    with pytest.raises(SignInRefused, match="password is wrong"):
        await door.knock(EMAIL, "a wrong password")
    assert await give(door, token, await maya.code()) == maya.person_id
    with pytest.raises(StartOver):
        await give(door, token, await maya.code(later=1))


async def test_who_came_in_by_the_password_alone_is_out_once_there_is_more(door: Door) -> None:
    pool = door.replica.pool
    person_id = await add_person(
        pool,
        jurisdiction="48453",
        name="Luis Herrera",
        email="luis@example.org",
        phone=None,
        role="dispatcher",
        password=PASSWORD,
    )
    (mine, _), (another, _) = [await door.sign_in("luis@example.org", PASSWORD) for _ in range(2)]
    phone = Phone(pool, person_id, await codes.offer(pool, person_id=person_id))
    await codes.confirm(pool, person_id=person_id, code=await phone.code(), session=mine)
    door.sessions.forget(person_id)
    assert await door.sessions.reader(mine) is not None
    assert await door.sessions.reader(another) is None


async def test_a_code_is_taken_once_by_whichever_replica(door: Door, maya: Phone) -> None:
    both = [(door, await wanted(door)), (Door(door.replica), await wanted(door))]
    code = await maya.code()
    came = await asyncio.gather(
        *(give(at, token, code) for at, token in both), return_exceptions=True
    )
    assert maya.person_id in came
    (refused,) = (each for each in came if each != maya.person_id)
    assert isinstance(refused, SignInRefused)
    assert "used already: wait for the next one" in str(refused)
    assert await why_refused(maya) == "a code that was used before"


@pytest.mark.parametrize("steps", range(-3, 4))
def test_codes_of_the_steps_beside_count_and_others_do_not(steps: int) -> None:
    secret, now_s = pyotp.random_base32(), 1_794_000_000 + 17
    code = pyotp.TOTP(secret).at(now_s, counter_offset=steps)
    step = codes._step_of(secret, code, now_s=now_s)
    assert step == (now_s // STEP_S + steps if abs(steps) <= 1 else None)


async def test_a_wrong_code_opens_nothing_and_is_on_the_record(door: Door, maya: Phone) -> None:
    token = await wanted(door)
    with pytest.raises(SignInRefused, match="not the code that your app shows now"):
        await give(door, token, await maya.wrong())
    assert await why_refused(maya) == "a wrong code"
    code = await maya.code()
    assert await give(door, token, f"{code[:3]} {code[3:]}") == maya.person_id


async def test_who_guesses_codes_has_to_wait_wherever_they_come_from(
    door: Door, maya: Phone
) -> None:
    wrong = await maya.wrong()
    token = await wanted(door)
    guesses = [give(Door(door.replica), token, wrong) for _ in range(TRIES_MAX + 3)]
    came = await asyncio.gather(*guesses, return_exceptions=True)
    kinds = [type(each) for each in came]
    assert kinds.count(SignInRefused) == TRIES_MAX
    assert kinds.count(TooManyTries) == 3
    with pytest.raises(TooManyTries, match="wait 15 minutes, or use a passkey"):
        await give(door, token, await maya.code())
    assert await why_refused(maya) == "too many wrong codes"
    # Who guesses can't keep the owner out, who has what nobody guesses.
    assert await give(door, await wanted(door), maya.recovery[0]) == maya.person_id
    await maya.pool.execute("UPDATE code_app SET tries_from = tries_from - interval '15 minutes'")
    assert await give(door, token, await maya.code()) == maya.person_id


async def test_each_recovery_code_opens_once(door: Door, maya: Phone) -> None:
    assert len(set(maya.recovery)) == RECOVERY_CODES
    first = maya.recovery[0].lower().replace("-", " ")
    assert await give(door, await wanted(door), first) == maya.person_id
    newest, *_ = await read_record(maya.pool, person_id=maya.person_id)
    assert (newest.name, newest.what["left"]) == ("recovery_code_used", "7")
    token = await wanted(door)
    for no_more in (first, "AAAA-AAAA-AAAA-AAAA", "", "12345", "é" * 6, "١٢٣٤٥٦"):
        with pytest.raises(SignInRefused, match="no recovery code that you still have"):
            await give(door, token, no_more)
        await maya.pool.execute("UPDATE code_app SET tries = 0")
    kept = await maya.pool.fetch("SELECT code_digest FROM recovery_code")
    assert len(kept) == RECOVERY_CODES - 1
    renewed = await codes.renew_recovery_codes(maya.pool, person_id=maya.person_id)
    assert not {*renewed} & {*maya.recovery}
    with pytest.raises(SignInRefused):
        await give(door, token, maya.recovery[1])
    assert await give(door, token, renewed[0]) == maya.person_id


async def test_what_was_asked_for_runs_out_and_is_for_one_browser(door: Door, maya: Phone) -> None:
    token = await wanted(door)
    for other in ("another browser's token", "", None):
        with pytest.raises(StartOver):
            await give(door, other, await maya.code())
    await maya.pool.execute("UPDATE asked SET expires_at = expires_at - interval '301 s'")
    with pytest.raises(StartOver, match="longer than five minutes"):
        await give(door, token, await maya.code())


async def test_an_app_counts_once_its_code_came_back(door: Door, maya: Phone) -> None:
    new = Phone(maya.pool, maya.person_id, await codes.offer(maya.pool, person_id=maya.person_id))
    with pytest.raises(Refused, match="not the code that the app shows for this picture"):
        await codes.confirm(
            maya.pool, person_id=maya.person_id, code=await new.wrong(), session=None
        )
    assert await give(door, await wanted(door), await maya.code()) == maya.person_id
    await codes.confirm(maya.pool, person_id=maya.person_id, code=await new.code(), session=None)
    await new.forget_the_last_code()
    assert await give(door, await wanted(door), await new.code()) == maya.person_id
    with pytest.raises(Refused, match="begin again"):
        await codes.confirm(
            maya.pool, person_id=maya.person_id, code=await new.code(), session=None
        )
    await codes.offer(maya.pool, person_id=maya.person_id)
    await maya.pool.execute(
        "UPDATE code_app SET offered_at = offered_at - $1 * interval '1 s'", OFFER_LASTS_S + 1.0
    )
    with pytest.raises(Refused, match="picture is too old"):
        await codes.confirm(
            maya.pool, person_id=maya.person_id, code=await new.code(), session=None
        )


async def test_an_administrator_takes_it_all_away_and_the_password_opens_again(
    door: Door, maya: Phone
) -> None:
    owner = Owner(door, maya.person_id)
    await owner.add()
    account = await door.codes.prove(
        CodeProof(await wanted(door), await maya.code()), source="192.0.2.1"
    )
    token, _ = await door.sessions.begin(account, way="password and code", source="192.0.2.1")
    left = await wanted(door)
    where = {"person_id": maya.person_id, "by": "Ada Park"}
    with pytest.raises(NotFound):
        await factors.take_away(maya.pool, jurisdiction="48491", **where)  # type: ignore[arg-type]
    await factors.take_away(maya.pool, jurisdiction="48453", **where)  # type: ignore[arg-type]
    assert await Door(door.replica).sessions.reader(token) is None, "signed out"
    with pytest.raises(SignInRefused):
        await owner.sign_in()
    with pytest.raises(StartOver):
        await give(door, left, await maya.code())
    _, reader = await door.sign_in(EMAIL, PASSWORD)
    assert reader.second_factor == "offered"
    events = await read_record(maya.pool, person_id=maya.person_id)
    taken = next(each for each in events if each.name == "second_factors_taken_away")
    assert taken.what == {"by": "Ada Park"}


async def test_where_it_is_required_a_password_alone_opens_the_way_to_add_one_and_no_more(
    door: Door, maya: Phone
) -> None:
    strict = Door(door.replica, second_factor="required")
    with pytest.raises(Refused, match="add another one first"):
        await factors.remove_codes(maya.pool, person_id=maya.person_id, second_factor="required")
    owner = Owner(strict, maya.person_id)
    await owner.add()
    await factors.remove_codes(maya.pool, person_id=maya.person_id, second_factor="required")
    with pytest.raises(SignInRefused, match="use your passkey"):
        await strict.knock(EMAIL, PASSWORD)
    await factors.take_away(
        maya.pool, jurisdiction="48453", person_id=maya.person_id, by="Ada Park"
    )
    token, reader = await strict.sign_in(EMAIL, PASSWORD)
    assert reader.second_factor == "required"
    await owner.add(screen=token)
    found = await strict.sessions.reader(token)
    assert found is not None
    assert found.second_factor == "set", "at once, whatever was known a moment ago"


async def test_wrong_guesses_do_not_fill_the_record(door: Door, maya: Phone) -> None:
    for _ in range(REFUSALS_PER_HOUR_MAX + 5):
        await record_refusal(maya.pool, EMAIL.upper(), why="a guess")
    kept = await maya.pool.fetchval(
        "SELECT count(*) FROM account_event WHERE name = 'sign_in_refused'"
    )
    assert kept == REFUSALS_PER_HOUR_MAX
    await record_refusal(maya.pool, "nobody@example.org", why="a guess")
    assert await maya.pool.fetchval("SELECT count(DISTINCT person_id) FROM account_event") == 1
