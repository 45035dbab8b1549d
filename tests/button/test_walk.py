"""The button's part of the walk: a real agent, real brokers, a station that signs."""

import os
import resource
import signal
import sqlite3
import stat
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import msgspec

from tests.button.conftest import OpenField
from tests.button.station import Button, Field
from tocsin_button.control import AgentState
from tocsin_button.lamp import PRESSED_S_MIN
from tocsin_button.ledger import Entry
from tocsin_button.renewal import FOLLOWS_WITHIN_S
from tocsin_server.demo.postgres import free_port
from tocsin_wire.messages import Press
from tocsin_wire.signing import SigningKey
from tocsin_wire.topics import Leaf

ENDS_S_MAX = 5.0  # what the demo, with all its parts, has for its end


def patterns(seen: list[AgentState]) -> list[str]:
    """The lamp's patterns in the order they came."""
    told = [state.pattern for state in seen]
    return [now for before, now in zip([None, *told], told, strict=False) if now != before]


def shows(pattern: str) -> Callable[[AgentState], bool]:
    return lambda state: state.pattern == pattern


def of(field: Field, press_id: str) -> list[Press]:
    return [press for _, press in field.station.presses if str(press.press_id) == press_id]


async def first_press(field: Field) -> Press:
    await field.station.until(lambda: bool(field.station.presses))
    return field.station.presses[0][1]


async def test_the_lamp_follows_a_press_from_the_finger_to_the_end(field: Field) -> None:
    button = await field.add_button().ready()
    field.station.answers = "stored"
    pressed_at = time.monotonic()
    async with button.watched(shows("stored")) as seen:
        await button.press()
    assert time.monotonic() - pressed_at >= PRESSED_S_MIN
    assert patterns(seen)[-2:] == ["pressed", "stored"]
    press = await first_press(field)
    for state in ("acknowledged", "responding"):
        field.station.receipt(press, state)
        assert patterns(await button.watch(shows(state)))[-1] == state
    field.station.receipt(press, "resolved")
    seen = await button.watch(shows("armed"))
    assert seen[-1].open == []


async def test_a_press_says_who_when_and_how_old(field: Field) -> None:
    button = await field.add_button().ready()
    answer = await button.press()
    press = await first_press(field)
    assert str(press.press_id) == answer.press_id
    assert (press.device_id, press.kind, press.gesture) == (button.device_id, "duress", "press")
    assert (press.seq, press.attempt, press.drill, press.age_exact) == (1, 1, False, True)
    assert answer.edge_to_publish_ms is not None
    assert press.age_ms <= answer.edge_to_publish_ms + 1
    assert answer.published_on == field.urls
    await field.station.until(lambda: bool(field.station.heartbeats()))
    assert press.boot_id == field.station.heartbeats()[-1].boot_id


async def test_a_press_is_sent_again_until_it_is_receipted_and_then_no_more(
    field: Field,
) -> None:
    button = await field.add_button().ready()
    answer = await button.press()
    await field.station.until(lambda: len(of(field, answer.press_id)) >= 4)
    presses = of(field, answer.press_id)
    assert [press.attempt for press in presses[:4]] == [1, 2, 3, 4]
    ages_ms = [press.age_ms for press in presses[:4]]
    assert ages_ms == sorted(ages_ms)
    assert ages_ms[1] >= 300
    field.station.receipt(presses[-1], "stored")
    await button.watch(shows("stored"))
    again = await button.press()
    await field.station.until(lambda: bool(of(field, again.press_id)))
    sent = len(of(field, answer.press_id))  # with what was under way when the receipt came
    await field.station.until(lambda: len(of(field, again.press_id)) >= 4)
    assert len(of(field, answer.press_id)) == sent


async def test_a_press_while_the_broker_is_down_arrives_when_it_is_back(field: Field) -> None:
    button = await field.add_button().ready()
    await field.brokers[0].kill()
    await button.watch(lambda state: not state.links[0].connected)
    answer = await button.press()
    assert (answer.published_on, answer.edge_to_publish_ms) == ([], None)
    state = await button.state()
    assert (state.pattern, state.armed) == ("pressed", False)
    await field.brokers[0].start()
    await field.station.until(lambda: bool(of(field, answer.press_id)))
    press = of(field, answer.press_id)[-1]
    assert press.age_exact
    assert press.age_ms > 0


