"""Whoever brings a code gets a clear answer, and a code never makes two buttons or half a one."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import asyncpg
import msgspec
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests import parts
from tests.offices import open_office
from tests.parts import Answer, Deployment, Server
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port
from tocsin_server.fleet.claims import ClaimPlace, NewClaim, add_claim
from tocsin_wire.claims import (
    REDEEM_PATH,
    ClaimAnswer,
    ClaimProof,
    ClaimRequest,
    key_text,
    new_code,
    read_code,
    request_digest,
)
from tocsin_wire.signing import SigningKey

pytestmark = pytest.mark.asyncio(loop_scope="session")

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def csr(key: Key) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class Board:
    """A board's two keys, and what it asks with."""

    def __init__(self, *, press: SigningKey | None = None, tls: Key | None = None) -> None:
        self.press = press or SigningKey.generate()
        self.tls = tls or ec.generate_private_key(ec.SECP256R1())

    def request(self, code: str, **other: object) -> bytes:
        """Its request; `other` says what is wrong with it."""
        request = str(other.get("request", csr(self.tls)))
        proof = ClaimProof(code=code, request_digest=request_digest(request))
        asked = ClaimRequest(
            code=code,
            request=request,
            press_key=key_text(self.press.public.raw),
            proof=self.press.sign(proof).decode(),
        )
        return msgspec.json.encode(msgspec.to_builtins(asked) | other)


