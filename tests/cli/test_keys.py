"""`tocsin keys`: a rotation leaves nobody behind, and can be cut off anywhere."""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec
import pytest

from tests.cli.terminal import Terminal
from tests.parts import Database
from tocsin_server.channels import vapid
from tocsin_server.cli.doctor import Findings
from tocsin_server.cli.keys import Keys, PushKeyMade, Rotated
from tocsin_server.config import Config, load_config
from tocsin_server.fleet import receipt_keys
from tocsin_server.fleet.certificates import DeploymentError
from tocsin_server.fleet.receipt_keys import KeyFiles
from tocsin_wire.signing import SigningKey, load_keys
from tocsin_wire.succession import follow, short

SECRET = 0o600


class Folder:
    """The keys of a deployment, as they lie there."""

    def __init__(self, config: Path) -> None:
        self.config: Config = load_config(config)
        self.server = config.parent / "server"
        self.files = KeyFiles.of(self.config)

    def signs(self) -> str:
        return SigningKey.load(self.server / "receipt.key").kid

    def pinned(self) -> list[str]:
        return list(load_keys(self.server / "receipt_keys.json"))

    def next(self) -> str:
        return SigningKey.load(self.server / "next_receipt.key").kid

    def content(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in self.server.iterdir()}


@pytest.fixture
def kept(terminal: Terminal) -> Folder:
    return Folder(Path(terminal.environment["TOCSIN_CONFIG"]))


async def a_replica(connection: asyncpg.Connection, name: str, kid: str | None) -> None:
    await connection.execute(
        "INSERT INTO replica VALUES ($1, clock_timestamp(), $2)"
        " ON CONFLICT (replica_id) DO UPDATE SET receipt_kid = $2",
        name,
        kid,
    )


async def says_it_knows(connection: asyncpg.Connection, device_id: str, newest: str) -> None:
    await connection.execute(
        "UPDATE device_health SET last_heard_at = now(), heartbeat = $2 WHERE device_id = $1",
        device_id,
        json.dumps({"newest_key": newest}),
    )


async def new_button(terminal: Terminal) -> str:
    class Added(msgspec.Struct):
        device_id: str

    return (await terminal.run("device", "add", "--json")).read(Added).device_id


async def test_the_successor_becomes_the_current_key_and_a_new_one_follows_it(
    terminal: Terminal, kept: Folder
) -> None:
    before, given = kept.pinned(), load_keys(kept.server / "receipt_keys.json")
    successor = kept.next()
    said = await terminal.run("keys", "rotate", "--json")
    made = said.read(Rotated)
    assert (kept.signs(), made.current) == (successor, successor)
    assert kept.pinned() == [successor, made.successor] == [before[1], kept.next()]
    for secret in ("receipt.key", "next_receipt.key"):
        assert (kept.server / secret).stat().st_mode & 0o777 == SECRET
    assert not [name for name in kept.content() if name.startswith(".") or name.endswith(".new")]
    keys = receipt_keys.read(kept.server / "receipt_keys.json")
    (statement,) = keys.statements
    assert list(follow(given, statement) or ()) == [*before, made.successor]
    listed = (await terminal.run("keys", "list", "--json")).read(Keys)
    assert (listed.current, listed.successor) == (made.current, made.successor)
    assert "the current key" in await terminal.good("keys", "rotate")  # no button is left behind


async def test_whoever_would_be_left_behind_is_named_and_nothing_is_changed(
    terminal: Terminal, kept: Folder, database: Database
) -> None:
    away, there = await new_button(terminal), await new_button(terminal)
    await terminal.good("keys", "rotate")
    await new_button(terminal)  # it has had both from the beginning
    async with database.connected() as connection:
        await says_it_knows(
            connection, there, short(receipt_keys.read(kept.files.public).successor)
        )
        untouched = kept.content()
        said = await terminal.run("keys", "rotate")
        said.refused(f"the successor yet: {away} (never heard)", "--even-so", "Nothing was changed")
        assert there not in said.err
        await a_replica(connection, "server-1", kept.signs())
        await a_replica(connection, "server-2", "another")
        (await terminal.run("keys", "rotate")).refused("server-2 still signs with another key")
        assert kept.content() == untouched
        shown = await terminal.good("keys", "list")
        assert "server-2  ANOTHER ONE" in " ".join(shown.split("   "))
        assert away in shown
        found = msgspec.json.decode((await terminal.run("doctor", "--json")).out, type=Findings)
        told = {each.check: each for each in found.findings}
        assert not told["receipt key of server-2"].ok
        assert away in told["next receipt key"].detail
        await a_replica(connection, "server-2", None)  # of the release before
        await terminal.good("keys", "rotate", "--even-so")
        assert kept.content() != untouched