async def test_a_killed_agent_sends_its_press_again_with_the_exact_age(field: Field) -> None:
    button = await field.add_button().ready()
    await field.station.until(lambda: bool(field.station.heartbeats()))
    boot_id = field.station.heartbeats()[-1].boot_id
    answer = await button.press()
    await field.station.until(lambda: bool(of(field, answer.press_id)))
    await on_disk(button, answer.press_id)
    await button.kill()
    await button.ready()
    await field.station.until(lambda: field.station.heartbeats()[-1].boot_id != boot_id)
    sent = len(of(field, answer.press_id))
    await field.station.until(lambda: len(of(field, answer.press_id)) > sent)
    again = of(field, answer.press_id)[-1]
    first = of(field, answer.press_id)[0]
    assert (again.boot_id, again.seq) == (first.boot_id, first.seq) == (boot_id, 1)
    assert again.age_exact
    assert again.age_ms > first.age_ms
    field.station.receipt(again, "resolved")
    await button.watch(lambda state: not state.open)


async def test_after_a_reboot_the_age_is_marked_as_inexact(field: Field) -> None:
    button = await field.add_button().ready()
    answer = await button.press()
    await on_disk(button, answer.press_id)
    await button.kill()
    forget_this_boot(button)
    assert all(press.age_exact for press in of(field, answer.press_id))
    await button.ready()
    await field.station.until(
        lambda: any(not press.age_exact for press in of(field, answer.press_id))
    )


async def on_disk(button: Button, press_id: str) -> None:
    """Wait until the agent says that the press is on the disk."""
    await button.until_said("on disk")
    assert press_id in button.said()


def forget_this_boot(button: Button) -> None:
    """Make the outbox look as if the board had been rebooted since."""
    with sqlite3.connect(button.folder / "state" / "outbox.db") as connection:
        for press_id, body in connection.execute("SELECT press_id, entry FROM press").fetchall():
            entry = msgspec.structs.replace(
                msgspec.json.decode(body, type=Entry), kernel_boot_id=uuid4()
            )
            connection.execute(
                "UPDATE press SET entry = ? WHERE press_id = ?",
                (msgspec.json.encode(entry), press_id),
            )
    connection.close()


async def test_a_press_goes_to_every_broker_and_one_of_them_is_enough(
    open_field: OpenField,
) -> None:
    field = await open_field(2)
    button = field.add_button()
    await button.start()
    await button.watch(lambda state: all(link.connected for link in state.links))
    answer = await button.press()
    assert set(answer.published_on) == set(field.urls)
    await field.station.until(lambda: {url for url, _ in field.station.presses} == set(field.urls))
    await field.brokers[0].kill()
    await button.watch(lambda state: not state.links[0].connected)
    answer = await button.press()
    assert answer.published_on == field.urls[1:]


async def test_a_link_that_misses_a_receipt_is_opened_anew_and_the_other_is_not(
    open_field: OpenField,
) -> None:
    field = await open_field(2)
    button = field.add_button()
    await button.start()
    await button.watch(lambda state: all(link.connected for link in state.links))
    # Only a link that has stood for a second owes a receipt. A press that waits for its own has
    # links opened anew, too: each is answered at once.
    field.station.answers = "stored"
    stood_s = time.monotonic() + FOLLOWS_WITHIN_S
    while time.monotonic() < stood_s:
        await stored(field, button)
    field.station.muted.update(field.urls[:1])
    await stored(field, button)
    await button.until_said("another link brought a receipt before it")
    seen = await button.watch(lambda state: all(link.connected for link in state.links))
    assert seen[-1].links[0].connection >= 2
    assert seen[-1].links[1].connection == 1


async def stored(field: Field, button: Button) -> None:
    answer = await button.press()
    await field.station.until(lambda: bool(of(field, answer.press_id)))
    await button.watch(lambda state: all(press.state == "stored" for press in state.open))


