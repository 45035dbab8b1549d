"""Updates: another release for buttons, which the offline key signed, one after the other.

Promise: of each site one button at a time is begun with, and the next one only after that one runs
the new release and is heard: a release that breaks buttons darkens no site. Whoever has failed
holds up its site until somebody asks it again or gives it up. It is said to each, by every
replica, as long as its heartbeats don't tell that it knows: it may be away for months.

Refused: what the deployment's offline key did not sign, a wheel that is another one than was
signed, and two wheels of one version.
"""

import asyncio
import hashlib
import re
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

import aiosql
import asyncpg
import msgspec
import structlog

from tocsin_server import inputs
from tocsin_server.errors import Invalid, NotFound, Refused, because
from tocsin_server.fleet import commands, drills
from tocsin_server.ports import Carrier
from tocsin_server.storage.database import DATABASE_ERRORS, Database
from tocsin_wire import signing
from tocsin_wire.errors import WireError
from tocsin_wire.messages import RELEASE_BYTES_MAX, CommandArguments, Release, ReleaseOffer
from tocsin_wire.signing import SigningKey, VerifyKey

PATH = "/api/v1/releases/"  # and the wheel's digest, in hexadecimal digits
LOOK_S = 5.0
AGAIN_S = 60.0  # to one that doesn't answer, or has another release under way
HEARD_S_MAX = 60.0
AT_ONCE_MAX = 10  # sites; whoever has failed is one of them

_WHEEL = re.compile(r"tocsin-([0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5})-py3-none-any\.whl")

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")
log = structlog.get_logger()


class ButtonUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What a button runs, and what became of what it was asked to run.

    `state`: null (it was asked nothing), waiting, under_way, done, failed. `heard`: within the last
    minute. `held_up`: it waits for another of its site, which is under way or has failed.
    """

    device_id: str
    site_id: UUID | None
    site: str | None
    firmware: str | None
    version: str | None
    state: str | None
    because: str | None
    asked_by: str | None
    changed_at: datetime | None
    heard: bool
    held_up: bool


def describe_wheel(wheel: Path, *, at: str) -> Release:
    """Say what the offline key is to sign of a wheel. Raises Invalid, OSError."""
    named = _WHEEL.fullmatch(wheel.name)
    if named is None:
        raise Invalid(
            f"{wheel.name} is no release for buttons: its name is tocsin-X.Y.Z-py3-none-any.whl,"
            " three numbers and nothing more"
        )
    content = wheel.read_bytes()
    if len(content) > RELEASE_BYTES_MAX:
        raise Invalid(f"{wheel.name} has {len(content)} bytes, and may have {RELEASE_BYTES_MAX}")
    try:
        files = zipfile.ZipFile(wheel).namelist()
    except zipfile.BadZipFile:
        files = []
    wanted = (f"tocsin-{named[1]}.dist-info/METADATA", "tocsin_button/__main__.py")
    if not set(wanted) <= set(files):
        raise Invalid(f"{wheel.name} is not what its name says: build or copy it again")
    digest = hashlib.sha256(content).digest()
    return Release(version=named[1], sha256=digest, size_bytes=len(content), at=at)


def check(statement: bytes, wheel: bytes, keys: Mapping[str, VerifyKey]) -> Release:
    """Make sure that the offline key signed this very wheel. Raises Invalid."""
    try:
        release = signing.verify(statement, Release, keys)
    except WireError as error:
        raise Invalid(
            "that isn't what tocsin keys sign-update wrote with this deployment's offline key:"
            f" {error}"
        ) from None
    if hashlib.sha256(wheel).digest() != release.sha256:
        raise Invalid(
            f"that wheel is another one than was signed as {release.version}: bring the two files"
            " of one signing"
        )
    return release


async def ask(
    pool: asyncpg.Pool,
    *,
    statement: bytes,
    wheel: bytes,
    keys: Mapping[str, VerifyKey],
    device_ids: Sequence[str],
    by: str,
) -> Release:
    """Keep a release, and have it said to these buttons. Raises Invalid, Refused."""
    release = check(statement, wheel, keys)
    by = inputs.text("the name of who sends it", by)
    async with pool.acquire() as connection, connection.transaction():
        added = await queries.add_release(
            connection,
            version=release.version,
            statement=statement.decode(),
            sha256=release.sha256,
            wheel=wheel,
            added_by=by,
        )
        if added is None:
            raise Refused(
                f"{release.version} was sent before with other contents: give what is another"
                " release another version. Nothing was changed."
            )
        await queries.ask(
            connection, device_ids=list(device_ids), version=release.version, asked_by=by
        )
        await queries.forget_releases(connection, version=release.version)
    return release


async def give_up(pool: asyncpg.Pool, device_ids: Sequence[str]) -> list[str]:
    """Ask these buttons nothing more, but those that are at it; say which were asked."""
    rows = queries.give_up(pool, device_ids=list(device_ids), heard_s=HEARD_S_MAX)
    return sorted([row["device_id"] async for row in rows])


async def buttons(pool: asyncpg.Pool, *, jurisdiction: str) -> list[ButtonUpdate]:
    """List the buttons with what they run, those of a site together."""
    rows = queries.buttons(pool, jurisdiction=jurisdiction, heard_s=HEARD_S_MAX)
    return [ButtonUpdate(**row) async for row in rows]


async def read_wheel(pool: asyncpg.Pool, sha256: str) -> bytes:
    """Give a wheel by its digest. Raises NotFound."""
    digest = bytes.fromhex(sha256) if re.fullmatch("[0-9a-f]{64}", sha256) else b""
    wheel: bytes | None = await queries.wheel(pool, sha256=digest)
    if wheel is None:
        raise NotFound("There is no release with this digest.")
    return wheel


class Updates:
    """What one replica says to buttons."""

    def __init__(
        self,
        database: Database,
        key: SigningKey,
        brokers: Callable[[], Sequence[Carrier]],
        *,
        public_url: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._key, self._brokers = database, key, brokers
        self._url = public_url.rstrip("/") + PATH
        self._clock = clock
        self._said: dict[UUID, float] = {}  # when, by command

    async def run(self) -> None:
        """Go on with it until cancelled."""
        while True:
            try:
                await self.turn()
            except DATABASE_ERRORS as error:
                log.warning("buttons are updated later", because=because(error))
            await asyncio.sleep(LOOK_S)

    async def turn(self) -> None:
        """See what became of those under way, begin with the next, say it to who doesn't know.

        Raises DATABASE_ERRORS.
        """
        pool = self._database.pool
        async for row in queries.settle(pool):
            told = log.warning if row["state"] == "failed" else log.info
            told("button updated", **row)
        try:
            async for row in queries.begin(pool, heard_s=HEARD_S_MAX, at_once=AT_ONCE_MAX):
                log.info("a button is to be updated", **row)
        except asyncpg.UniqueViolationError:
            return  # another replica has just given a seat to another button
        await self._say()

    async def _say(self) -> None:
        pool, now = self._database.pool, self._clock()
        self._said = {each: at for each, at in self._said.items() if now - at < AGAIN_S}
        rows = queries.to_say(pool, heard_s=HEARD_S_MAX, but=list(self._said))
        wanted = {row["device_id"]: row async for row in rows}
        if not wanted:
            return
        async for numbers in drills.queries.next_commands(pool, device_ids=sorted(wanted)):
            row = wanted[numbers["device_id"]]
            offer = ReleaseOffer(statement=row["statement"], url=self._url + row["sha256"])
            self._said[row["command_id"]] = now
            commands.publish(
                self._brokers(),
                self._key,
                numbers,
                jurisdiction=row["jurisdiction"],
                command_id=row["command_id"],
                name="update",
                args=CommandArguments(release=offer),
            )
