"""Other brokers, by the word of the offline key: tried beside the old ones. No button is lost."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from tests.button.conftest import OpenField
from tests.button.station import JURISDICTION, PATIENCE_S, Button, Field
from tocsin_button import clock, materials, reconfigured
from tocsin_button import config as configs
from tocsin_button.config import Broker, Config
from tocsin_button.link import Identity, Link
from tocsin_button.links import FALLBACK_S, UNRECEIPTED_S, Links
from tocsin_button.reconfigured import FILE, KEYS_FILE, Kept, Refuse, Try
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_wire import signing
from tocsin_wire.errors import WireError
from tocsin_wire.messages import BrokerAddress, Press, Pulse, Reconfigure
from tocsin_wire.signing import SigningKey

AT = "2026-11-03T13:00:00.250Z"
NOBODY = "mqtts://127.0.0.1:1"


def offline(field: Field) -> SigningKey:
    return SigningKey.load(field.folder / "ca" / "command.key")


def says(key: SigningKey, number: int, *urls: str, **other: object) -> bytes:
    """A command to stand at these brokers; `other` says what is strange about it."""
    usual: dict[str, object] = {"jurisdiction": JURISDICTION, "at": AT}
    brokers = [BrokerAddress(url=url) for url in urls]
    said = usual | {"number": number, "brokers": brokers} | other
    return key.sign(msgspec.convert(said, type=Reconfigure))


async def until_told(field: Field, number: int, *, adopted: bool | None) -> None:
    """The newest heartbeat says what became of it. It is adopted by a pulse, whichever comes."""
    told = (number, adopted)
    await until(
        lambda: any(
            (beat.reconfigure, beat.reconfigure_adopted) == told
            for beat in field.station.heartbeats()[-1:]
        ),
        meanwhile=field.station.pulse if adopted else lambda: None,
    )


async def arrives(field: Field, button: Button) -> Press:
    """A press reaches the server."""
    answer = await button.press()
    await field.station.until(
        lambda: any(str(press.press_id) == answer.press_id for _, press in field.station.presses)
    )
    return field.station.presses[-1][1]


async def test_a_button_goes_to_another_broker_once_a_server_is_heard_there_and_stays(
    open_field: OpenField,
) -> None:
    field = await open_field(2)
    old, new = field.urls
    # A press without a receipt would lead it back to those of its file after a while.
    field.station.answers = "stored"
    button = field.add_button(brokers=f'["{old}"]')
    await button.ready()
    field.station.command_signed(button.device_id, says(offline(field), 7, new))
    await until_told(field, 7, adopted=None)
    await button.watch(lambda state: [link.connected for link in state.links] == [True, True])
    await arrives(field, button)  # whatever becomes of it
    await until_told(field, 7, adopted=True)
    await button.watch(lambda state: [link.url for link in state.links] == [new])
    await field.brokers[0].stop()
    await arrives(field, button)
    await button.watch(lambda state: all(press.state == "stored" for press in state.open))

    await button.kill()
    await button.ready()
    assert [link.url for link in (await button.state()).links] == [new]
    field.station.command_signed(button.device_id, says(offline(field), 6, old))
    await button.until_said("does not rise above 7")
    await arrives(field, button)


async def test_the_same_broker_under_another_name_takes_a_button_over_without_a_fight(
    field: Field,
) -> None:
    (old,) = field.urls
    new = old.replace("127.0.0.1", "localhost")
    button = field.add_button()
    await button.ready()
    field.station.command_signed(button.device_id, says(offline(field), 7, new))
    await button.until_said(f"broker={new} connection=")
    field.station.answers = "stored"
    for _ in range(3):
        await arrives(field, button)
    # A press that waited for its receipt lets no link rest, and each is put out once for that.
    again = {press.press_id: press.attempt - 1 for _, press in field.station.presses}
    assert 2 <= button.said().count("link up") <= 2 + 2 * sum(again.values()), button.said()
    await until_told(field, 7, adopted=True)
    await button.watch(
        lambda state: [(link.url, link.connected) for link in state.links] == [(new, True)]
    )
    await arrives(field, button)


async def test_whoever_signs_with_another_key_changes_no_broker(field: Field) -> None:
    button = await field.add_button().ready()
    for key in (field.station.key, SigningKey.generate()):
        field.station.command_signed(button.device_id, says(key, 7, NOBODY))
    field.station.command_signed(
        button.device_id, says(offline(field), 7, NOBODY, jurisdiction="48201")
    )
    await button.until_said("it is for others")
    assert button.said().count("signed with a key that is not known here") == 2
    assert not (button.control.parent / FILE).exists()
    await arrives(field, button)


class Ear:
    """An agent's ears, as far as links need them."""

    def __init__(self) -> None:
        self.links: Links | None = None
        self.keys: dict[str, signing.VerifyKey] = {}

    def link_up(self, link: Link) -> None:
        """Nothing is owed."""

    def link_down(self, link: Link) -> None:
        assert self.links is not None
        self.links.went_down(link)

    def heard(self, link: Link, topic: str, body: bytes, *, retained: bool) -> None:  # noqa: ARG002
        assert self.links is not None
        with suppress(WireError):
            signing.verify(body, Pulse, self.keys)
            self.links.pulsed(link)


