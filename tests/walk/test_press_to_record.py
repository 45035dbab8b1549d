"""One press, all the way: button, broker, server, screen, phone, lamp, and on record."""

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest

from tests.parts import WAIT_S, Alert, Database
from tests.walk.house import House, detail, latency, moment, told
from tocsin_server import record
from tocsin_server.demo import example
from tocsin_server.demo.virtual_button import VirtualButton

pytestmark = pytest.mark.asyncio(loop_scope="session")

STAGES = [
    "received",
    "stored",
    "on_screen",
    "provider_accepted",
    "delivered",
    "acknowledged",
    "resolved",
]


class Lamp:
    """Watches a button's lamp and remembers every pattern it showed, in order."""

    def __init__(self, button: VirtualButton) -> None:
        self.patterns: list[str] = []
        self._states = button.watch()

    async def until(self, pattern: str) -> None:
        """Watch until it shows this."""
        async with asyncio.timeout(WAIT_S):
            async for state in self._states:
                if not self.patterns or self.patterns[-1] != state.pattern:
                    self.patterns.append(state.pattern)
                if state.pattern == pattern:
                    return

    async def close(self) -> None:
        await self._states.aclose()


async def test_a_press_goes_all_the_way_and_back_to_the_lamp_and_is_on_record(
    house: House,
) -> None:
    button = await house.button(room="Front counter")
    lamp = Lamp(button)
    await lamp.until("armed")

    await button.press()
    alert = await house.alert_of(button.device_id)
    assert (alert.kind, alert.state, alert.drill, alert.presses) == ("duress", "open", False, 1)
    await lamp.until("stored")

    dana = await house.dana.until_received(f"Reply {alert.code} ")
    luis = await house.luis.until_received(f"Reply {alert.code} ")
    assert dana.body == luis.body
    assert told(house.maya, alert.code) == []

    answer = await house.screen.acknowledge(alert)
    assert answer.json()["won"] is True
    await lamp.until("acknowledged")
    for phone in (house.dana, house.luis):
        who = await phone.until_received("Dana Ortiz has the duress at Under the desk")
        assert "Stand down" in who.body

    assert (await house.screen.post(f"alerts/{alert.alert_id}/respond")).status == 200
    await lamp.until("responding")
    assert (await house.screen.resolve(alert)).status == 200
    await lamp.until("armed")
    assert lamp.patterns == [
        "armed",
        "pressed",
        "stored",
        "acknowledged",
        "responding",
        "armed",
    ]
    await lamp.close()
    await house.now(alert, lambda each: [x.state for x in each.notifications] == ["delivered"] * 4)
    await every_stage_is_measured(house, alert)
    await the_record_tells_it(house, alert)
    await the_record_holds(house.walk.database, house.walk.deployment.config)


async def every_stage_is_measured(house: House, alert: Alert) -> None:
    measured = (await latency(house.screen)).of(alert)
    assert measured is not None
    assert list(measured) == STAGES
    figures = [measured[stage] for stage in STAGES]
    assert all(figure is not None and figure >= 0 for figure in figures), measured
    in_order = ["received", "stored", "on_screen", "acknowledged", "resolved"]
    times = [measured[stage] or 0.0 for stage in in_order]
    assert times == sorted(times)
    assert [stage.name for stage in (await latency(house.screen)).stages] == STAGES


async def the_record_tells_it(house: House, alert: Alert) -> None:
    on_record = await detail(house.screen, alert)
    names = [event.name for event in on_record.events]
    assert [event.n for event in on_record.events] == list(range(1, len(names) + 1))
    assert names[0] == "pressed"
    for once in ("tier_told", "shown", "acknowledged", "stood_down", "responding", "resolved"):
        assert names.count(once) == 1, names
    assert names.count("notification_delivered") == 4
    assert on_record.alert.resolved_by == "Dana Ortiz"
    assert on_record.alert.outcome == "actual"


async def the_record_holds(database: Database, config: Path) -> None:
    async with database.pool() as pool:
        verdict = await record.verify_database(pool, jurisdiction=example.JURISDICTION)
    assert verdict.holds, verdict.findings
    server = config.with_name("server-1.toml")
    command = ["-m", "tocsin_server", "verify", "--config", str(server), "--json"]
    said = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await said.communicate()
    assert said.returncode == 0, output
    assert json.loads(output)["head"] == verdict.head


async def test_the_screen_says_where_down_to_the_room_and_who_comes(house: House) -> None:
    sender = await house.sender(room="Ballot room 210")
    await sender.send(sender.press())
    place = (await house.alert_of(sender.device_id)).place
    assert (place.site, place.building, place.floor, place.room, place.spot) == (
        example.CLERK.name,
        "Main building",
        "1",
        "Ballot room 210",
        "Under the desk",
    )
    assert place.address == "5501 Airport Blvd, Austin, TX 78751"
    assert (place.county, place.county_fips, place.state) == ("Travis County", "48453", "TX")
    assert place.responding_agency == "Austin Police Department"
    assert place.time_zone == "America/Chicago"
    assert (place.latitude, place.longitude) == (30.3175, -97.7136)
    assert place.missing == ()


