"""Alerts in a browser: signed up by whoever sits there, sent, and reported as shown."""

from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from tests.channels.push_service import PushService, push_service
from tests.parts import DANA, Alert, Answer
from tests.walk.house import House, until
from tests.web.client import Client, client, problem
from tocsin_server.alert.link_key import write_key
from tocsin_server.channels import vapid

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def dana(house: House) -> AsyncIterator[Client]:
    async with client(house.walk.server.url, email=DANA.email) as asker:
        yield asker


@pytest_asyncio.fixture(loop_scope="session")
async def service(house: House) -> AsyncIterator[PushService]:
    async with push_service(port=house.walk.deployment.push_port) as service:
        yield service
    async with house.walk.database.connected() as connection:
        await connection.execute("DELETE FROM contact WHERE method = 'push'")


async def sign_up(asker: Client, subscription: str) -> int:
    answer = await asker.ask(
        "POST", "/api/v1/me/push", data=subscription.encode(), content_type="application/json"
    )
    return answer.status


async def addresses(house: House) -> list[tuple[str, str, bool]]:
    async with house.walk.database.connected() as connection:
        rows = await connection.fetch(
            "SELECT p.name, c.address, c.verified_at IS NOT NULL AS verified"
            " FROM contact c JOIN person p USING (person_id) WHERE c.method = 'push'"
        )
    return [(row["name"], row["address"], row["verified"]) for row in rows]


async def test_the_key_that_browsers_subscribe_to_is_the_deployments(
    house: House, dana: Client
) -> None:
    answer = await dana.ask("GET", "/api/v1/push/key")
    folder = house.walk.deployment.folder
    assert answer.json() == {"key": vapid.public_text(vapid.load_key(folder / "server/vapid.key"))}


async def test_a_browser_is_signed_up_once_for_whoever_sits_there(
    house: House, dana: Client, service: PushService
) -> None:
    subscription = service.subscription()
    for _ in range(2):
        assert await sign_up(dana, subscription) == 200
    assert await addresses(house) == [(DANA.name, subscription, True)]


async def test_no_browser_makes_the_server_knock_on_another_door(
    house: House, dana: Client, service: PushService
) -> None:
    answer = await dana.ask(
        "POST",
        "/api/v1/me/push",
        data=service.subscription(endpoint="https://127.0.0.1:5432/").encode(),
        content_type="application/json",
    )
    assert answer.status == 400
    assert "'127.0.0.1' is no push service" in problem(answer).message
    assert await addresses(house) == []


async def message_to_dana(house: House, alert: Alert) -> asyncpg.Record:
    async with house.walk.database.connected() as connection:
        return await connection.fetchrow(
            "SELECT notification_id, link_key FROM notification WHERE alert_id = $1 AND name = $2",
            UUID(alert.alert_id),
            DANA.name,
        )


async def test_a_device_that_shows_an_alert_says_so_and_answers_nothing(
    house: House, dana: Client
) -> None:
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await house.dana.until_received(alert.code)
    row = await message_to_dana(house, alert)
    async with client(house.walk.server.url) as device:
        answer = await device.ask(
            "POST", "/api/v1/push/received", json={"key": write_key(row["link_key"])}
        )
    assert answer.status == 200

    async def reported() -> bool:
        shown = await house.detail_of(alert)
        assert shown.state == "open"
        return any(
            each.notification_id == str(row["notification_id"]) and each.state == "delivered"
            for each in shown.notifications
        )

    await until(reported)


@pytest.mark.parametrize("key", ["", "x", "A" * 22, "A" * 5000])
async def test_word_of_a_message_that_is_none_changes_nothing(house: House, key: str) -> None:
    async with client(house.walk.server.url) as device:
        answer = await device.ask("POST", "/api/v1/push/received", json={"key": key})
    assert answer.status == 404
    assert "Nothing was done" in problem(answer).message


async def test_a_notification_is_answered_by_whom_it_was_sent_to_and_nobody_else(
    house: House, dana: Client, everybody: dict[str, Client]
) -> None:
    sender = await house.sender()
    await sender.send(sender.press())
    alert = await house.alert_of(sender.device_id)
    await house.dana.until_received(alert.code)
    key = write_key((await message_to_dana(house, alert))["link_key"])

    async def take(who: Client, key: str) -> Answer:
        return await who.ask("POST", "/api/v1/me/take", json={"key": key})

    for name in ("supervisor", "administrator", "next door"):
        assert (await take(everybody[name], key)).status == 404, name
    assert (await take(everybody["auditor"], key)).status == 403
    async with client(house.walk.server.url) as nobody:
        assert (await take(nobody, key)).status == 401
    for wrong in ("", "x", "A" * 22):
        refused = await take(dana, wrong)
        assert refused.status == 404
        problem(refused)
    assert (await house.detail_of(alert)).state == "open"
    taken = await take(dana, key)
    assert taken.json() == {"message": "You have it. Everyone else is told."}
    assert (await house.detail_of(alert)).acknowledged_by == DANA.name
    assert str((await take(dana, key)).json()["message"]).startswith("You have it since")


async def test_the_worker_may_reach_this_server_alone(house: House, dana: Client) -> None:
    async with dana.session.get(f"{dana.url}/service-worker.js") as answer:
        assert answer.status == 200
        assert answer.content_type in {"text/javascript", "application/javascript"}
        assert answer.headers["Service-Worker-Allowed"] == "/"
        policy = answer.headers["Content-Security-Policy"]
        assert policy == "default-src 'none'; connect-src 'self'"
