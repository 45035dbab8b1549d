"""What a dispatcher hears: by kind and age, at sign-in, and not at all for two minutes at most."""

import re

import pytest
from playwright.async_api import Browser, expect

from tests.browser.desk import Desk, open_desk
from tests.parts import LUIS, MAYA, Alert
from tests.walk.house import House, Sender, detail

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What alarm.js decides, of alerts that are `ages` old.
DECIDE = """async (waiting) => {
  const { alarmOf } = await import("/static/console/alarm.js");
  const now_ms = Date.parse("2026-11-03T12:00:00Z");
  const at = (age_s) => new Date(now_ms - age_s * 1000).toISOString();
  const alert = ({ age_s, asked_s, ...more }) =>
    ({ state: "open", ...more, pressed_at: at(age_s), asked_at: asked_s ? at(asked_s) : null });
  const alerts = new Map(waiting.map((each, n) => [n, alert(each)]));
  const alarm = alarmOf({ alerts, held: new Map(), name: "Luis Herrera", now_ms });
  return alarm && `${alarm.kind} ${alarm.urgency}`;
}"""
DURESS = re.compile("^duress")  # however urgent by now
MINE: dict[str, object] = {"state": "acknowledged", "acknowledged_by": LUIS.name}


def old(kind: str, age_s: float) -> dict[str, object]:
    return {"kind": kind, "age_s": age_s}


async def pressed(house: House, **fields: object) -> tuple[Sender, Alert]:
    sender = await house.sender()
    await sender.send(sender.press(**fields))
    return sender, await house.alert_of(sender.device_id)


async def sounds(desk: Desk, wanted: str | re.Pattern[str]) -> None:
    await expect(desk.page.locator("#console")).to_have_attribute("data-sound", wanted)


async def test_the_gravest_kind_sounds_and_what_waits_longest_makes_it_urgent(desk: Desk) -> None:
    for waiting, heard in (
        ([], None),
        ([old("duress", 0)], "duress 0"),
        ([old("duress", 29.9)], "duress 0"),
        ([old("duress", 30)], "duress 1"),
        ([old("duress", 60)], "duress 2"),
        ([old("assist", 300), old("duress", 1)], "duress 0"),
        ([old("assist", 1), old("tamper", 31)], "tamper 1"),
        ([old("duress", 1), old("duress", 61)], "duress 2"),
        ([old("a kind of next year", 1)], "duress 0"),
        ([old("duress", 900) | MINE], None),
        ([old("duress", 900) | MINE | {"asked_s": 2}], "duress 0"),
    ):
        assert await desk.page.evaluate(DECIDE, waiting) == heard, waiting


async def test_each_kind_has_its_sound_and_it_grows_while_nobody_answers(
    house: House, desk: Desk
) -> None:
    await sounds(desk, "none")
    await pressed(house, kind="assist")
    await sounds(desk, "assist 0")
    await pressed(house, kind="tamper")
    await sounds(desk, "tamper 0")
    await pressed(house, age_ms=35_000)
    await sounds(desk, "duress 1")
    await pressed(house, age_ms=70_000)
    await sounds(desk, "duress 2")


async def test_whoever_signs_in_is_asked_whether_they_heard_it_but_not_beside_an_alert(
    house: House, desk: Desk
) -> None:
    check = desk.said("sound-check")
    await expect(check).to_contain_text("Did you hear it?")
    await desk.said("not-heard").click()
    await expect(check).to_contain_text("you would not hear an alert")
    _, alert = await pressed(house)
    await expect(desk.card(alert)).to_be_visible()
    await expect(check).to_have_count(0)
    await house.screen.resolve(alert)
    await desk.said("heard").click()
    await expect(check).to_have_count(0)
    await desk.page.reload()
    await expect(desk.said("no-alerts")).to_be_visible()
    await expect(check).to_have_count(0)


async def test_a_muted_screen_says_so_everywhere_and_the_next_alert_ends_it(
    house: House, desk: Desk, chrome: Browser
) -> None:
    _, alert = await pressed(house)
    await sounds(desk, DURESS)
    async with open_desk(chrome, desk.url) as other:
        await other.sign_in(MAYA)
        await desk.said("mute").click()
        await sounds(desk, "none")
        for each in (desk, other):
            await expect(each.said("muted")).to_contain_text(f"{LUIS.name} has muted until")
        await sounds(other, DURESS)
        (muted,) = (await detail(house.screen, alert)).named("muted")
        assert muted.payload is not None
        assert muted.payload["by"] == LUIS.name

        await desk.said("unmute").click()
        await sounds(desk, DURESS)
        await expect(other.said("muted")).to_have_count(0)

        await desk.said("mute").click()
        await expect(other.said("muted")).to_be_visible()
        await desk.page.reload()  # what it finds there is new to it
        await sounds(desk, DURESS)
        await expect(other.said("muted")).to_have_count(0)

        await desk.said("mute").click()
        await expect(other.said("muted")).to_be_visible()
        await pressed(house)
        await sounds(desk, DURESS)
        for each in (desk, other):
            await expect(each.said("muted")).to_have_count(0)