async def test_the_successor_may_come_from_a_safe(
    terminal: Terminal, kept: Folder, folder: Path
) -> None:
    stick = folder / "stick.key"
    shutil.move(kept.server / "next_receipt.key", stick)
    (await terminal.run("keys", "rotate")).refused("next_receipt.key", "--next")
    other = folder / "other.key"
    SigningKey.generate().save(other)
    (await terminal.run("keys", "rotate", "--next", other)).refused("is not the successor")
    (folder / "letter").write_text("Dear Dana")
    (await terminal.run("keys", "rotate", "--next", folder / "letter")).refused("no Ed25519 key")
    SigningKey.generate().save(kept.server / "next_receipt.key")
    untouched = kept.content()
    (await terminal.run("keys", "rotate", "--next", stick)).refused("neither", "move it away")
    assert kept.content() == untouched
    (kept.server / "next_receipt.key").unlink()
    successor = SigningKey.load(stick).kid
    assert f"wipe {stick}" in await terminal.good("keys", "rotate", "--next", stick)
    assert kept.signs() == successor
    assert kept.pinned() == [successor, kept.next()]


@pytest.mark.parametrize("steps", [("write_over", 0), ("save", 0), ("write_over", 1)])
async def test_a_rotation_that_was_cut_off_is_finished_by_the_next(
    kept: Folder, monkeypatch: pytest.MonkeyPatch, steps: tuple[str, int]
) -> None:
    """At every moment the folder signs with a key that every button knows."""
    known, successor = kept.pinned(), kept.next()
    name, after = steps
    calls: Sequence[int] = [*range(after)]
    where = receipt_keys if name == "write_over" else SigningKey
    real = getattr(where, name)

    def cut(*arguments: object, **named: object) -> None:
        nonlocal calls
        if not calls:
            raise KeyboardInterrupt
        calls = calls[1:]
        real(*arguments, **named)

    monkeypatch.setattr(where, name, cut)
    with pytest.raises(KeyboardInterrupt):
        receipt_keys.rotate(kept.files, new_successor=kept.files.successor)
    monkeypatch.undo()
    assert kept.signs() in known
    found = receipt_keys.read(kept.files.public)
    receipt_keys.check_current(found, SigningKey.load(kept.files.current), config=kept.config)
    receipt_keys.rotate(kept.files, new_successor=kept.files.successor)
    assert kept.signs() == successor
    assert kept.pinned() == [successor, kept.next()]
    assert len(receipt_keys.read(kept.files.public).statements) == 1


async def test_files_that_do_not_belong_together_are_told_before_anything_runs(
    terminal: Terminal, kept: Folder
) -> None:
    public = kept.files.public
    whole = public.read_text()
    receipt_keys.rotate(kept.files, new_successor=kept.files.successor, now=datetime.now(UTC))
    rotated = public.read_text()
    for broken, why in (
        ("{", "no set of Ed25519 keys"),
        (json.dumps({"keys": json.loads(whole)["keys"][:1]}), "holds 1 keys"),
        (json.dumps(json.loads(whole) | {"statements": ["nonsense"]}), "its last statement"),
        (
            json.dumps(json.loads(whole) | {"statements": json.loads(rotated)["statements"]}),
            "its last statement",
        ),
    ):
        public.write_text(broken)
        with pytest.raises(DeploymentError, match=why):
            receipt_keys.read(public)
        (await terminal.run("keys", "list")).refused(why)
        (await terminal.run("serve")).refused("keys", why)
    public.write_text(rotated)
    (kept.server / "receipt.key").unlink()
    SigningKey.generate().save(kept.server / "receipt.key")
    (await terminal.run("serve")).refused("is not of server/receipt_keys.json")
    (await terminal.run("keys", "rotate")).refused("none of the keys that buttons know")


async def test_a_deployment_of_before_gets_its_key_for_browsers_and_keeps_it(
    terminal: Terminal, kept: Folder
) -> None:
    (kept.server / "vapid.key").unlink()
    made = (await terminal.run("keys", "push", "--json")).read(PushKeyMade)
    file = kept.server / "vapid.key"
    assert Path(made.file) == file
    assert file.stat().st_mode & 0o777 == SECRET
    assert made.public == vapid.public_text(vapid.load_key(file))
    content = file.read_bytes()
    said = await terminal.run("keys", "push")
    said.refused("every browser that gets alerts knows it", "Nothing was changed")
    assert file.read_bytes() == content