async def test_the_text_says_what_where_how_long_ago_and_how_to_take_it(house: House) -> None:
    sender = await house.sender(room="Ballot room 210")
    await sender.send(sender.press(age_ms=47_000))
    alert = await house.alert_of(sender.device_id)
    text = (await house.dana.until_received(f"Reply {alert.code} ")).body
    assert text.startswith("TOCSIN: DURESS at ")
    for where in ("Under the desk", "Ballot room 210", "floor 1", "Travis County Clerk"):
        assert where in text
    ago = re.search(r"Pressed (\d+) s ago", text)
    assert ago is not None
    assert int(ago[1]) >= 47
    assert text.isascii()


async def test_a_press_is_as_old_as_the_button_says_it_is(house: House) -> None:
    sender = await house.sender()
    await sender.send(sender.press(age_ms=90_000))
    alert = await house.alert_of(sender.device_id)
    age_s = (moment(alert.received_at) - moment(alert.pressed_at)).total_seconds()
    assert age_s == pytest.approx(90, abs=0.01)


async def test_pressing_again_is_counted_and_does_not_page_again(house: House) -> None:
    button = await house.button()
    await button.press()
    await house.alert_of(button.device_id)
    await button.press()
    alert = await house.alert_of(button.device_id, lambda each: each.presses >= 2)
    assert len(house.alerts_of(button.device_id)) == 1
    await house.dana.until_received(alert.code)
    await button.press()
    await house.now(alert, lambda each: each.presses >= 3)
    assert len(told(house.dana, f"Reply {alert.code} ")) == 1


async def test_a_double_press_joins_and_shows_as_what_it_was(house: House) -> None:
    button = await house.button(double_within_s=3.0)
    await button.press()
    await button.press()
    alert = await house.alert_of(button.device_id, lambda each: each.presses >= 2)
    gestures = [press.gesture for press in (await detail(house.screen, alert)).presses]
    assert gestures == ["press", "double"]


async def test_holding_the_button_down_joins_and_shows_as_a_hold(house: House) -> None:
    button = await house.button(hold_s=0.5)
    await button.down()
    first = await house.alert_of(button.device_id)
    held = await house.now(first, lambda each: each.presses >= 2)
    await button.up()
    gestures = [press.gesture for press in (await detail(house.screen, held)).presses]
    assert gestures == ["press", "hold"]


async def test_a_press_after_the_acknowledgement_is_a_new_alert_that_pages_tier_1(
    house: House,
) -> None:
    button = await house.button()
    await button.press()
    first = await house.alert_of(button.device_id)
    await house.screen.acknowledge(first)
    await house.now(first, lambda each: each.state == "acknowledged")
    await button.press()
    second = await house.alert_of(button.device_id, lambda each: each.alert_id != first.alert_id)
    assert second.previous_alert_id == first.alert_id
    assert second.state == "open"
    for phone in (house.dana, house.luis):
        await phone.until_received(f"Reply {second.code} ")
    await button.until_lamp("stored")


async def test_two_screens_show_the_same_and_the_first_to_answer_has_it(house: House) -> None:
    sender = await house.sender()
    other = await house.walk.screen(email=example.PEOPLE[1].email)
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await other.until_alert(lambda each: each.alert_id == alert.alert_id)
    answers = await asyncio.gather(house.screen.acknowledge(alert), other.acknowledge(alert))
    assert sorted(bool(answer.json()["won"]) for answer in answers) == [False, True]
    has_it = {str(answer.json()["acknowledged_by"]) for answer in answers}
    assert len(has_it) == 1
    for screen in (house.screen, other):
        shown = await screen.until_alert(
            lambda each: each.alert_id == alert.alert_id and each.state == "acknowledged"
        )
        assert {shown.acknowledged_by} == has_it


async def test_nobody_can_respond_before_somebody_has_taken_it(house: House) -> None:
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    refused = await house.screen.post(f"alerts/{alert.alert_id}/respond")
    assert refused.status == 409
    assert b"Acknowledge the alert first" in refused.body


async def test_a_note_is_on_record(house: House) -> None:
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    note = "Spoke to the clerk.\nShe is safe: “all clear”, José says."
    answer = await house.screen.post(f"alerts/{alert.alert_id}/notes", {"text": note})
    assert answer.status == 200
    (noted,) = (await detail(house.screen, alert)).named("noted")
    assert noted.payload == {"by": "Dana Ortiz", "note": note}


async def test_who_resolves_an_alert_that_nobody_took_has_thereby_taken_it(house: House) -> None:
    sender = await house.sender()
    press = await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await house.luis.until_received(f"Reply {alert.code} ")
    assert (await house.screen.resolve(alert, "false_alarm")).status == 200
    closed = await house.now(alert, lambda each: each.state == "resolved")
    assert (closed.resolved_by, closed.outcome) == ("Dana Ortiz", "false_alarm")
    await house.luis.until_received("Dana Ortiz has the duress")
    await sender.until_receipt(press, "resolved")
