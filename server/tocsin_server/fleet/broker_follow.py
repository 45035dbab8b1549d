"""Following, at the broker: what the server revokes, the Mosquitto beside us refuses.

Promise: a second or two after a revocation, `crl.pem` keeps the button from connecting, a block at
the end of `acl` makes the session that it has deaf and mute, and Mosquitto has read both. Nobody
else's session is touched. Files appear whole or not at all; what a hand changes in `acl` outside
that block stays; what goes wrong is said once, and once more when it is over.

Refused: a list that this deployment's authority did not sign, that is older than ours, or over: the
one that holds stays. The broker is never restarted, and a server that is away changes nothing.
"""

import asyncio
import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import aiohttp
import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from tocsin_server.errors import because
from tocsin_server.fleet import following, revocation_list
from tocsin_server.fleet.certificates import (
    CertificateError,
    Certified,
    DeploymentError,
    read_certificate,
)
from tocsin_server.fleet.following import SAID_AGAIN_S, Following
from tocsin_server.fleet.revocation_list import LIST_BYTES_MAX, ListRefused, RevocationList

ASK_EVERY_S = 1.0
ANSWER_S_MAX = 3.0
RELOAD_S_MAX = 10.0
LOOK_AGAIN_S = 0.02
READ_IN_S = 0.2  # Mosquitto deals with what came before a signal, and then reads its files

_BEGIN = "# --- tocsin broker follow writes from here on; your own lines belong above ---"
_END = "# --- tocsin broker follow wrote until here ---"
_BLOCK = re.compile(rf"\n?^{re.escape(_BEGIN)}\n.*?^{re.escape(_END)}\n?", re.DOTALL | re.MULTILINE)
_MARKS = re.compile(rf"^(?:{re.escape(_BEGIN)}|{re.escape(_END)})\n?", re.MULTILINE)

log = structlog.get_logger()


