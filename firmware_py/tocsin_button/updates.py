"""Updates: how this button comes to run another release, by the word of both keys. No pins.

Promise: whatever the server's key asks for, only a release that the offline key signed is fetched,
and only one that is newer than the one that runs. It is fetched beside the agent, and tried when
nobody needs the button for a moment. On trial it is kept as soon as a server is heard and nothing
of this board is worse for it; where that takes longer than TRIAL_S the former release runs again.
What became of it is in every heartbeat.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from uuid import UUID

import msgspec
import structlog

from tocsin_button import clock, reconfigured, releases
from tocsin_button.config import Config
from tocsin_wire import signing
from tocsin_wire.errors import WireError
from tocsin_wire.messages import Release, ReleaseOffer, Update

TRIES, AGAIN_S = 3, 5.0  # a network that is away for a moment
LOOK_S = 1.0

log = structlog.get_logger()


class Updates:
    """What this run of the agent knows of releases.

    `is_needed` says why the button can't be away for a moment now, `is_unwell` why a release on
    trial can't be kept yet; `end` ends this run, and the service manager starts the next one.
    """

    def __init__(
        self,
        config: Config,
        firmware: str,
        *,
        is_needed: Callable[[], str | None],
        is_unwell: Callable[[], str | None],
        spawn: Callable[[Coroutine[None, None, None]], None],
        changed: Callable[[], None],
        end: Callable[[], None],
    ) -> None:
        self._config, self._firmware = config, firmware
        self._is_needed, self._is_unwell = is_needed, is_unwell
        self._spawn, self._changed, self._end = spawn, changed, end
        self._keys = reconfigured.command_keys(config)
        kept = releases.read(config.state_path)
        self.said = kept.last
        trial = kept.trial.version if kept.trial is not None else None
        self._on_trial = trial is not None and trial == os.environ.get(releases.ENVIRONMENT)
        self._began_s = clock.now_s()
        self._busy = False

    def offered(self, command_id: UUID, offer: ReleaseOffer) -> None:
        """Take up what the server offers, or say why not."""
        if self.said is not None and self.said.command_id == command_id:
            return  # servers say it until a heartbeat tells that it is known
        if self._busy or self._on_trial:
            log.warning("a release is not taken up: another is under way")
            return
        try:
            release = signing.verify(offer.statement.encode(), Release, self._keys)
        except WireError as error:
            self._say(Update(command_id=command_id, state="failed", because=str(error)))
            return
        said = Update(command_id=command_id, version=release.version)
        if not releases.is_newer(release.version, self._firmware):
            self._fail(said, f"it is not newer than {self._firmware}, which runs")
            return
        self._busy = True
        self._say(said)
        self._spawn(self._take_up(said, release, offer.url))

    def look(self, now_s: float) -> None:
        """See what becomes of a release on trial."""
        if not self._on_trial or self._busy:
            return
        unwell = self._is_unwell()
        if unwell is None:
            self._busy = True
            self._spawn(self._keep())
        elif now_s - self._began_s >= releases.TRIAL_S:
            self._busy = True
            self._spawn(self._put_aside(f"after {releases.TRIAL_S:.0f} s {unwell}"))

    async def _take_up(self, said: Update, release: Release, url: str) -> None:
        try:
            why = await self._fetched(release, url)
            if why is not None:
                self._fail(said, why)
                return
            self._say(msgspec.structs.replace(said, state="waiting"))
            await self._until_free()
            kept = await asyncio.to_thread(
                releases.begin_trial,
                self._config.state_path,
                release=release.version,
                command_id=said.command_id,
            )
        except OSError as error:
            self._fail(said, f"it can't be written here: {error.strerror or error}")
            return
        self._say(kept.last)
        await self._until_free()  # again: that took a moment
        self._end()

    async def _fetched(self, release: Release, url: str) -> str | None:
        """Have it fetched; say why that is not done."""
        config = self._config
        ca = config.path(config.ca_file)
        wanted = {
            "state": str(config.state_path),
            "url": url,
            "release": release,
            "ca_file": str(ca) if ca.exists() else None,
            "proxy": config.proxy,
        }
        why = ""
        for left in reversed(range(TRIES)):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "tocsin_button.fetching"),
                msgspec.json.encode(wanted).decode(),
                stdout=asyncio.subprocess.PIPE,
            )
            try:
                out, _ = await process.communicate()
            except asyncio.CancelledError:
                process.kill()
                raise
            if process.returncode == 0:
                return None
            why = out.decode(errors="replace").strip() or f"it ended with {process.returncode}"
            if process.returncode != releases.MAY_PASS or not left:
                break
            log.warning("a release is fetched again", version=release.version, because=why)
            await asyncio.sleep(AGAIN_S)
        return why

    async def _until_free(self) -> None:
        told = None
        while (needed := self._is_needed()) is not None:
            if needed != told:
                log.info("a release waits", because=needed)
            told = needed
            await asyncio.sleep(LOOK_S)

    async def _keep(self) -> None:
        state = self._config.state_path
        try:
            kept = await asyncio.to_thread(releases.keep, state)
        except OSError as error:
            log.error("the release can't be kept yet", because=str(error))
        else:
            signal.alarm(0)
            self._on_trial = False
            await asyncio.to_thread(releases.tidy, state)
            self._say(kept.last)
        finally:
            self._busy = False

    async def _put_aside(self, why: str) -> None:
        try:
            kept = await asyncio.to_thread(releases.put_aside, self._config.state_path, why)
            self._say(kept.last)
        except OSError as error:
            log.error("the release can't be put aside", because=str(error))  # its starts end it
        self._end()

    def _fail(self, said: Update, why: str) -> None:
        self._busy = False
        self._say(msgspec.structs.replace(said, state="failed", because=why))

    def _say(self, said: Update | None) -> None:
        self.said = said
        if said is not None:
            told = log.error if said.state == "failed" else log.warning
            told("release", version=said.version, state=said.state, because=said.because)
        self._changed()
