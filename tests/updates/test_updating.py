"""A button runs another release by the word of both keys, and the former one where that breaks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from tests.button.station import Button, Field
from tests.parts import WAIT_S
from tests.updates import wheels
from tests.updates.conftest import Shelf
from tocsin_button import releases
from tocsin_button.control import AgentState
from tocsin_wire.messages import Heartbeat, ReleaseOffer, Update
from tocsin_wire.signing import SigningKey

ARMED_S_MAX, RSS_KIB_MAX = 5.0, 64 * 1024
TAKES_S_MAX = 2 * WAIT_S  # to fetch it, load it, and start it, twice where it has to be put aside
NEXT, AFTER = "999.0.0", "999.0.1"
CRASHES = {"tocsin_button/agent.py": "Agent.run = lambda *_: 1 / 0\n"}


@asynccontextmanager
async def as_a_service(button: Button) -> AsyncIterator[list[int]]:
    """It is started again whenever it ends, as systemd does it; gives how it ended each time."""
    ends: list[int] = []

    async def go_on() -> None:
        while True:
            await button.start()
            assert button.process is not None
            ends.append(await button.process.wait())

    going = asyncio.create_task(go_on())
    try:
        yield ends
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)


async def begun(button: Button) -> tuple[AgentState, float]:
    """How it is, and after how many seconds it was armed; on a busy machine it waits besides."""
    assert button.process is not None
    state = await button.state()
    assert state.armed_after_s is not None
    return state, state.armed_after_s - waited_s(button.process.pid)


def waited_s(pid: int) -> float:
    """For how long a program's main thread could have run, had others not run (proc(5))."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def offline(field: Field) -> SigningKey:
    return SigningKey.load(field.folder / "ca" / "command.key")


class Server:
    """What a server says to one button."""

    def __init__(self, field: Field, button: Button, shelf: Shelf) -> None:
        self.station, self.button, self.shelf = field.station, button, shelf
        self.key, self.number = offline(field), 0

    def offer(self, wheel: Path, *, key: SigningKey | None = None, **other: object) -> UUID:
        """Have it run this release."""
        command_id = uuid4()
        release = ReleaseOffer(
            statement=wheels.signed(key or self.key, wheel, **other).decode(),
            url=f"{self.shelf.url}/{wheel.name}",
        )
        self.command("update", release=release, command_id=command_id)
        return command_id

    def command(self, name: str, **fields: Any) -> None:
        self.number += 1
        boot_id = self.station.heartbeats()[-1].boot_id
        self.station.command(self.button.device_id, boot_id, self.number, name, **fields)

    def last(self) -> Heartbeat | None:
        beats = self.station.heartbeats()
        return beats[-1] if beats else None

    async def until_said(self, command_id: UUID, state: str) -> Update:
        """The newest heartbeat says this of it."""

        def says() -> bool:
            self.station.pulse()
            beat = self.last()
            said = beat.update if beat is not None else None
            return said is not None and (said.command_id, said.state) == (command_id, state)

        await self.station.until(says, within_s=TAKES_S_MAX)
        beat = self.last()
        assert beat is not None
        assert beat.update is not None
        return beat.update

    def firmware(self) -> str | None:
        beat = self.last()
        return beat.firmware if beat is not None else None


@asynccontextmanager
async def pulsing(field: Field) -> AsyncIterator[None]:
    """A server that is there."""

    async def pulse() -> None:
        while True:
            field.station.pulse()
            await asyncio.sleep(0.5)

    going = asyncio.create_task(pulse())
    try:
        yield
    finally:
        going.cancel()


async def test_a_button_runs_the_next_release_and_keeps_the_one_before(
    field: Field, built: Path, shelf: Shelf
) -> None:
    button = field.add_button()
    server = Server(field, button, shelf)
    async with as_a_service(button) as ends, pulsing(field):
        await field.station.until(lambda: server.firmware() is not None)
        installed, before = server.firmware(), await begun(button)
        press = await button.press()
        await field.station.until(lambda: bool(field.station.presses))
        offered = server.offer(wheels.next_release(built, NEXT, to=shelf.folder / "x"))
        # Somebody has pressed, and nobody has answered yet.
        await server.until_said(offered, "waiting")
        await button.until_said("nobody has answered a press yet")
        assert (ends, server.firmware()) == ([], installed)
        server.command("drill_begin", until_s=600)
        field.station.receipt(field.station.presses[0][1], "acknowledged")
        await button.until_said("because='a drill is on'")
        server.command("drill_end")
        await server.until_said(offered, "kept")
        assert (ends, server.firmware()) == ([0], NEXT)
        after = await begun(button)
        assert [each.press_id for each in after[0].open] == [press.press_id]
        for state, armed_s in (before, after):
            print(f"armed after {armed_s:.2f} s, {state.rss_kib // 1024} MiB")
            assert armed_s < ARMED_S_MAX
            assert state.rss_kib < RSS_KIB_MAX
        wheel = wheels.next_release(built, AFTER, to=shelf.folder / "x")
        await server.until_said(server.offer(wheel), "kept")
        assert (ends, server.firmware()) == ([0, 0], AFTER)
        kept = sorted(each.name for each in (button.control.parent / releases.FOLDER).iterdir())
        assert kept == [NEXT, AFTER]