async def test_a_link_without_puback_is_dropped_and_opened_again(field: Field) -> None:
    button = await field.add_button().ready()
    pid = field.brokers[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = await button.press()
        seen = await button.watch(lambda state: not state.links[0].connected)
        assert seen[-1].links[0].trouble == "no PUBACK for 1 s"
    finally:
        os.kill(pid, signal.SIGCONT)
    await button.watch(lambda state: state.links[0].connected)
    await field.station.until(lambda: bool(of(field, answer.press_id)))


async def test_only_a_pinned_key_moves_the_lamp(field: Field) -> None:
    button = await field.add_button().ready()
    await button.press()
    press = await first_press(field)
    field.station.receipt(press, "acknowledged", key=SigningKey.generate())
    field.station.receipt(msgspec.structs.replace(press, press_id=uuid4()), "acknowledged")
    successor = SigningKey.load(field.folder / "server" / "next_receipt.key")
    async with button.watched(shows("stored")) as seen:
        field.station.receipt(press, "stored", key=successor)
    assert "acknowledged" not in patterns(seen)
    await button.until_said("message refused")


async def test_the_will_tells_of_a_killed_button_and_names_its_connection(field: Field) -> None:
    button = await field.add_button().ready()
    await field.station.until(lambda: field.station.is_online() is True)
    await button.kill()
    await field.station.until(lambda: field.station.is_online() is False)
    up, down = field.station.statuses()[-2:]
    assert (down.boot_id, down.connection) == (up.boot_id, up.connection) == (up.boot_id, 1)


async def test_it_ends_when_asked_and_says_that_it_goes(field: Field) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        button = await field.add_button().ready()
        await field.station.until(lambda: field.station.is_online() is True)
        began = time.monotonic()
        assert await button.end(number) == 0
        assert time.monotonic() - began < ENDS_S_MAX
        await field.station.until(lambda: field.station.is_online() is False)
        assert not button.control.exists()


async def test_it_ends_when_asked_without_any_broker(field: Field) -> None:
    button = field.add_button(brokers=f'["mqtts://127.0.0.1:{free_port()}"]')
    await button.start()
    seen = await button.watch(lambda state: state.links[0].trouble is not None)
    assert "refused" in str(seen[-1].links[0].trouble)
    began = time.monotonic()
    assert await button.end() == 0
    assert time.monotonic() - began < ENDS_S_MAX


async def test_a_heartbeat_tells_what_the_button_knows(field: Field) -> None:
    button = await field.add_button().ready()
    await button.press()
    press = await first_press(field)
    field.station.receipt(press, "stored")

    def told() -> bool:
        beats = [beat for beat in field.station.heartbeats() if beat.open]
        return bool(beats) and beats[-1].open[0].state == "stored"

    await field.station.until(told)
    beat = next(beat for beat in reversed(field.station.heartbeats()) if beat.open)
    assert beat.open[0].press_id == press.press_id
    assert (beat.outbox_depth, beat.connection, beat.firmware) == (1, 1, "0.1.0")
    assert beat.uptime_s is not None
    assert beat.config_digest is not None
    assert beat.contacts is not None


async def test_a_moved_contact_is_told_at_once(field: Field) -> None:
    button = await field.add_button().ready()
    await button.do("down")

    def pressed() -> bool:
        beats = [beat.contacts for beat in field.station.heartbeats() if beat.contacts]
        return any(each.no_closed and not each.nc_closed for each in beats)

    await field.station.until(pressed, within_s=10)
    assert await button.do("up") == {"ok": True}


async def test_a_full_disk_delays_no_press_and_is_told(field: Field) -> None:
    button = await field.add_button().ready()
    assert button.process is not None
    # Its own test of the folder is over; what that finds stands until it tests again.
    await field.station.until(lambda: field.station.selftest() == "ok")
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.prlimit(button.process.pid, resource.RLIMIT_FSIZE, (0, hard))
    answer = await button.press()
    assert answer.published_on == field.urls
    seen = await button.watch(lambda state: bool(state.faults))
    assert "outbox can't be written" in seen[-1].faults[0]

    await field.station.until(lambda: "outbox can't be written" in field.station.selftest())
    resource.prlimit(button.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    await button.watch(lambda state: not state.faults)


async def test_a_corrupt_outbox_never_keeps_the_button_from_arming(field: Field) -> None:
    button = field.add_button()
    (button.folder / "state").mkdir()
    (button.folder / "state" / "outbox.db").write_bytes(os.urandom(20_000))
    await button.start()
    await button.watch(lambda state: state.armed)
    await button.until_said("set aside")  # by a thread that no link waits for
    assert list((button.folder / "state").glob("outbox.db.corrupt-*"))
    assert (await button.press()).published_on == field.urls


async def commanded(field: Field, button: Button) -> UUID:
    await field.station.until(lambda: bool(field.station.heartbeats()))
    return field.station.heartbeats()[-1].boot_id


async def test_in_a_drill_a_press_says_so_and_the_lamp_too(field: Field) -> None:
    button = await field.add_button().ready()
    boot_id = await commanded(field, button)
    field.station.command(button.device_id, boot_id, 1, "drill_begin", until_s=600)
    await button.watch(lambda state: state.drill and state.pattern == "armed")
    await button.press()
    assert (await first_press(field)).drill
    field.station.command(button.device_id, boot_id, 2, "drill_end")
    field.station.receipt(field.station.presses[-1][1], "resolved", drill=True)
    await button.watch(lambda state: not state.drill and not state.open)
    second = await button.press()
    await field.station.until(lambda: bool(of(field, second.press_id)))
    assert not of(field, second.press_id)[0].drill


async def test_a_drill_ends_by_itself(field: Field) -> None:
    button = await field.add_button().ready()
    boot_id = await commanded(field, button)
    async with button.watched(lambda state: state.drill):
        field.station.command(button.device_id, boot_id, 1, "drill_begin", until_s=1)
    await button.watch(lambda state: not state.drill)


async def test_commands_identify_and_test_and_are_refused_when_old(field: Field) -> None:
    button = await field.add_button().ready()
    boot_id = await commanded(field, button)
    async with button.watched(shows("identify")) as seen:
        field.station.command(button.device_id, uuid4(), 9, "identify")
        field.station.command(button.device_id, boot_id, 1, "update")
        field.station.command(button.device_id, boot_id, 1, "drill_begin", until_s=60)
        field.station.command(button.device_id, boot_id, 2, "identify")
    assert not any(state.drill for state in seen)
    for reason in ("of another boot", "names no release", "does not rise"):
        await button.until_said(reason)
    await button.until_said("self-test done")
    field.station.command(button.device_id, boot_id, 3, "selftest")
    await button.until_said("self-test done", times=2)
    await field.station.until(lambda: field.station.selftest() == "ok")


async def test_a_second_agent_on_the_same_folder_is_refused(field: Field) -> None:
    button = await field.add_button().ready()
    twin = Button(button.folder)
    twin.log = button.folder / "twin.log"
    await twin.start()
    assert twin.process is not None
    assert await twin.process.wait() == 2
    assert "another agent works on" in twin.said()
    assert (await button.state()).armed


async def test_the_agent_is_small_and_quickly_armed(field: Field) -> None:
    """Not a benchmark: these bounds are ten times what a Pi would be asked for."""
    button = await field.add_button().ready()
    seen = await button.watch(lambda state: state.armed)
    assert seen[-1].armed_after_s is not None
    assert seen[-1].rss_kib < 640 * 1024


async def test_the_socket_is_for_its_owner_alone(field: Field) -> None:
    button = await field.add_button().ready()
    assert button.control.stat().st_mode & 0o777 == 0o600
    assert stat.S_ISSOCK(button.control.stat().st_mode)


async def test_nonsense_on_the_socket_gets_an_answer_and_harms_nobody(field: Field) -> None:
    button = await field.add_button(hold_s="30.0").ready()  # a hold would be a press of its own
    assert "ask press" in str((await button.do("dance"))["error"])
    await button.do("down")
    assert "down already" in str((await button.do("press"))["error"])


async def test_every_leaf_is_published_where_the_contract_says(field: Field) -> None:
    button = await field.add_button().ready()
    await button.press()
    await field.station.until(
        lambda: all(field.station.bodies(leaf) for leaf in (Leaf.PRESS, Leaf.HEARTBEAT))
    )
    assert all(not heard.retained for heard in field.station.heard if heard.leaf is Leaf.PRESS)