@dataclass
class Desk:
    """A server with one site, and the way to its door."""

    url: str
    pool: asyncpg.Pool
    jurisdiction: str
    session: aiohttp.ClientSession

    async def code(self, *, minutes: int = 30) -> str:
        async with self.pool.acquire() as connection:
            new: NewClaim = await add_claim(
                connection,
                jurisdiction=self.jurisdiction,
                place=ClaimPlace(),
                created_by="Sam Novak",
                minutes=minutes,
                server=self.url,
            )
        return new.code

    async def ask(self, body: bytes, *, source: str = "203.0.113.7") -> Answer:
        headers = {"Content-Type": "application/json", "X-Forwarded-For": source}
        async with self.session.post(self.url + REDEEM_PATH, data=body, headers=headers) as said:
            return Answer(status=said.status, body=await said.read())

    async def become(self, board: Board, code: str) -> ClaimAnswer:
        answer = await self.ask(board.request(code))
        assert answer.status == 200, answer.body
        return msgspec.json.decode(answer.body, type=ClaimAnswer)

    async def refused(self, body: bytes, status: int, *words: str) -> None:
        """It is refused in these words, and nothing has changed."""
        before = await self.counts()
        answer = await self.ask(body)
        assert answer.status == status, answer.body
        for word in words:
            assert word in answer.body.decode()
        assert await self.counts() == before

    async def counts(self) -> tuple[int, ...]:
        tables = ("device", "device_health", "certificate", "place", "drill_window")
        return tuple(
            [await self.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    """One server for all tests of this file; each brings codes and boards of its own."""
    deployment = Deployment(tmp_path_factory.mktemp("c") / "d")
    async with (
        parts.fresh_database(postgres, parts.EMPTY) as database,
        database.pool() as pool,
        aiohttp.ClientSession() as session,
    ):
        config = deployment.server_config(
            replica_id="server-1",
            port=free_port(),
            dsn=database.dsn,
            brokers=deployment.broker_urls,
        )
        server = Server(config)
        office = await open_office(pool)
        await server.start(until_ready=False)
        try:
            yield Desk(server.url, pool, office.jurisdiction, session)
        finally:
            await server.stop()


async def test_the_same_board_is_the_same_button_and_any_other_board_is_refused(desk: Desk) -> None:
    board, code = Board(), await desk.code()
    before = await desk.counts()
    answers = await asyncio.gather(*(desk.become(board, code) for _ in range(5)))
    assert len({answer.device_id for answer in answers}) == 1
    first = answers[0]
    after = await desk.counts()
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 5, 0, 1]
    chain = x509.load_pem_x509_certificates(first.certificate.encode())
    [name] = chain[0].subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert (name.value, len(chain)) == (first.device_id, 2)
    assert len(first.receipt_keys) == 2
    # Also after the code's own time is over: what it got may have been cut off.
    await desk.pool.execute("UPDATE claim SET expires_at = used_at")
    assert (await desk.become(board, code)).device_id == first.device_id
    await desk.refused(Board().request(code), 409, "used already at", "make a new code")
    mixed = Board(press=board.press)
    await desk.refused(mixed.request(code), 409, "used already at")
    await desk.pool.execute("UPDATE claim SET used_at = used_at - interval '25 hours'")
    await desk.refused(board.request(code), 409, "too long ago", first.device_id)


async def test_of_two_boards_with_one_code_in_the_same_moment_one_becomes_a_button(
    desk: Desk,
) -> None:
    code = await desk.code()
    said = await asyncio.gather(*(desk.ask(Board().request(code)) for _ in range(4)))
    assert sorted(answer.status for answer in said) == [200, 409, 409, 409]


async def test_a_key_of_another_button_makes_no_second_one(desk: Desk) -> None:
    board = Board()
    first = await desk.become(board, await desk.code())
    code = await desk.code()
    for known in (Board(press=board.press), Board(tls=board.tls)):
        await desk.refused(known.request(code), 409, first.device_id, "start over")
    folder_key = SigningKey.generate()
    await desk.pool.execute(
        "UPDATE device SET public_key = $1 WHERE device_id <> $2",
        folder_key.public.raw,
        first.device_id,
    )
    await desk.refused(Board(press=folder_key).request(code), 409, "already")
    await desk.become(Board(), code)


async def test_what_no_board_should_send_is_refused_and_leaves_the_code_good(desk: Desk) -> None:
    board, code = Board(), await desk.code()
    other = SigningKey.generate()
    stolen = board.press.sign(ClaimProof(code=new_code(), request_digest=b"")).decode()
    rsa_key = rsa.generate_private_key(65537, 2048)
    flipped = csr(board.tls).replace("A", "B", 1)
    for body, status, word in (
        (board.request(""), 404, "nothing was given"),
        (board.request("7K2M-X9Q"), 404, "eight letters and digits"),
        (board.request(code, request="no request"), 409, "no certificate request"),
        (board.request(code, request=flipped), 409, "the code can still be used"),
        (Board(tls=rsa_key).request(code), 409, "ECDSA P-256"),
        (board.request(code, press_key="AAAA"), 400, "doesn't fit"),
        (board.request(code, press_key=key_text(other.public.raw)), 409, "proof"),
        (board.request(code, proof=stolen), 409, "isn't signed with the press key"),
        (board.request(code, model="x" * 101), 400, "doesn't fit"),
        (board.request(code, request="x" * 70_000), 413, "Too Large"),
        (b"{", 400, "doesn't fit"),
    ):
        await desk.refused(body, status, word)
    await desk.become(board, code)


async def test_an_expired_a_revoked_and_an_unknown_code_say_so(desk: Desk) -> None:
    code = await desk.code()
    await desk.pool.execute("UPDATE claim SET expires_at = clock_timestamp()")
    await desk.refused(Board().request(code), 409, "expired at", "make a new code")
    await desk.pool.execute("DELETE FROM claim")
    await desk.refused(Board().request(code), 404, "There is no claim code", code)


async def test_a_hundred_guesses_find_a_closed_door_and_a_right_code_still_opens_it(
    desk: Desk,
) -> None:
    guesses = (desk.ask(Board().request(new_code()), source="198.51.100.9") for _ in range(100))
    said = await asyncio.gather(*guesses)
    assert sorted(answer.status for answer in said) == [404] * 10 + [429] * 90
    board, code = Board(), await desk.code()
    headers = {"Content-Type": "application/json", "X-Forwarded-For": "198.51.100.9"}
    async with desk.session.post(
        desk.url + REDEEM_PATH, data=board.request(code), headers=headers
    ) as response:
        assert response.status == 429
        assert 0 < int(response.headers["Retry-After"]) <= 600
        assert "wait 10 min" in (await response.text())
    await desk.become(board, code)


async def test_a_claim_that_fails_half_way_leaves_nothing(desk: Desk) -> None:
    board, code = Board(), await desk.code()
    await desk.pool.execute(
        "ALTER TABLE drill_window ADD CONSTRAINT broken CHECK (device_id IS NULL) NOT VALID"
    )
    await desk.refused(board.request(code), 503, "not done")
    await desk.pool.execute("ALTER TABLE drill_window DROP CONSTRAINT broken")
    await desk.become(board, code)


@pytest.mark.parametrize("typed", ["7k2m x9qr", "7K2M-X9QR", "7k2mx9qr", " 7K2M\u2013X9QR "])
async def test_a_code_is_read_as_people_type_it(typed: str) -> None:
    assert read_code(typed) == "7K2M-X9QR"
    assert read_code("OIL0-1111") == "0110-1111"
