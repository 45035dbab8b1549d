"""Buttons that fall silent, are noticed, told of, and come back: with a real database."""

import asyncio
import logging
from uuid import uuid4

import asyncpg
import msgspec
import pytest
import structlog
from prometheus_client import REGISTRY

from tests.fleet.station import Frame, Replica, Site
from tocsin_server.fleet.supervise import OTHERS_HEAR_S, SYNC_EVERY_S, DeviceView
from tocsin_wire import messages, topics
from tocsin_wire.messages import Contacts, OpenPress, Status, new_id
from tocsin_wire.topics import Leaf, new_device_id


def view_of(replica: Replica, site: Site, device_id: str) -> DeviceView:
    views = replica.supervisor.views(site.office.jurisdiction)
    return next(view for view in views if view.device_id == device_id)


def buttons(condition: str) -> float | None:
    return REGISTRY.get_sample_value("tocsin_buttons", {"condition": condition})


async def test_a_button_that_falls_silent_is_late_then_lost_then_back(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    await site.turn()
    assert view_of(replica, site, button).state == "never_heard"
    site.beat(button)
    await site.pass_time(60)
    assert replica.wall.states_of(button) == ["never_heard", "ok", "late", "lost"]
    assert buttons("lost") == 1
    site.beat(button)
    await site.turn()
    assert view_of(replica, site, button).state == "ok"
    assert buttons("lost") == 0
    await site.pass_time(30, alive=(button,))
    lost, back = await site.told()
    assert "SITE DARK: County Clerk" in lost
    assert back.endswith("is heard again. A press there arrives.")


async def test_late_and_lost_come_at_their_seconds(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.pass_time(19)
    assert view_of(replica, site, button).state == "ok"
    await site.pass_time(2)
    assert view_of(replica, site, button).state == "late"
    await site.pass_time(23)
    assert view_of(replica, site, button).state == "late"
    await site.pass_time(2)
    assert view_of(replica, site, button).state == "lost"


HOUR_S = 3600


async def test_a_button_is_lost_in_time_after_the_databases_clock_stepped_back(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.pass_time(10, alive=(button,))
    await site.step(-HOUR_S)
    await site.pass_time(30, alive=(button,))
    await site.pass_time(46)
    assert view_of(replica, site, button).state == "lost"
    assert "SITE DARK" in (await site.told())[0]


async def test_a_button_that_was_silent_when_the_databases_clock_stepped_back_is_lost_in_time(
    site: Site,
) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.pass_time(20)
    await site.step(-HOUR_S)
    await site.pass_time(26)
    assert view_of(replica, site, button).state == "lost"
    assert "SITE DARK" in (await site.told())[0]


async def test_a_lost_button_comes_back_after_the_databases_clock_stepped_back(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.pass_time(50)
    await site.step(-HOUR_S)
    await site.pass_time(30, alive=(button,))
    assert view_of(replica, site, button).state == "ok"
    _, back = await site.told()
    assert back.endswith("is heard again. A press there arrives.")


async def test_a_step_ahead_of_the_databases_clock_loses_no_button(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.pass_time(10, alive=(button,))
    await site.step(HOUR_S)
    await site.pass_time(30, alive=(button,))
    assert replica.wall.states_of(button)[-1] == "ok"
    assert await site.told() == []


async def test_two_replicas_tell_a_loss_once(site: Site) -> None:
    button = site.office.device_id
    for _ in range(2):
        site.replica()
    site.beat(button)
    await site.pass_time(50)
    assert [view_of(replica, site, button).state for replica in site.replicas] == ["lost", "lost"]
    assert len(await site.told()) == 1
    site.beat(button)
    await site.pass_time(30, alive=(button,))
    assert len(await site.told()) == 2


async def test_two_replicas_that_judge_in_the_same_moment_tell_it_once(site: Site) -> None:
    others = [await site.add_button() for _ in range(20)]
    every = [site.office.device_id, *others]
    first, second = site.replica(), site.replica()
    site.beat(*every)
    await site.pass_time(44)
    await site.leap(2)
    await asyncio.gather(*[replica.supervisor.turn() for replica in (first, second, first, second)])
    (told,) = await site.told()
    assert "all of its 21 buttons are LOST" in told


async def test_what_one_replica_hears_no_other_calls_lost(site: Site) -> None:
    """The second replica's broker carries nothing of this button, and yet its own pulse."""
    button = site.office.device_id
    hears, hears_nothing = site.replica(), site.replica()
    for _ in range(8):
        hears.hear(site.office, button, site.heartbeat(button))
        await site.pass_time(10)
    assert view_of(hears_nothing, site, button).state == "ok"
    assert hears_nothing.wall.states_of(button) == ["ok"]
    assert await site.told() == []


async def test_a_replica_whose_canary_is_gone_calls_nobody_lost(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.turn()
    replica.wires[0].deaf = True
    await site.pass_time(120)
    assert view_of(replica, site, button).state == "ok"
    assert await site.told() == []


async def test_a_replica_that_has_just_subscribed_waits_for_45_seconds(site: Site) -> None:
    button = site.office.device_id
    site.replica()
    site.beat(button)
    await site.pass_time(10)
    site.replicas.clear()
    started = site.replica(listening_s=0.0)
    await site.pass_time(44)
    assert view_of(started, site, button).state == "ok"
    await site.pass_time(2)
    assert view_of(started, site, button).state == "lost"


async def test_a_restarted_replica_knows_what_was_lost_and_told(site: Site) -> None:
    button = site.office.device_id
    site.replica()
    site.beat(button, battery_pct=80, firmware="0.1.0")
    await site.pass_time(50)
    site.replicas.clear()
    started = site.replica(listening_s=0.0)
    await site.pass_time(60)
    seen = view_of(started, site, button)
    assert (seen.state, seen.battery_pct, seen.firmware) == ("lost", 80, "0.1.0")
    assert len(await site.told()) == 1


async def test_all_buttons_of_a_site_that_go_dark_one_by_one_are_one_message(site: Site) -> None:
    every = [site.office.device_id, await site.add_button(), await site.add_button()]
    site.replica()
    for button in every:  # the power fails at once, but heartbeats are seconds apart
        site.beat(button)
        await site.pass_time(5)
    await site.pass_time(70)
    (told,) = await site.told()
    assert "SITE DARK: County Clerk: all of its 3 buttons are LOST" in told


async def test_one_lost_button_among_others_is_named(site: Site) -> None:
    well = await site.add_button()
    replica, silent = site.replica(), site.office.device_id
    site.beat(silent, well)
    await site.pass_time(80, alive=(well,))
    (told,) = await site.told()
    assert silent in told
    assert well not in told
    assert view_of(replica, site, well).state == "ok"


async def test_when_its_last_link_falls_a_button_is_lost_after_five_seconds(site: Site) -> None:
    replica, button = site.replica(brokers=2), site.office.device_id
    boot = site.heartbeat(button).boot_id
    for wire in (0, 1):
        replica.hear(
            site.office, button, Status(online=True, boot_id=boot, connection=1), wire=wire
        )
    gone = Status(online=False, boot_id=boot, connection=1)
    replica.hear(site.office, button, gone, wire=0)
    await site.pass_time(10)
    assert view_of(replica, site, button).state == "ok"
    replica.hear(site.office, button, gone, wire=1)
    await site.pass_time(4)
    assert view_of(replica, site, button).state == "ok"
    await site.pass_time(2)
    assert view_of(replica, site, button).state == "lost"


async def test_a_retained_will_is_a_hint_and_ends_nothing(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    gone = Status(online=False, boot_id=uuid4(), connection=9)
    replica.hear(site.office, button, gone, retained=True)
    await site.pass_time(12)
    assert view_of(replica, site, button).state == "ok"


async def test_a_button_that_connects_again_at_once_is_never_lost(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    boot = site.heartbeat(button).boot_id
    for connection in range(1, 5):
        online = Status(online=True, boot_id=boot, connection=connection)
        replica.hear(site.office, button, online)
        await site.pass_time(6)
        replica.hear(site.office, button, Status(online=False, boot_id=boot, connection=connection))
        await site.pass_time(2)
    assert replica.wall.states_of(button) == ["ok"]


async def test_a_press_is_a_sign_of_life(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.pass_time(50)
    topic = topics.topic(site.office.jurisdiction, button, Leaf.PRESS)
    replica.hear_raw(topic, b"whatever it says is ingest's")
    await site.turn()
    assert view_of(replica, site, button).state == "ok"


async def test_a_cut_wire_is_on_the_screens_at_once_and_told_once(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.replica()
    site.beat(button)
    await site.turn()
    cut = Contacts(no_closed=False, nc_closed=False)
    for _ in range(6):
        site.beat(button, contacts=cut)
        await site.pass_time(10)
    seen = view_of(replica, site, button)
    assert seen.state == "ok"
    assert seen.health == ["The wire to the button is cut or shorted: its contacts disagree."]
    (told,) = await site.told()
    assert "Room" not in told
    assert "Counter, County Clerk" in told
    assert "call 911 by phone" in told
    site.beat(button)
    await site.turn()
    assert view_of(replica, site, button).health == []


async def test_a_press_waits_on_the_screens_once_two_heartbeats_say_so(site: Site) -> None:
    button = site.office.device_id
    replicas = [site.replica(), site.replica()]
    waits = [OpenPress(press_id=new_id())]
    site.beat(button, open=waits)
    await site.pass_time(15)
    assert [view_of(replica, site, button).health for replica in replicas] == [[], []]
    site.beat(button, open=waits, uptime_s=15)
    await site.turn()
    sentence = "1 press waits in its outbox for the server's receipt."
    assert [view_of(replica, site, button).health for replica in replicas] == [[sentence]] * 2
    site.beat(button)
    await site.turn()
    assert [view_of(replica, site, button).health for replica in replicas] == [[], []]


async def test_a_press_waits_by_the_word_that_only_another_replica_heard(site: Site) -> None:
    button = site.office.device_id
    hears, hears_nothing = site.replica(), site.replica()
    waits = [OpenPress(press_id=new_id())]

    async def health_after_the_next_sync() -> list[str]:
        await site.pass_time(SYNC_EVERY_S + 1)
        return view_of(hears_nothing, site, button).health

    hears.hear(site.office, button, site.heartbeat(button, open=waits))
    assert await health_after_the_next_sync() == []
    await site.pass_time(OTHERS_HEAR_S)
    hears.hear_raw(topics.topic(site.office.jurisdiction, button, Leaf.PRESS), b"no heartbeat")
    assert await health_after_the_next_sync() == []
    await site.pass_time(OTHERS_HEAR_S)
    hears.hear(site.office, button, site.heartbeat(button, open=waits, uptime_s=50))
    assert await health_after_the_next_sync() == [
        "1 press waits in its outbox for the server's receipt."
    ]


async def test_a_clock_that_is_not_set_is_known_and_no_fault(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    assert view_of(replica, site, button).clock_synced is None
    site.beat(button, clock_synced=False)
    await site.turn()
    seen = view_of(replica, site, button)
    assert (seen.clock_synced, seen.health) == (False, [])


async def test_a_fault_that_comes_back_after_ten_minutes_is_told_anew(site: Site) -> None:
    button = site.office.device_id
    site.replica()
    site.beat(button, undervoltage=True)
    await site.pass_time(10)
    site.beat(button)
    await site.pass_time(5)
    site.beat(button, undervoltage=True)
    await site.pass_time(20)
    assert len(await site.told()) == 1  # it flickers
    site.beat(button)
    await site.turn()
    await site.leap(700)
    await site.turn()
    site.beat(button, undervoltage=True)
    await site.pass_time(10)
    assert len([told for told in await site.told() if "power supply" in told]) == 2


async def test_open_presses_of_a_heartbeat_are_answered(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    kept = [OpenPress(press_id=new_id(), state="stored")]
    running = asyncio.create_task(replica.supervisor.run())
    try:
        replica.hear(site.office, button, site.heartbeat(button))
        replica.hear(site.office, button, site.heartbeat(button, open=kept))
        async with asyncio.timeout(10):
            asked = await replica.asked.get()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert asked == (button, kept)


async def test_a_new_boot_is_stored_before_anybody_commands_it(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.turn()
    assert replica.connected == [button]
    site.beat(button)
    await site.turn()
    assert replica.connected == [button]
    del site.boots[button]  # it is switched off and on
    site.beat(button)
    await site.turn()
    assert replica.connected == [button, button]
    boot = await site.pool.fetchval("SELECT boot_id FROM device_health")
    assert boot == site.boots[button]


async def test_a_reconnected_button_of_the_same_boot_is_commanded_again(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.turn()
    online = Status(online=True, boot_id=site.boots[button], connection=2)
    replica.hear(site.office, button, online)
    await site.turn()
    assert replica.connected == [button, button]


async def test_two_boards_with_one_identity_are_found(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    for boot in [uuid4(), uuid4()] * 2:
        replica.hear(site.office, button, site.heartbeat(button, boot_id=boot))
    await site.pass_time(6)
    sentence = "Two boards send as this button: one of them is a copy."
    assert view_of(replica, site, button).health == [sentence]
    (told,) = await site.told()
    assert sentence in told


BAD = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'{"boot_id": 7}',
    b'{"v":1,"boot_id":"not a uuid","online":true}',
    b"\xff\xfe",
    b'{"boot_id":"' + b"0" * 20_000,
]


@pytest.mark.parametrize("leaf", [Leaf.HEARTBEAT, Leaf.STATUS])
@pytest.mark.parametrize("body", BAD)
async def test_what_cannot_be_read_is_counted_and_harms_nobody(
    site: Site, leaf: Leaf, body: bytes
) -> None:
    replica, button = site.replica(), site.office.device_id
    replica.hear_raw(topics.topic(site.office.jurisdiction, button, leaf), body)
    site.beat(button)
    await site.turn()
    assert view_of(replica, site, button).state == "ok"


@pytest.mark.parametrize(
    "topic",
    [
        "tocsin/v1/48453/btn-0000000000/heartbeat",  # nobody we know
        "tocsin/v1/48201/{button}/heartbeat",  # another jurisdiction
        "tocsin/v1/48453/{button}/press/more",
        "heartbeat",
        "",
    ],
)
async def test_a_stranger_is_not_supervised(site: Site, topic: str) -> None:
    replica, button = site.replica(), site.office.device_id
    before = REGISTRY.get_sample_value("tocsin_heartbeats_malformed_total") or 0.0
    body = messages.encode(site.heartbeat(button))
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            replica.hear_raw(topic.format(button=button), body)
    await site.turn()
    assert view_of(replica, site, button).state == "never_heard"
    assert REGISTRY.get_sample_value("tocsin_heartbeats_malformed_total") == before + 3
    warned = [line for line in logs if line["log_level"] == logging.getLevelName(30).lower()]
    assert len(warned) == 1  # rate-limited


async def test_a_revoked_button_is_no_longer_shown_nor_lost(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.turn()
    await site.pool.execute("UPDATE device SET state = 'revoked'")
    await site.directory.read()
    site.beat(button)
    await site.pass_time(60)
    assert replica.supervisor.views(site.office.jurisdiction) == []
    assert await site.told() == []


async def test_a_button_added_while_running_is_supervised(site: Site) -> None:
    replica = site.replica()
    await site.turn()
    new = await site.add_button()
    await site.turn()
    assert view_of(replica, site, new).state == "never_heard"
    site.beat(new)
    await site.turn()
    assert view_of(replica, site, new).state == "ok"


async def test_an_acknowledged_press_shows_when_the_button_was_last_proven(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.turn()
    assert view_of(replica, site, button).last_proven_at is None
    proven_at = await site.pool.fetchval(
        "UPDATE device_health SET last_proven_at = clock_timestamp() RETURNING last_proven_at"
    )
    await site.pass_time(SYNC_EVERY_S + 1)
    assert view_of(replica, site, button).last_proven_at == messages.timestamp(proven_at)


async def test_when_a_button_was_proven_is_known_after_a_restart(site: Site) -> None:
    button = site.office.device_id
    await site.pool.execute("UPDATE device_health SET last_proven_at = '2026-11-03 13:00:00+00'")
    replica = site.replica()
    site.beat(button)
    await site.turn()
    assert view_of(replica, site, button).last_proven_at == "2026-11-03T13:00:00.000Z"


async def test_screens_see_every_change_of_their_own_jurisdiction_only(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.turn()
    (jurisdiction, body), *more = replica.wall.frames
    assert jurisdiction == site.office.jurisdiction
    assert more == []
    frame = msgspec.json.decode(body, type=Frame)
    assert frame.type == "device"
    assert frame.device is not None
    assert (frame.device.label, frame.device.room) == (button, "Counter")
    await site.turn()
    assert len(replica.wall.frames) == 1  # nothing changed
    assert replica.supervisor.views("48201") == []


async def test_a_county_of_buttons_reaches_the_screens_in_portions(site: Site) -> None:
    rows = [(new_device_id(), site.office.jurisdiction, bytes(32)) for _ in range(400)]
    await site.pool.executemany(
        "INSERT INTO device (device_id, jurisdiction, public_key) VALUES ($1, $2, $3)", rows
    )
    await site.directory.read()
    replica = site.replica()
    await site.turn()
    assert len(replica.wall.frames) == 300
    await site.turn()
    assert len(replica.wall.frames) == 401


async def test_without_the_database_screens_still_see_a_silent_button(site: Site) -> None:
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.turn()
    await site.pool.execute("ALTER TABLE device_health RENAME TO gone")
    site.clock.now += 50
    await site.turn()
    assert view_of(replica, site, button).state == "lost"
    await site.pool.execute("ALTER TABLE gone RENAME TO device_health")
    await site.pool.execute(
        "UPDATE device_health SET last_heard_at = last_heard_at - interval '50 s'"
    )
    await site.turn()
    assert len(await site.told()) == 1


async def test_a_jurisdiction_without_an_on_call_number_loses_no_time_over_it(site: Site) -> None:
    await site.pool.execute("UPDATE jurisdiction SET on_call_number = NULL")
    await site.directory.read()
    replica, button = site.replica(), site.office.device_id
    site.beat(button)
    await site.pass_time(60)
    assert view_of(replica, site, button).state == "lost"
    assert await site.told() == []


async def test_a_loss_is_kept_in_a_row_that_only_a_message_ends(site: Site) -> None:
    button = site.office.device_id
    site.replica()
    site.beat(button)
    await site.pass_time(50)

    async def row() -> asyncpg.Record:
        return await site.pool.fetchrow("SELECT condition, lost_at FROM device_health")

    assert (await row())["condition"] == "lost"
    assert (await row())["lost_at"] is not None
    site.beat(button)
    await site.turn()
    assert (await row())["condition"] == "ok"
    assert (await row())["lost_at"] is None
