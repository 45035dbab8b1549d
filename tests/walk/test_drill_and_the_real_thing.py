"""A drill takes the real path, is marked everywhere, and one key makes it the real thing."""

import pytest

from tests.parts import DANA, LUIS, MAYA, RAY, Alert, Screen, Walk
from tests.walk.house import House, detail, latency, told
from tocsin_server.demo import example
from tocsin_server.demo.virtual_button import VirtualButton

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def open_drill(screen: Screen, *, site: str = example.CLERK.name) -> str:
    """A window at a site; gives its id once every screen of the site shows it."""
    sites = (await screen.get("sites")).json()["sites"]
    assert isinstance(sites, list)
    site_id = next(each["site_id"] for each in sites if each["name"] == site)
    answer = await screen.post("drills", {"site_id": site_id, "minutes": 5})
    assert answer.status == 200, answer.body
    drill_id = str(answer.json()["drill_id"])
    await screen.until(lambda _: any(each.drill_id == drill_id for each in screen.drills))
    return drill_id


async def drilling_button(house: House) -> VirtualButton:
    """A button that has been told of the drill at its site."""
    button = await house.button()
    await open_drill(house.screen)
    await button.until(lambda state: state.drill)
    return button


async def drilled(house: House, button: VirtualButton) -> Alert:
    """A drill that tier 1 has been told of."""
    await button.press()
    alert = await house.alert_of(button.device_id)
    await house.dana.until_received(f"Reply {alert.code} ")
    return alert


async def test_a_drill_is_marked_on_lamp_screen_and_phone_and_stays_out_of_the_figures(
    house: House,
) -> None:
    button = await drilling_button(house)
    assert (await button.state()).pattern == "armed"
    alert = await drilled(house, button)
    assert (alert.drill, alert.kind) == (True, "duress")
    assert told(house.dana, f"Reply {alert.code} ")[0].startswith("TOCSIN DRILL: DURESS at ")
    lamp = await button.until_lamp("stored")
    assert lamp.drill
    said = (await house.luis.reply(alert.code)).texts[0]
    assert said.startswith("You have it: DRILL duress")
    lamp = await button.until_lamp("acknowledged")
    assert lamp.drill
    stand_down = await house.dana.until_received("Luis Herrera has the duress")
    assert stand_down.body.startswith("TOCSIN DRILL: ")
    await house.screen.resolve(alert, "test")
    await button.until_lamp("armed")
    assert (await latency(house.screen)).of(alert) is None
    figures = (await latency(house.screen, drill=True)).of(alert)
    assert figures is not None
    assert figures["acknowledged"] is not None


async def test_when_the_drill_ends_the_button_knows_and_the_next_press_is_real(
    house: House,
) -> None:
    button = await house.button()
    drill_id = await open_drill(house.screen)
    await button.until(lambda state: state.drill)
    assert (await house.screen.post(f"drills/{drill_id}/end")).status == 200
    await button.until(lambda state: not state.drill)
    await house.screen.until(lambda screen: not screen.drills)
    alert = await drilled(house, button)
    assert (alert.drill, alert.remarks) == (False, ())
    assert "DRILL" not in told(house.dana, f"Reply {alert.code} ")[0]


async def test_one_key_makes_a_drill_the_real_thing_and_tier_1_is_told_again(
    house: House,
) -> None:
    button = await drilling_button(house)
    drill = await drilled(house, button)
    assert (await house.screen.post(f"alerts/{drill.alert_id}/actual")).status == 200
    alert = await house.now(drill, lambda each: not each.drill)
    assert (alert.state, alert.code) == ("open", drill.code)
    for phone in (house.dana, house.luis):
        text = await phone.until_received(f"Reply {alert.code} ", count=2)
        assert text.body.startswith("TOCSIN: DURESS at ")
    lamp = await button.until(lambda state: not state.drill)
    assert lamp.pattern in {"pressed", "stored"}
    names = [event.name for event in (await detail(house.screen, alert)).events]
    assert names.count("made_actual") == 1
    await house.luis.reply(alert.code)
    await button.until_lamp("acknowledged")
    assert (await latency(house.screen)).of(alert) is not None
    refused = await house.screen.post(f"alerts/{alert.alert_id}/actual")
    assert refused.status == 409