@asynccontextmanager
async def standing(config: Config, *, trial_s: float) -> AsyncIterator[Links]:
    """The links of a button in this very process, so that a trial may be short."""
    ear, loaded = Ear(), materials.load(config)
    ear.keys = dict(loaded.server_keys.believed)
    ear.links = links = Links(
        reconfigured.applied(config),
        identity=Identity(config.jurisdiction, config.device_id, UUID(int=1)),
        listener=ear,
        tls=loaded.tls,
        changed=lambda: None,
        trial_s=trial_s,
    )
    config.state_path.mkdir(exist_ok=True)
    async with asyncio.TaskGroup() as group:
        links.start(group)
        yield links
        await links.end()


async def until(claim: Callable[[], bool], *, meanwhile: Callable[[], None] = lambda: None) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if claim():
                return
            meanwhile()
            await asyncio.sleep(0.02)


async def test_a_slip_of_the_pen_is_given_up_and_what_was_adopted_before_stays(
    open_field: OpenField,
) -> None:
    field = await open_field(2)
    old, new = field.urls
    config = configs.load(field.add_button(brokers=f'["{old}"]').config)
    silent = Mosquitto(field.folder / "broker", port=free_port())  # no server stands there
    await silent.start()
    try:
        async with standing(config, trial_s=PATIENCE_S) as links:
            await until(lambda: all(link.is_up for link in links))
            links.hear(says(offline(field), 7, new))
            await until(lambda: [link.is_up for link in links] == [True, True])
            await until(lambda: links.state == "adopted", meanwhile=field.station.pulse)
            await until(lambda: [link.url for link in links] == [new])
        for number, wrong in ((8, NOBODY), (9, silent.url)):
            await given_up(field, config, says(offline(field), number, wrong), stays=new)
        async with standing(config, trial_s=0.5) as links:
            assert [link.url for link in links] == [new]
    finally:
        await silent.stop()


async def given_up(field: Field, config: Config, body: bytes, *, stays: str) -> None:
    async with standing(config, trial_s=0.5) as links:
        await until(lambda: all(link.is_up for link in links))
        links.hear(body)
        await until(lambda: links.number == read(body, offline(field)).number)
        await until(lambda: links.state == "given_up")
        await until(lambda: [link.url for link in links if link.is_up] == [stays])


async def test_a_trial_that_was_cut_off_is_begun_anew(open_field: OpenField) -> None:
    field = await open_field(2)
    old, new = field.urls
    config = configs.load(field.add_button(brokers=f'["{old}"]').config)
    async with standing(config, trial_s=PATIENCE_S) as links:
        links.hear(says(offline(field), 7, new))
        await until(lambda: links.state == "trying")
    async with standing(config, trial_s=PATIENCE_S) as links:
        await until(lambda: [link.url for link in links if link.is_up] == [old, new])
        await until(lambda: links.state == "adopted", meanwhile=field.station.pulse)


async def test_one_that_finds_nobody_for_minutes_stands_at_those_of_its_file_as_well(
    field: Field,
) -> None:
    config = configs.load(field.add_button().config)
    config.state_path.mkdir()
    jws = says(offline(field), 7, NOBODY).decode()
    kept = Kept(jws=jws, state="adopted", instead_of=config.brokers, adopted=jws)
    reconfigured.keep(config.state_path, kept)
    async with standing(config, trial_s=PATIENCE_S) as links:
        assert [link.url for link in links] == [NOBODY]
        now_s = links._pulsed_s
        links.look(now_s + FALLBACK_S - 1)
        assert [link.url for link in links] == [NOBODY]
        links.look(now_s + FALLBACK_S + 1)
        await until(lambda: [link.url for link in links if link.is_up] == field.urls)


