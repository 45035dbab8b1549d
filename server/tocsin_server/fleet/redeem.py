"""Redeeming a claim code: a board with two keys of its own becomes a button, once.

Promise: the button, its place, its certificate and the window in which a press proves it commit
together with the use of the code, or none of them does. The same board may ask again: what it
got may have been cut off on its way. It is then told the same name and given a certificate anew.

Refused: other keys for a code that was used; keys that are another button's; keys that the board
doesn't hold; and guessing, before it finds a code.
"""

import asyncio
import hashlib
import math
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import structlog
from cryptography.hazmat.primitives import serialization

from tocsin_server.config import Config
from tocsin_server.errors import Busy, NotFound, Refused, because
from tocsin_server.fleet import receipt_keys, reconfigurations
from tocsin_server.fleet.certificates import (
    Authority,
    CertificateError,
    DeploymentError,
    requested_key,
)
from tocsin_server.fleet.claims import digest_of, queries
from tocsin_server.fleet.deployment import button_config
from tocsin_server.fleet.drills import open_proof
from tocsin_server.fleet.revocation import record_certificate
from tocsin_server.fleet.sites import add_place, place_device, register_device
from tocsin_server.inputs import source_of
from tocsin_server.storage.database import Database
from tocsin_wire import signing
from tocsin_wire.claims import (
    ClaimAnswer,
    ClaimProof,
    ClaimRequest,
    key_text,
    read_code,
    read_key,
    request_digest,
)
from tocsin_wire.errors import WireError
from tocsin_wire.signing import VerifyKey
from tocsin_wire.topics import new_device_id

AGAIN_FOR = timedelta(hours=24)  # a board that was cut off in the evening is looked at next day
TIMES_MAX = 60  # certificates for one code: a board asks 24 times in its two minutes

# Wrong codes, in each replica. One person mistypes a few times; thirty boards behind one router
# have right codes, which don't count. Overall, because addresses are cheap: nine replicas take
# 2,700 guesses in 10 minutes, 1.2 million in the three days of a batch of 1,000 codes. There are
# 2**40 codes, so such an attack, seen all that time in every log, finds one with a chance of 1 in
# 1,000, and the board that then finds its code used says so.
GUESSES_MAX = 10
GUESSES_OVERALL_MAX = 300
GUESSES_S = 600.0

log = structlog.get_logger()


class Guessing(Busy):
    """Too many wrong codes; in `wait_s` seconds one more is looked at."""

    def __init__(self, message: str, *, wait_s: int) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class Guesses:
    """The wrong codes of the last while, by who sent them. No clock: the caller brings the time."""

    def __init__(self) -> None:
        self._wrong: deque[tuple[float, str]] = deque()  # of GUESSES_OVERALL_MAX at most

    def check(self, source: str, *, now: float) -> None:
        """Let a code be looked up. Raises Guessing."""
        while self._wrong and now - self._wrong[0][0] >= GUESSES_S:
            self._wrong.popleft()
        theirs = [at for at, who in self._wrong if who == source]
        if len(theirs) >= GUESSES_MAX:
            raise _guessing("from your address", theirs[0], now)
        if len(self._wrong) >= GUESSES_OVERALL_MAX:
            raise _guessing(
                "from many addresses, so somebody may be guessing", self._wrong[0][0], now
            )

    def wrong(self, source: str, *, now: float) -> None:
        """Count one."""
        self._wrong.append((now, source))


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as it stands while its code is being redeemed, and the database's time."""

    claim_id: UUID
    jurisdiction: str
    place_id: UUID | None
    site_id: UUID | None
    created_by: str
    expires_at: datetime
    used_at: datetime | None
    times: int
    device_id: str | None
    press_key_digest: bytes | None
    tls_key_digest: bytes | None
    time_zone: str
    now: datetime

    def told(self, moment: datetime) -> str:
        """Say when, as the clock on the wall says it there."""
        local = moment.astimezone(ZoneInfo(self.time_zone))
        today = self.now.astimezone(local.tzinfo).date() == local.date()
        return f"{local:%H:%M}" if today else f"{local:%H:%M on %Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class Keys:
    """The two keys that a board has shown to hold."""

    press: bytes
    press_digest: bytes
    tls_digest: bytes


@dataclass(frozen=True, slots=True)
class MakeButton:
    """The code is open: make a button of whoever has it."""


@dataclass(frozen=True, slots=True)
class AnswerAgain:
    """The same board asks again for what it may not have got."""

    device_id: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """It can't be used; why, and what to do."""

    sentence: str