class _Trouble:
    """What goes wrong is said when it begins and when it is over, not every second."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._because: str | None = None
        self._since: datetime | None = None

    def begins(self, reason: str, **more: str) -> None:
        """Say it, unless it was said for this reason already."""
        self._since = self._since or datetime.now(UTC)
        if reason != self._because:
            self._because = reason
            log.error(self._what, because=reason, since=f"{self._since:%Y-%m-%d %H:%M:%S}Z", **more)

    def over(self) -> None:
        """Say that it is over, if it was."""
        if self._since is not None:
            log.info("this is over", trouble=self._what, since=f"{self._since:%Y-%m-%d %H:%M:%S}Z")
        self._since = self._because = None


Reload = Callable[[], Awaitable[None]]


class Follower:
    """The follower of one Mosquitto; `folder` is the one that it runs in.

    `name` is how the broker is known on the server. Raises DeploymentError where the folder lacks
    what is needed.
    """

    def __init__(self, folder: Path, *, servers: Sequence[str], name: str, reload: Reload) -> None:
        self._crl_file, self._acl_file = folder / "crl.pem", folder / "acl"
        self._broker = Certified.load(folder / "broker.crt", folder / "broker.key")
        self._root = read_certificate(folder / "ca.crt")
        self._issuer = _issuer(self._broker, self._root)
        self._servers = deque(servers)
        self._name = name
        self._reload = reload
        self._current = self._on_disk()
        self._in_force: int | None = None  # what was read in before we began, nobody knows
        self._said: tuple[int, float] | None = None
        self._of_server = {each: _Trouble(f"no list from {each}") for each in servers}
        self._away = _Trouble(
            "NO SERVER GIVES A LIST: the one that holds stays, but what is revoked now does not"
            " reach this broker"
        )
        self._unwritten = _Trouble("THE LIST CAN'T BE PUT IN FORCE HERE")
        self._unheard = _Trouble("the server doesn't take our word for which list holds here")

    async def run(self) -> None:
        """Follow until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_S_MAX)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                await self.turn(session)
                await asyncio.sleep(ASK_EVERY_S)

    async def turn(self, session: aiohttp.ClientSession) -> None:
        """Ask once, put in force what is newest, and tell the server."""
        answered = await self._ask_any(session)
        if self._current is None:
            return
        try:
            await self._put_in_force(self._current)
        except (DeploymentError, OSError) as error:
            self._unwritten.begins(because(error))
            return
        self._unwritten.over()
        if answered is not None:
            await self._tell(session, answered, self._current.number)

    async def _ask_any(self, session: aiohttp.ClientSession) -> str | None:
        """Ask the servers in turn until one answers, and give that one."""
        for server in list(self._servers):
            try:
                await self._ask(session, server)
            except ListRefused as error:
                self._of_server[server].begins(str(error))
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                self._of_server[server].begins(f"it doesn't answer ({type(error).__name__})")
            else:
                self._of_server[server].over()
                self._away.over()
                return server
            self._servers.rotate(-1)
        self._away.begins("; ".join(self._servers))
        return None

    async def _ask(self, session: aiohttp.ClientSession, server: str) -> None:
        """Take over what this server has. Raises ListRefused, and what aiohttp raises."""
        known = {} if self._current is None else {"If-None-Match": f'"{self._current.number}"'}
        async with session.get(f"{server}/api/v1/revocations", headers=known) as answer:
            if answer.status == HTTPStatus.NOT_MODIFIED and self._current is not None:
                return
            body = await _body(answer)
            if answer.status != HTTPStatus.OK:
                said = body[:200].decode(errors="replace")
                raise ListRefused(f"it answers {answer.status}: {said}")
        found = revocation_list.read(body, issuer=self._issuer, now=datetime.now(UTC))
        if self._current is not None and found.number == self._current.number:
            return
        if self._current is not None and found.number < self._current.number:
            raise ListRefused(
                f"its list {found.number} is older than {self._current.number}, which holds here"
            )
        self._current = found

    async def _put_in_force(self, current: RevocationList) -> None:
        """Bring both files to what the list says, and let Mosquitto read them."""
        lists = b"".join([*self._lists_of_root(), current.pem])
        acl = self._acl_file.read_text(errors="surrogateescape")
        denying = with_denials(acl, current.device_ids).encode(errors="surrogateescape")
        if _rewrite(self._crl_file, lists) | _rewrite(self._acl_file, denying):
            self._in_force = None
        if self._in_force != current.number:
            await self._reload()
            await asyncio.sleep(READ_IN_S)
            self._in_force = current.number
            log.info("in force", number=current.number, buttons=len(current.device_ids))

    async def _tell(self, session: aiohttp.ClientSession, server: str, number: int) -> None:
        now = asyncio.get_running_loop().time()
        if self._said is not None:
            said, at = self._said
            if said == number and now - at < SAID_AGAIN_S:
                return
        statement = following.stated(Following(broker=self._name, number=number), self._broker)
        try:
            async with session.post(
                f"{server}/api/v1/revocations/following", data=statement
            ) as answer:
                if answer.status == HTTPStatus.NO_CONTENT:
                    self._said = number, now
                    self._unheard.over()
                else:
                    self._unheard.begins((await answer.text())[:200])
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            self._unheard.begins(type(error).__name__)

    def _on_disk(self) -> RevocationList | None:
        """Read what held when we ended last; nothing where it can't be read any more."""
        found = []
        for pem in self._blocks():
            with suppress(ListRefused):
                found.append(revocation_list.read(pem, issuer=self._issuer, now=datetime.now(UTC)))
        return max(found, key=lambda each: each.number, default=None)

    def _lists_of_root(self) -> list[bytes]:
        """Give the root's own list, which nobody signs again."""
        return [
            pem
            for pem in self._blocks()
            if self._root != self._issuer and revocation_list.is_signed_by(pem, self._root)
        ]

    def _blocks(self) -> list[bytes]:
        try:
            return revocation_list.split(self._crl_file.read_bytes())
        except FileNotFoundError:
            return []