async def test_one_that_stays_is_no_proof_of_the_new_one_beside_it(open_field: OpenField) -> None:
    field = await open_field(3)
    stays, old, new = field.urls
    config = configs.load(field.add_button(brokers=f'["{stays}", "{old}"]').config)
    async with standing(config, trial_s=0.5) as links:
        await until(lambda: all(link.is_up for link in links))
        links.hear(says(offline(field), 7, stays, NOBODY))
        await until(lambda: links.state == "given_up", meanwhile=field.station.pulse)
        await until(lambda: [link.url for link in links if link.is_up] == [stays, old])
    async with standing(config, trial_s=PATIENCE_S) as links:
        await until(lambda: all(link.is_up for link in links))
        links.hear(says(offline(field), 8, stays, new))
        await until(lambda: links.state == "adopted", meanwhile=field.station.pulse)
        await until(lambda: [link.url for link in links if link.is_up] == [stays, new])
        # Nothing new, but one less: whichever stays is proof.
        await goes_to(Broker(url=new), links, field, says(offline(field), 9, new))


async def goes_to(wanted: Broker, links: Links, field: Field, body: bytes) -> None:
    number = read(body, offline(field)).number

    def say() -> None:
        links.hear(body)
        field.station.pulse()

    await until(lambda: (links.number, links.state) == (number, "adopted"), meanwhile=say)
    await until(lambda: [(link.broker, link.is_up) for link in links] == [(wanted, True)])


async def test_other_nodes_and_another_manner_are_taken_up_where_an_address_is_the_same(
    field: Field,
) -> None:
    (old,) = field.urls
    shared, gone = old.replace("127.0.0.1", "localhost"), NOBODY
    config = configs.load(field.add_button(brokers=f'["{old}"]').config)
    async with standing(config, trial_s=PATIENCE_S) as links:
        await until(lambda: all(link.is_up for link in links))
        number = 6
        for nodes, persistent in (
            ((old, shared), False),
            ((shared, old, gone), False),
            ((shared, gone), False),
            ((shared, gone), True),
        ):
            number += 1
            address = BrokerAddress(
                url=nodes[0], other_nodes=list(nodes[1:]), persistent=persistent
            )
            wanted = Broker(url=nodes[0], other_nodes=nodes[1:], persistent=persistent)
            await goes_to(wanted, links, field, says(offline(field), number, brokers=[address]))


async def test_one_that_made_room_stands_again_once_the_new_ones_are_given_up(
    field: Field,
) -> None:
    (old,) = field.urls
    config = configs.load(field.add_button().config)
    async with standing(config, trial_s=4.0) as links:  # by then one has taken over
        await until(lambda: all(link.is_up for link in links))
        (link,) = links
        links.hear(says(offline(field), 7, old.replace("127.0.0.1", "localhost"), NOBODY))
        await until(lambda: not link.is_up)
        _, taking_over, _ = links
        await until(lambda: links.state == "given_up", meanwhile=field.station.pulse)
        await until(lambda: list(links) == [link] and link.is_up)
        assert link.connection >= taking_over.connection  # or its status would be an old one's


@asynccontextmanager
async def adopted(field: Field, new: str) -> AsyncIterator[Links]:
    """The links of a button whose file names the first broker, and which has gone to another."""
    config = configs.load(field.add_button(brokers=f'["{field.urls[0]}"]').config)
    config.state_path.mkdir()
    jws = says(offline(field), 7, new).decode()
    kept = Kept(jws=jws, state="adopted", instead_of=config.brokers, adopted=jws)
    reconfigured.keep(config.state_path, kept)
    async with standing(config, trial_s=PATIENCE_S) as links:
        await until(lambda: all(link.is_up for link in links))
        yield links


async def test_a_broker_that_servers_left_is_no_place_to_stay_alone_at(
    open_field: OpenField,
) -> None:
    field = await open_field(2)
    named, new = field.urls
    async with adopted(field, new) as links:
        links._pulsed_s = quiet_s = clock.now_s() - FALLBACK_S - 1
        links.look(clock.now_s())  # it stands there, and hears nobody
        await until(lambda: [link.url for link in links if link.is_up] == [new, named])
        links.look(clock.now_s())
        assert len(list(links)) == 2
        await until(lambda: links._pulsed_s > quiet_s, meanwhile=field.station.pulse)
        links.look(clock.now_s())
        await until(lambda: [link.url for link in links] == [new])


