"""Another release for buttons: one of each site at a time, and a failure holds up its site."""

import asyncio
from pathlib import Path
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from tests.fleet.station import Site, Wire
from tests.offices import add_button
from tests.updates import wheels
from tocsin_server.errors import Invalid, NotFound, Refused
from tocsin_server.fleet import updates
from tocsin_server.fleet.sites import add_place, add_site
from tocsin_server.fleet.updates import AGAIN_S, AT_ONCE_MAX, HEARD_S_MAX, Updates
from tocsin_wire import signing, topics
from tocsin_wire.messages import Command, Heartbeat, Release, Update
from tocsin_wire.signing import SigningKey

KEY, SERVER = SigningKey.generate(), SigningKey.generate()
KEYS = {KEY.kid: KEY.public}
VERSION, LATER = "0.2.0", "0.3.0"


def wheel(folder: Path, version: str = VERSION) -> Path:
    return wheels.small(folder, version)


class Rollout:
    """What servers and buttons say to each other, turn by turn."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder
        self.wire = Wire(site.clock)
        self.replica = self.another()

    def another(self) -> Updates:
        return Updates(
            self.site.connection,
            SERVER,
            lambda: [self.wire],
            public_url="https://tocsin.example/",
            clock=self.site.clock,
        )

    async def ask(self, *device_ids: str, version: str = VERSION) -> Release:
        made = wheel(self.folder, version)
        return await updates.ask(
            self.site.pool,
            statement=wheels.signed(KEY, made),
            wheel=made.read_bytes(),
            keys=KEYS,
            device_ids=device_ids,
            by="Sam Novak",
        )

    async def heard(self, *device_ids: str, **said: object) -> None:
        """They are heard, and their heartbeats say this."""
        beat = Heartbeat(boot_id=uuid4(), firmware="0.1.0", **said)  # type: ignore[arg-type]
        await self.site.pool.execute(
            "UPDATE device_health SET last_heard_at = clock_timestamp(), boot_id = $2,"
            " condition = 'ok', heartbeat = $3 WHERE device_id = ANY ($1)",
            list(device_ids),
            beat.boot_id,
            msgspec.json.encode(beat).decode(),
        )

    async def turn(self) -> list[Command]:
        """Look once; what was said to whom."""
        before = len(self.wire.sent)
        await self.replica.turn()
        keys = {SERVER.kid: SERVER.public}
        return [signing.verify(sent.body, Command, keys) for sent in self.wire.sent[before:]]

    async def becomes(self, asked: Command, state: str, because: str | None = None) -> None:
        said = Update(command_id=asked.command_id, version=VERSION, state=state, because=because)
        await self.heard(asked.device_id, update=said)

    async def states(self) -> dict[str, str | None]:
        found = await updates.buttons(self.site.pool, jurisdiction=self.site.office.jurisdiction)
        return {each.device_id: each.state for each in found}


async def another_site(site: Site, name: str) -> str:
    """A further site, with one button."""
    slug = site.office.jurisdiction
    where = await add_site(site.pool, jurisdiction=slug, name=name)
    place = await add_place(site.pool, jurisdiction=slug, site_id=where, room="Hall")
    return await add_button(site.pool, jurisdiction=slug, place_id=place)


@pytest.fixture
def rollout(site: Site, folder: Path) -> Rollout:
    return Rollout(site, folder)


async def test_of_each_site_one_at_a_time_and_the_next_when_that_one_is_back(
    rollout: Rollout, site: Site
) -> None:
    here = sorted([site.office.device_id, *[await site.add_button() for _ in range(2)]])
    elsewhere = await another_site(site, "Elections Office")
    await rollout.heard(*here, elsewhere)
    assert await rollout.turn() == []
    release = await rollout.ask(*here, elsewhere)
    said = await rollout.turn()
    assert sorted(each.device_id for each in said) == sorted([here[0], elsewhere])
    offer = said[0].args.release
    assert offer is not None
    assert offer.url == f"https://tocsin.example/api/v1/releases/{release.sha256.hex()}"
    assert signing.verify(offer.statement.encode(), Release, KEYS) == release
    assert topics.parse(rollout.wire.sent[0].topic).device_id == said[0].device_id

    first = next(each for each in said if each.device_id == here[0])
    for state in ("fetching", "waiting", "trying"):
        await rollout.becomes(first, state)
        site.clock.now += AGAIN_S
        assert here[0] not in {each.device_id for each in await rollout.turn()}
    await rollout.becomes(first, "kept")
    (second,) = [each for each in await rollout.turn() if each.device_id != elsewhere]
    assert second.device_id == here[1]
    assert (await rollout.states())[here[0]] == "done"
    assert (await rollout.states())[here[2]] == "waiting"


async def test_whoever_fails_holds_up_its_site_until_it_is_asked_again_or_given_up(
    rollout: Rollout, site: Site
) -> None:
    one, other = sorted([site.office.device_id, await site.add_button()])
    await rollout.heard(one, other)
    await rollout.ask(one, other)
    (asked,) = await rollout.turn()
    await rollout.becomes(asked, "failed", "no server was heard")
    assert await rollout.turn() == []
    found = await updates.buttons(site.pool, jurisdiction=site.office.jurisdiction)
    assert [(each.state, each.because, each.held_up) for each in found] == [
        ("failed", "no server was heard", False),
        ("waiting", None, True),
    ]
    # Asked again it is another command, whatever its heartbeats still say of the one before.
    await rollout.ask(one)
    (again,) = await rollout.turn()
    assert again.device_id == one
    assert again.command_id != asked.command_id
    await rollout.becomes(again, "failed")
    assert await rollout.turn() == []
    assert await updates.give_up(site.pool, [one]) == [one]
    (next_one,) = await rollout.turn()
    assert next_one.device_id == other
    await rollout.becomes(next_one, "fetching")
    assert await updates.give_up(site.pool, [other]) == []  # it is at it
    await site.step(HEARD_S_MAX + 1)
    (silent,) = [
        each.device_id
        for each in await updates.buttons(site.pool, jurisdiction=site.office.jurisdiction)
        if each.state == "under_way" and not each.heard
    ]
    assert await updates.give_up(site.pool, [silent]) == [other]


async def test_it_is_said_until_it_is_known_and_only_to_who_is_heard(
    rollout: Rollout, site: Site
) -> None:
    device_id = site.office.device_id
    await rollout.ask(device_id)
    assert await rollout.turn() == []
    await rollout.heard(device_id)
    (first,) = await rollout.turn()
    assert await rollout.turn() == []
    site.clock.now += AGAIN_S
    (again,) = await rollout.turn()
    assert (again.command_id, again.command_seq) == (first.command_id, first.command_seq + 1)
    await rollout.becomes(first, "fetching")
    site.clock.now += AGAIN_S
    assert await rollout.turn() == []
    # A newer release meanwhile: the same seat, and what it was asked before is forgotten.
    await rollout.ask(device_id, version=LATER)
    (later,) = await rollout.turn()
    assert later.command_id != first.command_id
    await rollout.becomes(first, "kept")
    await rollout.turn()
    assert (await rollout.states())[device_id] == "under_way"
    left = await site.pool.fetch("SELECT version FROM release")
    assert [row["version"] for row in left] == [LATER]


async def test_of_two_replicas_at_once_one_gives_the_seat_of_a_site(
    rollout: Rollout, site: Site
) -> None:
    here = [site.office.device_id, *[await site.add_button() for _ in range(5)]]
    await rollout.heard(*here)
    for _ in range(5):
        await rollout.ask(*here)
        await asyncio.gather(*(rollout.another().turn() for _ in range(4)))
        states = list((await rollout.states()).values())
        assert states.count("under_way") == 1
        await site.pool.execute("DELETE FROM device_update")


async def test_a_release_that_fails_here_and_there_stops_by_itself(
    rollout: Rollout, site: Site
) -> None:
    everywhere = [await another_site(site, str(n)) for n in range(AT_ONCE_MAX + 2)]
    await rollout.heard(*everywhere)
    await rollout.ask(*everywhere)
    said = await rollout.turn()
    assert len(said) == AT_ONCE_MAX
    for asked in said:
        await rollout.becomes(asked, "failed")
    assert await rollout.turn() == []
    states = list((await rollout.states()).values())
    assert (states.count("failed"), states.count("waiting")) == (AT_ONCE_MAX, 2)


async def test_a_button_that_is_revoked_or_gets_it_on_a_new_card_frees_its_site(
    rollout: Rollout, site: Site
) -> None:
    one, other, last = sorted([site.office.device_id, *[await site.add_button() for _ in range(2)]])
    await rollout.heard(one, other, last)
    await rollout.ask(one, other, last)
    await rollout.turn()
    await site.pool.execute("UPDATE device SET state = 'revoked' WHERE device_id = $1", one)
    (asked,) = await rollout.turn()
    assert asked.device_id == other
    await site.pool.execute(
        "UPDATE device_health SET heartbeat = json_build_object('firmware', $2::text,"
        " 'update', NULL) WHERE device_id = $1",
        other,
        VERSION,
    )
    (asked,) = await rollout.turn()
    assert asked.device_id == last


async def test_what_the_offline_key_did_not_sign_is_not_kept(
    rollout: Rollout, site: Site, folder: Path
) -> None:
    made, other = wheel(folder), wheel(folder, LATER)
    good = wheels.signed(KEY, made)

    async def ask(statement: bytes, content: bytes) -> None:
        await updates.ask(
            site.pool, statement=statement, wheel=content, keys=KEYS, device_ids=[], by="Sam"
        )

    for key in (SERVER, SigningKey.generate()):
        with pytest.raises(Invalid, match="with this deployment's offline key"):
            await ask(wheels.signed(key, made), made.read_bytes())
    with pytest.raises(Invalid, match=f"another one than was signed as {VERSION}"):
        await ask(good, other.read_bytes())
    assert await site.pool.fetchval("SELECT count(*) FROM release") == 0
    await ask(good, made.read_bytes())
    await ask(good, made.read_bytes())
    with pytest.raises(Refused, match="sent before with other contents"):
        await ask(wheels.signed(KEY, other, version=VERSION), other.read_bytes())
    digest = signing.verify(good, Release, KEYS).sha256.hex()
    assert await updates.read_wheel(site.pool, digest) == made.read_bytes()
    for unknown in ("0" * 64, "", "%00", "é" * 64, digest[:-1]):
        with pytest.raises(NotFound):
            await updates.read_wheel(site.pool, unknown)


async def test_a_wheel_of_more_than_a_card_has_room_for_is_not_kept(site: Site) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await site.pool.execute(
            "INSERT INTO release (version, statement, sha256, wheel, added_by) VALUES"
            " ('1.0.0', 'x', $1, $2, 'x')",
            bytes(32),
            bytes(20 * 1024 * 1024 + 1),
        )