def judge(claim: Claim, keys: Keys) -> MakeButton | AnswerAgain | Refuse:
    """Say what becomes of a code that a board with these keys brings."""
    if claim.used_at is None or claim.device_id is None:
        if claim.now < claim.expires_at:
            return MakeButton()
        return Refuse(
            f"This claim code expired at {claim.told(claim.expires_at)}: make a new code."
        )
    same = (claim.press_key_digest, claim.tls_key_digest) == (keys.press_digest, keys.tls_digest)
    if not same:
        return Refuse(
            f"This claim code was used already at {claim.told(claim.used_at)}, by a board with"
            " other keys: make a new code. If no board of yours used it, tell whoever made it."
        )
    if claim.now >= claim.used_at + AGAIN_FOR or claim.times >= TIMES_MAX:
        return Refuse(
            f"This board used this claim code at {claim.told(claim.used_at)}, too long ago or too"
            f" often to be answered again; it is {claim.device_id}. Start over: empty the button's"
            " folder, and make a new code."
        )
    return AnswerAgain(claim.device_id)


@dataclass(frozen=True, slots=True)
class Given:
    """What every new button gets from here."""

    authority: Authority
    root: str  # PEM
    receipt_keys: list[str]
    command_keys: list[str]
    brokers: list[str]
    clusters: list[tuple[str, ...]]


class Redemption:
    """Answers the boards that bring a code."""

    def __init__(self, database: Database, config: Config, authority: Authority | None) -> None:
        """Read what new buttons get; what is missing is said to whoever asks for one."""
        self._database = database
        self._given = _given(config, authority)
        self._guesses = Guesses()
        self._one_code_at_a_time = asyncio.Lock()

    def check(self) -> None:
        """Make sure that a button could be made here. Raises Refused."""
        if isinstance(self._given, str):
            raise Refused(f"This server can't make buttons by a code: {self._given}.")

    async def redeem(self, request: ClaimRequest, *, source: str) -> ClaimAnswer:
        """Make a button. Raises NotFound, Refused, Guessing, DATABASE_ERRORS."""
        given = self._given
        if isinstance(given, str):
            raise Refused(f"This server can't make buttons by a code: {given}.")
        try:
            code = read_code(request.code)
        except ValueError as error:
            raise NotFound(f"{error}. Nothing was done.") from None
        keys = _read_keys(request, code)
        code_digest = await self._look_up(code, source_of(source))
        async with self._database.pool.acquire() as connection, connection.transaction():
            row = await queries.to_redeem(connection, code_digest=code_digest)
            if row is None:
                raise _no_such_code(code)
            claim = Claim(**row)
            match judge(claim, keys):
                case MakeButton():
                    device_id = await _make_button(connection, claim, keys, request)
                case AnswerAgain(device_id):
                    await queries.use_again(connection, claim_id=claim.claim_id)
                case Refuse(sentence):
                    raise Refused(sentence)
                case order:
                    assert_never(order)
            answer = await _equip(connection, claim, device_id, request, given)
        log.warning(
            "a board became a button" if claim.used_at is None else "a button was told again",
            device_id=device_id,
            claim_id=str(claim.claim_id),
            source=source,
        )
        return answer

    async def _look_up(self, code: str, source: str) -> bytes:
        """Give a known code's digest. Raises NotFound, Guessing.

        One after another, so that a hundred guesses at once are counted like any others.
        """
        self._guesses.check(source, now=time.monotonic())
        async with self._one_code_at_a_time:
            self._guesses.check(source, now=time.monotonic())
            code_digest = await digest_of(code)
            if await queries.is_known(self._database.pool, code_digest=code_digest):
                return code_digest
            self._guesses.wrong(source, now=time.monotonic())
        log.warning("a claim code that is none", source=source)
        raise _no_such_code(code)


async def _make_button(
    connection: asyncpg.Connection, claim: Claim, keys: Keys, request: ClaimRequest
) -> str:
    device_id = new_device_id()
    digests = {"press_key_digest": keys.press_digest, "tls_key_digest": keys.tls_digest}
    known = await queries.whose_keys(connection, press_key=keys.press, **digests)
    if known is not None:
        raise _known_keys(claim, known)
    await register_device(
        connection,
        device_id=device_id,
        jurisdiction=claim.jurisdiction,
        public_key=keys.press,
    )
    place_id = claim.place_id
    if claim.site_id is not None:
        place_id = await add_place(
            connection, jurisdiction=claim.jurisdiction, site_id=claim.site_id
        )
    if place_id is not None:
        await place_device(
            connection,
            jurisdiction=claim.jurisdiction,
            device_id=device_id,
            place_id=place_id,
            confirmed_by=None,
        )
    try:
        await queries.use_claim(
            connection,
            claim_id=claim.claim_id,
            device_id=device_id,
            board_serial=request.board_serial,
            model=request.model,
            firmware=request.firmware,
            **digests,
        )
    except asyncpg.UniqueViolationError:
        raise Refused(
            "These keys are being used with another code at this moment: try again."
        ) from None
    return device_id


