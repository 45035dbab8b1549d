"""A screen on a wall, as a test opens one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from tests.parts import Answer
from tests.web.client import Client, client


async def make(ruler: Client, name: str | None = None) -> tuple[str, str]:
    """A new screen's id, and its key."""
    name = name or f"Wall {uuid4()}"
    answer = await ruler.ask("POST", "/api/v1/kiosks", json={"name": name})
    assert answer.status == 200, answer.body
    made = answer.json()
    kiosk = made["kiosk"]
    assert isinstance(kiosk, dict)
    address, _, key = str(made["link"]).partition("#")
    assert address.endswith("/kiosk")
    return str(kiosk["kiosk_id"]), key


async def opened(browser: Client, key: str) -> Answer:
    return await browser.ask("POST", "/api/v1/kiosk", json={"key": key})


async def revoke(ruler: Client, kiosk_id: str) -> Answer:
    return await ruler.ask("POST", f"/api/v1/kiosks/{kiosk_id}/revoke", json={})


@asynccontextmanager
async def wall(ruler: Client) -> AsyncIterator[Client]:
    """A browser that is a screen, until the end of the test."""
    kiosk_id, key = await make(ruler)
    async with client(ruler.url) as browser:
        assert (await opened(browser, key)).status == 200
        yield browser
    await revoke(ruler, kiosk_id)
