"""The panel of buttons in Chromium: what is wrong stands out, what is not stays quiet."""

import asyncio
from uuid import uuid4

import pytest
from playwright.async_api import expect

from tests.browser.desk import SHOWN_MS, Desk
from tests.walk.house import House, Sender
from tocsin_wire import messages
from tocsin_wire.messages import Heartbeat

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def beat(sender: Sender, **fields: object) -> None:
    """Say how this button is."""
    heartbeat = Heartbeat(boot_id=uuid4(), **fields)  # type: ignore[arg-type]
    topic = sender.topic.removesuffix("press") + "heartbeat"
    await asyncio.to_thread(sender._party.publish, topic, messages.encode(heartbeat))


async def test_clocks_that_are_not_set_are_said_once_for_all_and_no_fault(
    house: House, desk: Desk
) -> None:
    vault, annex = await house.sender(room="Vault"), await house.sender(room="Annex")
    await beat(vault, clock_synced=False)
    await beat(annex, clock_synced=False, undervoltage=True)
    clocks = desk.said("unset-clocks")
    await expect(clocks).to_contain_text(
        "buttons have no set clock; the times shown are the server's.", timeout=SHOWN_MS
    )
    await clocks.locator("summary").click()
    for room in ("Vault", "Annex"):
        await expect(clocks.get_by_text(room)).to_be_visible()
    rows = desk.page.locator("[data-testid=device-row]")
    await expect(rows.filter(has_text="Vault").locator(".health")).to_have_count(0)
    faults = rows.filter(has_text="Annex").locator(".health")
    await expect(faults).to_have_text(["Its power supply is too weak."])