def with_denials(acl: str, device_ids: Sequence[str]) -> str:
    """Give Mosquitto's ACL with a block at its end that silences these buttons.

    A block that a hand has damaged loses its marks, and is a hand's own from then on.
    """
    own = _MARKS.sub("", _BLOCK.sub("", acl)).rstrip("\n") + "\n"
    if not device_ids:
        return own
    denials = "".join(f"user {device_id}\ntopic deny #\n" for device_id in device_ids)
    return f"{own}\n{_BEGIN}\n{denials}{_END}\n"


async def reload_mosquitto(folder: Path) -> None:
    """Let the Mosquitto that runs in this folder read its files again. Raises DeploymentError."""
    running = _mosquittos_in(folder)
    if not running:
        raise DeploymentError(
            f"no Mosquitto of ours runs in {folder}: start it, or say with --reload how it is"
            " made to read its files"
        )
    for pid in running:
        os.kill(pid, signal.SIGHUP)
    try:
        async with asyncio.timeout(RELOAD_S_MAX):
            for pid in running:
                await _until_heard(pid)
    except TimeoutError:
        raise DeploymentError(
            f"the Mosquitto in {folder} took no signal for {RELOAD_S_MAX:.0f} s: is it stopped?"
        ) from None


async def reload_by(command: str) -> None:
    """Run somebody's own command for it. Raises DeploymentError where that fails."""
    process = await asyncio.create_subprocess_shell(command, stdin=subprocess.DEVNULL)
    try:
        code = await asyncio.wait_for(process.wait(), RELOAD_S_MAX)
    except TimeoutError:
        process.kill()
        raise DeploymentError(f"{command!r} did not end in {RELOAD_S_MAX:.0f} s") from None
    if code != 0:
        raise DeploymentError(f"{command!r} ended with {code}")


def _mosquittos_in(folder: Path) -> list[int]:
    processes = Path("/proc").glob("[0-9]*")
    return [int(each.name) for each in processes if _is_mosquitto_in(each, folder)]


def _is_mosquitto_in(process: Path, folder: Path) -> bool:
    try:
        name = (process / "comm").read_text()
        return name == "mosquitto\n" and (process / "cwd").samefile(folder)
    except OSError:  # it has ended, or isn't ours
        return False


async def _until_heard(pid: int) -> None:
    """Wait while the SIGHUP is pending for this process: it takes none while it waits itself."""
    while _is_pending(pid):  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(LOOK_AGAIN_S)


def _is_pending(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has ended; the next one reads the files as it starts
        return False
    pending = re.search(r"(?m)^ShdPnd:\s*([0-9a-f]+)$", status)  # proc(5)
    return pending is not None and bool(int(pending[1], 16) & 1 << (signal.SIGHUP - 1))


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """Read an answer to its end. Raises ListRefused where it has none in sight."""
    body = b""
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > LIST_BYTES_MAX:
            raise ListRefused(f"it is longer than {LIST_BYTES_MAX} bytes")
    return body


def _issuer(broker: Certified, root: x509.Certificate) -> x509.Certificate:
    """Give who signs lists: who certified this broker, if the root vouches for it."""
    issuer = broker.issuers[0] if broker.issuers else root
    try:
        broker.certificate.verify_directly_issued_by(issuer)
        issuer.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        raise CertificateError(
            "broker.crt is not of the deployment of ca.crt: copy both from its folder"
        ) from None
    return issuer


def _rewrite(path: Path, content: bytes) -> bool:
    """Put new content in a file's place, whole or not at all; say whether it was another."""
    try:
        if path.read_bytes() == content:
            return False
        before = path.stat()
    except FileNotFoundError:
        before = None
    begun = path.with_name(f".{path.name}.new")
    with begun.open("wb") as file:
        if before is not None:
            os.fchmod(file.fileno(), before.st_mode & 0o777)
            if os.geteuid() == 0:
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    begun.rename(path)
    return True