async def test_a_press_without_a_receipt_goes_to_those_of_the_file_as_well(field: Field) -> None:
    """Here they are one broker by two names, which stands with one of them at a time."""
    (named,) = field.urls
    new = named.replace("127.0.0.1", "localhost")
    async with adopted(field, new) as links:
        now_s = links._pulsed_s
        links.look(now_s, unreceipted_s=UNRECEIPTED_S - 1)
        assert len(list(links)) == 1
        links.look(now_s, unreceipted_s=UNRECEIPTED_S)
        assert [link.url for link in links] == [new, named]
        await until(lambda: links._pulsed_s > now_s, meanwhile=field.station.pulse)
        links.look(links._pulsed_s, unreceipted_s=UNRECEIPTED_S)
        assert len(list(links)) == 2  # the press has no receipt yet
        links.look(links._pulsed_s)
        await until(lambda: [(link.url, link.is_up) for link in links] == [(new, True)])


def config_of(field: Field) -> Config:
    return configs.load(field.add_button().config)


def read(body: bytes, key: SigningKey) -> Reconfigure:
    return signing.verify(body, Reconfigure, {key.kid: key.public})


@pytest.mark.parametrize(
    ("brokers", "other", "why"),
    [
        ([NOBODY], {"jurisdiction": "48201"}, "for others"),
        ([NOBODY], {"device_ids": ["btn-0123456789"]}, "for others"),
        (["mqtt://127.0.0.1:1883"], {}, "without TLS"),
        (["https://127.0.0.1"], {}, "starts with none of"),
        ([NOBODY, NOBODY], {}, "named twice"),
        (["mqtts://a:b@127.0.0.1"], {}, "holds a password"),
    ],
)
async def test_what_no_button_file_may_hold_is_refused(
    field: Field, brokers: list[str], other: dict[str, object], why: str
) -> None:
    config, key = config_of(field), offline(field)
    said = read(says(key, 8, *brokers, **other), key)
    order = reconfigured.judge(said, config, number=7)
    assert isinstance(order, Refuse)
    assert why in order.because


async def test_a_number_that_does_not_rise_is_refused(field: Field) -> None:
    config, key = config_of(field), offline(field)
    said = read(says(key, 8, NOBODY), key)
    assert reconfigured.judge(said, config, number=7) == Try((Broker(url=NOBODY),))
    for number in (8, 9):
        assert isinstance(reconfigured.judge(said, config, number=number), Refuse)


async def test_what_lies_in_the_state_folder_is_believed_only_where_it_belongs(
    field: Field, folder: Path
) -> None:
    config, key = config_of(field), offline(field)
    config.state_path.mkdir()
    mine = says(key, 7, NOBODY, device_ids=[config.device_id])
    order = reconfigured.judge(read(mine, key), config, number=-1)
    assert order == Try((Broker(url=NOBODY),))
    kept = Kept(
        jws=mine.decode(), state="adopted", instead_of=config.brokers, adopted=mine.decode()
    )
    reconfigured.keep(config.state_path, kept)
    in_force = reconfigured.applied(config)
    assert [broker.url for broker in in_force.brokers] == [NOBODY]
    assert in_force.digest == config.digest  # it is no drift of the file
    # Somebody edits button.toml on the board: that one is obeyed, and the number stays.
    text = config.file.read_text()
    config.file.write_text(text.replace(field.urls[0], "mqtts://localhost:8883"))
    edited = configs.load(config.file)
    assert reconfigured.applied(edited) == edited
    taken = reconfigured.read(edited)
    assert taken is not None
    assert taken.number == 7
    async with standing(edited, trial_s=0.1) as links:
        links.hear(says(key, 8, NOBODY))
        await until(lambda: links.state == "given_up")
    assert reconfigured.applied(edited) == edited
    config.file.write_text(text)
    # Another deployment's key, nonsense, and no key at all.
    thief = says(SigningKey.generate(), 9, NOBODY).decode()
    for broken in (
        msgspec.structs.replace(kept, jws=thief),
        msgspec.structs.replace(kept, adopted=thief),
    ):
        reconfigured.keep(config.state_path, broken)
        assert reconfigured.applied(config) == config
    (config.state_path / FILE).write_bytes(b"\xff{")
    assert reconfigured.applied(config) == config
    reconfigured.keep(config.state_path, kept)
    shutil.move(config.path(KEYS_FILE), folder / "gone")
    assert reconfigured.applied(config) == config
    config.path(KEYS_FILE).write_text("nonsense")
    assert reconfigured.applied(config) == config