async def test_a_release_that_breaks_is_put_aside_and_the_former_one_runs_again(
    field: Field, built: Path, shelf: Shelf
) -> None:
    button = field.add_button()
    server = Server(field, button, shelf)
    async with as_a_service(button) as ends, pulsing(field):
        await field.station.until(lambda: server.firmware() is not None)
        installed = server.firmware()
        wheel = wheels.next_release(built, NEXT, to=shelf.folder / "x", changed=CRASHES)
        said = await server.until_said(server.offer(wheel), "failed")
        assert "it ended 2 times before it was heard" in str(said.because)
        assert (ends, server.firmware()) == ([0, 1, 1], installed)


async def test_a_press_while_a_release_on_trial_is_deaf_is_sent_by_the_former_one(
    field: Field, built: Path, shelf: Shelf
) -> None:
    # Its trial is over soon after the press, and not before.
    deaf = {
        "tocsin_button/releases.py": "TRIAL_S = 3.0\n",
        "tocsin_button/agent.py": "Agent.heard = lambda *_, **__: None\n",
        "tocsin_button/updates.py": (
            "_look = Updates.look\n"
            "Updates.look = lambda self, now_s: "
            "_look(self, now_s) if (self._config.state_path / 'pressed').exists() else None\n"
        ),
    }
    button = field.add_button()
    server = Server(field, button, shelf)
    async with as_a_service(button) as ends, pulsing(field):
        await field.station.until(lambda: server.firmware() is not None)
        installed = server.firmware()
        field.station.answers = "stored"
        wheel = wheels.next_release(built, NEXT, to=shelf.folder / "x", changed=deaf)
        offered = server.offer(wheel)
        await field.station.until(lambda: server.firmware() == NEXT, within_s=TAKES_S_MAX)
        press = await button.press()
        (button.control.parent / "pressed").touch()
        said = await server.until_said(offered, "failed")
        # It may be just renewing the link that brought no receipt.
        assert str(said.because).endswith(("no server was heard", "no broker was reached"))
        (state,) = (
            await button.watch(lambda state: any(each.state == "stored" for each in state.open))
        )[-1:]
        assert [each.press_id for each in state.open] == [press.press_id]
        assert (ends, server.firmware()) == ([0, 0], installed)


async def test_what_either_key_did_not_sign_or_is_not_newer_changes_nothing(
    field: Field, built: Path, shelf: Shelf
) -> None:
    button = await field.add_button().ready()
    server = Server(field, button, shelf)
    await field.station.until(lambda: server.firmware() is not None)
    wheel = wheels.next_release(built, NEXT, to=shelf.folder / "x")
    for key in (field.station.key, SigningKey.generate()):
        said = await server.until_said(server.offer(wheel, key=key), "failed")
        assert (said.version, said.because) == (None, "signed with a key that is not known here")
    for older in ("0.0.9", str(server.firmware())):
        said = await server.until_said(server.offer(wheel, version=older), "failed")
        assert "it is not newer than" in str(said.because)
    said = await server.until_said(server.offer(wheel, sha256=bytes(32)), "failed")
    assert said.because == "what came is not what was signed"

    offer = ReleaseOffer(statement=wheels.signed(server.key, wheel).decode(), url=shelf.url)
    stranger = SigningKey.generate()
    field.station.key, known = stranger, field.station.key
    field.station.command(
        button.device_id, field.station.heartbeats()[-1].boot_id, 99, "update", release=offer
    )
    await button.until_said("signed with a key that is not known here")
    field.station.key = known
    assert not (button.control.parent / releases.FILE).exists()
    assert not list((button.control.parent / releases.FOLDER).iterdir())
    await button.end()


async def test_a_button_without_the_offline_key_takes_up_nothing(
    field: Field, built: Path, shelf: Shelf
) -> None:
    button = field.add_button()
    (button.folder / "command_keys.json").unlink()
    await button.ready()
    server = Server(field, button, shelf)
    await field.station.until(lambda: server.firmware() is not None)
    said = await server.until_said(server.offer(built), "failed")
    assert "not known here" in str(said.because)


async def test_killed_while_it_fetches_it_runs_the_former_release_and_fetches_again(
    field: Field, built: Path, shelf: Shelf
) -> None:
    button = field.add_button()
    server = Server(field, button, shelf)
    async with as_a_service(button) as ends, pulsing(field):
        await field.station.until(lambda: server.firmware() is not None)
        wheel = wheels.next_release(built, NEXT, to=shelf.folder / "x")
        shelf.open.clear()  # until it is dead, or it might be done before
        await server.until_said(server.offer(wheel), "fetching")
        boots = {beat.boot_id for beat in field.station.heartbeats()}
        assert button.process is not None
        button.process.kill()
        shelf.open.set()
        await field.station.until(
            lambda: any(beat.boot_id not in boots for beat in field.station.heartbeats())
        )
        await server.until_said(server.offer(wheel), "kept")
        assert (ends, server.firmware()) == ([-9, 0], NEXT)
