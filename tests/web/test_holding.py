"""Whoever has an alert says more by the API: on scene, more help wanted, handed over."""

from collections.abc import Mapping

import msgspec
import pytest
import pytest_asyncio

from tests.parts import DANA, MAYA, Alert, Answer, Screen
from tests.walk.house import House, detail
from tests.web.client import problem
from tocsin_server.alert.next_tier import NextTier
from tocsin_server.demo import example
from tocsin_server.people import accounts

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOT_NOW = 409
LANDLINE = "a landline can't receive texts"


@pytest_asyncio.fixture(loop_scope="session")
async def alert(house: House) -> Alert:
    """One that tier 1 has been told of, and that nobody has."""
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await house.dana.until_received(f"Reply {alert.code} ")
    return alert


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def maya(whole_house: House) -> Screen:
    return await whole_house.walk.screen(email=MAYA.email)


async def act(
    house: House, alert: Alert, name: str, body: Mapping[str, object] | None = None
) -> Answer:
    """As Dana."""
    return await house.screen.post(f"alerts/{alert.alert_id}/{name}", body)


async def refused(house: House, alert: Alert, answer: Answer, *words: str) -> None:
    """With a sentence, and nothing is changed."""
    assert answer.status == NOT_NOW, answer.body
    for word in words:
        assert word in problem(answer).message
    now = await house.detail_of(alert)
    assert (now.on_scene_at, now.again_at, now.offered_to) == (None, None, None)


async def by_whom(house: House, alert: Alert, name: str) -> list[object]:
    named = (await detail(house.screen, alert)).named(name)
    return [event.payload["by"] for event in named if event.payload]


async def id_of(house: House, name: str) -> str:
    listed = (await house.screen.get("people")).json()["people"]
    assert isinstance(listed, list)
    return next(str(each["person_id"]) for each in listed if each["name"] == name)


async def test_on_scene_is_said_once_by_whoever_is_there(house: House, alert: Alert) -> None:
    await refused(house, alert, await act(house, alert, "on-scene"), "Acknowledge the alert first")
    await house.screen.acknowledge(alert)
    for _ in range(2):
        assert (await act(house, alert, "on-scene")).status == 200
    shown = await house.now(alert, lambda each: each.on_scene_at)
    assert (shown.state, shown.acknowledged_by) == ("responding", DANA.name)
    assert await by_whom(house, alert, "on_scene") == [DANA.name]
    await house.screen.resolve(alert)
    answer = await act(house, alert, "on-scene")
    assert answer.status == NOT_NOW
    assert "resolved already" in problem(answer).message


async def test_the_next_tier_is_told_at_once_where_nobody_has_it(
    house: House, alert: Alert
) -> None:
    assert (await act(house, alert, "escalate")).status == 200
    await house.maya.until_received(f"Reply {alert.code} ")
    shown = await house.now(alert, lambda each: each.tier == 2)
    assert (shown.state, shown.again_at) == ("open", None)
    assert await by_whom(house, alert, "escalated_now") == [DANA.name]


async def test_whoever_has_it_has_others_told_and_keeps_it(house: House, alert: Alert) -> None:
    await house.screen.acknowledge(alert)
    await house.now(alert, lambda each: each.held_at)
    assert (await act(house, alert, "escalate")).status == 200
    await house.maya.until_received(f"Reply {alert.code} ")
    shown = await house.now(alert, lambda each: each.tier == 2)
    assert (shown.acknowledged_by, shown.again_why) == (DANA.name, "more_help")
    assert shown.next_decision_at is not None
    await house.screen.acknowledge(alert)  # that is enough help
    ended = await house.now(alert, lambda each: each.again_at is None)
    assert (ended.acknowledged_by, ended.next_decision_at) == (DANA.name, None)


async def test_what_is_resolved_is_not_escalated(house: House, alert: Alert) -> None:
    await house.screen.resolve(alert)
    answer = await act(house, alert, "escalate")
    await refused(house, alert, answer, "resolved already", "nobody else is told")


async def test_an_alert_stays_with_whoever_has_it_until_the_other_takes_it(
    house: House, alert: Alert, maya: Screen
) -> None:
    await house.screen.acknowledge(alert)
    body = {"person_id": await id_of(house, MAYA.name)}
    assert (await act(house, alert, "hand-over", body)).status == 200
    await house.maya.until_received("hands you the duress at")
    offered = await house.now(alert, lambda each: each.offered_to)
    assert (offered.acknowledged_by, offered.offered_to) == (DANA.name, MAYA.name)
    assert (await maya.acknowledge(alert)).json()["won"] is True
    taken = await house.now(alert, lambda each: each.acknowledged_by == MAYA.name)
    assert taken.offered_to is None
    assert taken.held_at is not None
    assert taken.acknowledged_at is not None
    assert taken.held_at > taken.acknowledged_at
    assert await by_whom(house, alert, "offered") == [DANA.name]
    assert await by_whom(house, alert, "taken_over") == [MAYA.name]


async def test_what_nobody_has_or_is_over_is_not_handed_over(house: House, alert: Alert) -> None:
    body = {"person_id": await id_of(house, MAYA.name)}
    answer = await act(house, alert, "hand-over", body)
    await refused(house, alert, answer, "Acknowledge the alert first")
    await house.screen.resolve(alert)
    answer = await act(house, alert, "hand-over", body)
    await refused(house, alert, answer, "resolved already")


async def test_it_is_handed_to_nobody_who_could_not_take_it(house: House, alert: Alert) -> None:
    await house.screen.acknowledge(alert)
    async with house.walk.database.pool() as pool:
        vera = await accounts.add_person(
            pool,
            jurisdiction=example.JURISDICTION,
            name="Vera Unreached",
            email="vera@example.org",
            phone=None,
            role="responder",
            password=None,
        )
    for to, words in (
        (await id_of(house, DANA.name), "They have it already"),
        (str(vera), "Nothing reaches this person"),
        ("00000000-0000-7000-8000-000000000000", "choose somebody else"),
    ):
        answer = await act(house, alert, "hand-over", {"person_id": to})
        await refused(house, alert, answer, words)


async def test_who_is_told_next_is_whom_escalating_tells_tier_by_tier(
    house: House, alert: Alert
) -> None:
    for tier in (2, 3):
        said = msgspec.convert(await next_tier(house, alert), NextTier)
        assert (said.tier, said.again) == (tier, False)
        assert all(each.by and each.why_not is None for each in said.people)
        await act(house, alert, "escalate")
        now = await house.now(alert, lambda each: each.tier == tier)  # noqa: B023 (is awaited)
        told = {
            each.name for each in now.notifications if (each.purpose, each.tier) == ("page", tier)
        }
        assert told == {each.name for each in said.people}
    said = msgspec.convert(await next_tier(house, alert), NextTier)
    assert (said.tier, said.again) == (3, True)


async def test_whoever_is_named_next_and_cannot_be_reached_is_named_with_the_reason(
    house: House, alert: Alert
) -> None:
    async with house.nothing_reaches(MAYA, because=LANDLINE):
        said = msgspec.convert(await next_tier(house, alert), NextTier)
        (maya,) = [each for each in said.people if each.name == MAYA.name]
        assert maya.why_not == LANDLINE


async def next_tier(house: House, alert: Alert) -> object:
    answer = await house.screen.get(f"alerts/{alert.alert_id}/next-tier")
    assert answer.status == 200, answer.body
    return answer.json()