async def _equip(
    connection: asyncpg.Connection,
    claim: Claim,
    device_id: str,
    request: ClaimRequest,
    given: Given,
) -> ClaimAnswer:
    """Certify a button, open the window for its proof, and write all it needs."""
    certificate = given.authority.certify_request(
        device_id, request.request.encode(), now=claim.now
    )
    jurisdiction = claim.jurisdiction
    await record_certificate(
        connection, jurisdiction=jurisdiction, device_id=device_id, certificate=certificate
    )
    await open_proof(
        connection, jurisdiction=jurisdiction, device_id=device_id, opened_by=claim.created_by
    )
    where = await queries.where_is(connection, device_id=device_id)
    return ClaimAnswer(
        device_id=device_id,
        jurisdiction=jurisdiction,
        config=button_config(
            device_id=device_id,
            jurisdiction=jurisdiction,
            brokers=given.brokers,
            clusters=given.clusters,
            state_dir=request.state_dir,
        ),
        certificate=given.authority.shown_with(certificate).decode(),
        authority=given.root,
        receipt_keys=given.receipt_keys,
        command_keys=given.command_keys,
        site=where["site"] if where else None,
        place=where["place"] or None if where else None,
    )


def _read_keys(request: ClaimRequest, code: str) -> Keys:
    """Check that whoever asks holds both keys. Raises Refused."""
    try:
        public = requested_key(request.request.encode())
    except CertificateError as error:
        raise Refused(f"{error}. Nothing was done; the code can still be used.") from None
    key = VerifyKey(read_key(request.press_key))
    try:
        proof = signing.verify(request.proof.encode(), ClaimProof, {key.kid: key})
        proven = read_code(proof.code) == code
    except (WireError, ValueError):
        proven = False
    if not proven or proof.request_digest != request_digest(request.request):
        raise Refused(
            "The proof isn't signed with the press key, for this code and this request."
            " Nothing was done; the code can still be used."
        )
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Keys(key.raw, hashlib.sha256(key.raw).digest(), hashlib.sha256(der).digest())


def _given(config: Config, authority: Authority | None) -> Given | str:
    """Read what new buttons get, or say what is missing."""
    if authority is None:
        return "fill in [authority] in its tocsin.toml"
    if config.mqtt.ca_file is None:
        return "fill in mqtt.ca_file in its tocsin.toml"
    brokers, clusters = config.button_brokers
    try:
        # What no button could use shall be known before the first of a thousand asks.
        button_config(
            device_id=new_device_id(), jurisdiction="any", brokers=brokers, clusters=clusters
        )
        keys = receipt_keys.read(config.path(config.keys.receipt_keys_file))
        return Given(
            authority=authority,
            root=config.path(config.mqtt.ca_file).read_text(),
            receipt_keys=[key_text(key.raw) for key in keys.both],
            command_keys=[key_text(key.raw) for key in reconfigurations.keys_of(config).values()],
            brokers=brokers,
            clusters=clusters,
        )
    except (DeploymentError, OSError, ValueError) as error:
        return f"{because(error)} (see [buttons], [keys] and mqtt.ca_file in its tocsin.toml)"


def _guessing(who: str, oldest: float, now: float) -> Guessing:
    wait_s = math.ceil(oldest + GUESSES_S - now)
    minutes = math.ceil(wait_s / 60)
    return Guessing(
        f"Too many wrong claim codes {who}: wait {minutes} min, then type the code again, as it"
        " was shown. Nothing was done.",
        wait_s=wait_s,
    )


def _no_such_code(code: str) -> NotFound:
    return NotFound(
        f"There is no claim code {code}: look at it again, or make a new code. Nothing was done."
    )


def _known_keys(claim: Claim, known: asyncpg.Record) -> Refused:
    since = ""
    if known["used_at"] is not None:
        since = (
            f" since {claim.told(known['used_at'])}; if this is that board, type the code that it"
            " used then once more"
        )
    return Refused(
        f"One of these keys is {known['device_id']}'s already{since}. Else start over: empty the"
        " button's folder, so that new keys are made."
    )
