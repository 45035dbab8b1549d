"""Paths to a human that fall silent instead of refusing, and servers that die as they send.

Silence is waited for, and no longer than its limit: a request is given up, a report is missed
after ten seconds, a dead server's messages are free after five.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import pytest
import pytest_asyncio

from tests.walk.conftest import PATHS
from tests.walk.town import Tier, Told, Town, open_town
from tocsin_server.channels import email, twilio
from tocsin_server.demo.handset import Condition
from tocsin_server.demo.postgres import EmbeddedPostgres

pytestmark = pytest.mark.asyncio(loop_scope="session")

Record = Callable[[str, object], None]

LATE_S = 2.0  # a busy machine
SILENT_S = 11.0  # acceptance: no report at all, and the next way has it
PROVIDER_S = twilio.REQUEST_S_MAX + LATE_S
MAIL_S = email.REQUEST_S_MAX + LATE_S
SECOND_S = 3.0  # acceptance: the second account sends
KILLED_S = 7.0  # acceptance: kill -9

SITES = {
    "texts": [Tier(("Ana",))],
    "mails": [Tier(("Max",))],
    "pushes": [Tier(("Eve",))],
    "unreported": [Tier(("Ned",))],
    "stored": [Tier(("Bo",))],
    "sent": [Tier(("Bo",))],
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    async with open_town(postgres, tmp_path_factory.mktemp("s")) as town:
        await town.build(SITES)
        yield town


async def told(
    town: Town,
    alert_id: UUID,
    removed: str,
    within_s: float,
    record_property: Record,
    *,
    before_s: float,
) -> Told:
    """Who is told, in time, and sees it. `before_s`: how long the machine had stood still."""
    told = await town.told(alert_id)
    record_property(PATHS, (removed, told.who, told.by, told.after_s, within_s))
    assert told.after_s < within_s + town.machine.so_far_s - before_s
    await town.until_it_is_there(alert_id, told)
    return told


async def pressed(
    town: Town, site: str, removed: str, within_s: float, record_property: Record
) -> Told:
    """Do the same after a press at a site."""
    before_s = town.machine.so_far_s
    async with town.pressed(site) as alert_id:
        return await told(town, alert_id, removed, within_s, record_property, before_s=before_s)


async def test_what_takes_a_request_and_says_nothing_is_given_up(
    town: Town, record_property: Record
) -> None:
    async with town.without("provider's answers"):
        ana, max_, eve = await asyncio.gather(
            pressed(town, "texts", "the provider never answers", PROVIDER_S, record_property),
            pressed(town, "mails", "the mail server never answers", MAIL_S, record_property),
            pressed(town, "pushes", "a browser never shows it", SILENT_S, record_property),
        )
    assert (ana.who, ana.by) == ("Ana", "email")
    assert (max_.who, max_.by) == ("Max", "push")
    assert (eve.who, eve.by) == ("Eve", "email")


async def test_what_nobody_reports_on_is_told_by_the_next_way(
    town: Town, record_property: Record
) -> None:
    async with town.without("reports of Ned's texts"), town.without("first account's answers"):
        ana, ned = await asyncio.gather(
            pressed(town, "texts", "the first account never answers", SECOND_S, record_property),
            pressed(town, "unreported", "nobody reports on a text", SILENT_S, record_property),
        )
    assert (ana.who, ana.by) == ("Ana", "sms")
    assert (ned.who, ned.by) == ("Ned", "voice")


async def test_a_server_dies_with_the_alert_stored_and_nobody_told(
    town: Town, record_property: Record
) -> None:
    dies, stays = town.walk.server, town.other
    before_s = town.machine.so_far_s
    stays.pause()
    async with town.walk.database.connected() as connection, connection.transaction():
        await connection.execute("LOCK TABLE notification IN EXCLUSIVE MODE")
        alert_id = await town.press("stored")
        await dies.kill()
    stays.resume()
    removed = "a server, once it had stored the alert"
    # What it had asked the database before may still be done there, and hold a message for a lease.
    await told(town, alert_id, removed, KILLED_S, record_property, before_s=before_s)
    await dies.start()


async def test_a_server_dies_while_it_sends(town: Town, record_property: Record) -> None:
    dies, stays = town.walk.server, town.other
    phone = town.phone("Bo")
    asked = phone.requests
    phone.condition = Condition.SLOW
    before_s = town.machine.so_far_s
    stays.pause()
    alert_id = await town.press("sent")
    await phone.until_asked(asked + 1)
    await dies.kill()
    phone.condition = Condition.TOO_MANY  # what was asked before the kill comes to nothing
    assert await town.states(alert_id) == ["sending"]
    phone.condition = Condition.ON
    stays.resume()
    removed = "a server, as it sent"
    await told(town, alert_id, removed, KILLED_S, record_property, before_s=before_s)