async def test_a_drill_that_somebody_had_taken_is_open_again_once_it_is_real(
    house: House,
) -> None:
    button = await drilling_button(house)
    drill = await drilled(house, button)
    await house.screen.acknowledge(drill)
    await button.until_lamp("acknowledged")
    await house.screen.post(f"alerts/{drill.alert_id}/actual")
    alert = await house.now(drill, lambda each: not each.drill and each.state == "open")
    assert alert.acknowledged_by is None
    text = await house.luis.until_received(f"Reply {alert.code} ", count=2)
    assert text.body.startswith("TOCSIN: DURESS at ")
    lamp = await button.until(lambda state: not state.drill)
    assert lamp.pattern == "stored"  # nobody has it
    answer = await house.screen.acknowledge(alert)
    assert answer.json()["won"] is True
    await button.until_lamp("acknowledged")
    await house.luis.until_received("TOCSIN: Dana Ortiz has the duress")


async def test_a_real_press_in_a_drill_is_an_alert_of_its_own(house: House) -> None:
    sender = await house.sender()
    await open_drill(house.screen)
    await sender.send(sender.press(drill=True))
    drill = await house.alert_of(sender.device_id)
    assert drill.drill
    await sender.send(sender.press())
    real = await house.alert_of(sender.device_id, lambda each: not each.drill)
    assert (real.presses, real.previous_alert_id) == (1, drill.alert_id)
    text = await house.dana.until_received(f"Reply {real.code} ")
    assert text.body.startswith("TOCSIN: DURESS")
    await sender.send(sender.press(drill=True))
    await house.now(drill, lambda each: each.presses == 2)


async def test_a_real_press_after_the_cancel_of_a_drill_is_an_alert_of_its_own(
    house: House,
) -> None:
    sender = await house.sender()
    await open_drill(house.screen)
    press = sender.press()
    await sender.send(sender.press(kind="cancel", cancels=press.press_id, drill=True))
    drill = await house.alert_of(sender.device_id)
    assert (drill.drill, drill.cancelled) == (True, True)
    await sender.send(press)
    real = await house.alert_of(sender.device_id, lambda each: not each.drill)
    assert (real.presses, real.cancelled, real.state) == (1, True, "open")


async def test_a_drill_elsewhere_does_not_make_a_press_here_a_drill(house: House) -> None:
    sender = await house.sender()
    await open_drill(house.screen, site=example.CARVER.name)
    await sender.send(sender.press(drill=True))
    alert = await house.alert_of(sender.device_id)
    assert not alert.drill
    assert alert.remarks


async def test_a_press_from_before_the_window_is_no_drill(house: House) -> None:
    sender = await house.sender()
    await open_drill(house.screen)
    await sender.send(sender.press(drill=True, age_ms=3_600_000))
    assert not (await house.alert_of(sender.device_id)).drill


async def test_a_test_press_counts_as_one_only_in_a_window(house: House) -> None:
    sender = await house.sender()
    await open_drill(house.screen)
    await sender.send(sender.press(kind="test"))
    alert = await house.alert_of(sender.device_id)
    assert (alert.kind, alert.drill) == ("test", True)
    assert (await latency(house.screen)).of(alert) is None


async def test_a_site_has_one_window_at_a_time(house: House) -> None:
    await open_drill(house.screen)
    drills = (await house.screen.get("drills")).json()["drills"]
    assert isinstance(drills, list)
    (drill,) = drills
    again = {"site_id": drill["site_id"], "minutes": 60}
    refused = await house.screen.post("drills", again)
    assert refused.status == 409
    assert b"opened by Dana Ortiz" in refused.body


@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize("patience_s", [(1.0, 1.0, 1.0)])
async def test_a_drill_never_reaches_an_outside_agency_until_it_is_real(
    walk: Walk, screen: Screen, button: VirtualButton
) -> None:
    await open_drill(screen)
    await button.until(lambda state: state.drill)
    await button.press()
    drill = await screen.until_alert(lambda each: each.drill)
    page = f"Reply {drill.code} "
    await walk.phone(MAYA).until_received(page, count=4)  # tiers 2 and 3, and two repeats
    assert walk.phone(RAY).requests == 0
    await screen.post(f"alerts/{drill.alert_id}/actual")
    for person in (DANA, LUIS, MAYA, RAY):
        await walk.phone(person).until_received("TOCSIN: DURESS")
