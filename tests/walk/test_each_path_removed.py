"""Every path to a human is taken away in turn, and a human is told all the same: who, how, when.

What is refused starts the next way at once. The rows are printed as a table at the end of a run.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.parts import DANA
from tests.walk.conftest import PATHS
from tests.walk.town import By, Tier, Town, Way, open_town
from tocsin_server.demo.postgres import EmbeddedPostgres

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE_S = 2.0
TWICE_S = 4.0  # each message is refused, a second later once more, and then the next tier is told

SITES = {
    "texts": [Tier(("Ana",))],
    "calls": [Tier(("Ana",), methods=("voice",))],
    "mails": [Tier(("Ana",), methods=("email",))],
    "pushes": [Tier(("Ana",), methods=("push",))],
    "phones alone": [Tier(("Col",)), Tier(("Kim",))],
    "unreachable": [Tier(("Uma",)), Tier(("Bo",))],
    "unverified": [Tier(("Vic",)), Tier(("Bo",))],
    "empty": [Tier(), Tier(("Bo",))],
    "shift": [Tier(shift=True), Tier(("Bo",))],
    "nobody": [Tier(("Vic",))],
}


@dataclass(frozen=True, slots=True)
class Row:
    """What is removed, whose button is pressed, and who has to be told within how many seconds."""

    removed: str
    ways: tuple[Way, ...]
    site: str
    who: str
    by: By
    within_s: float = AT_ONCE_S


ROWS = (
    Row("nothing", (), "texts", "Ana", "sms"),
    Row("the first account refuses us", ("first account",), "texts", "Ana", "sms", 3.0),
    Row("the provider is not reached", ("provider",), "texts", "Ana", "email"),
    Row("both accounts refuse us", ("both accounts",), "texts", "Ana", "email"),
    Row("the provider is not reached, calls first", ("provider",), "calls", "Ana", "email"),
    Row("the carrier takes no text", ("Ana's texts",), "texts", "Ana", "voice"),
    Row("the mail server is down", ("mail",), "mails", "Ana", "sms"),
    Row("the push service is down", ("push",), "pushes", "Ana", "sms"),
    Row("provider and mail server are down", ("provider", "mail"), "texts", "Ana", "push"),
    Row("mail server and push service are down", ("mail", "push"), "mails", "Ana", "sms"),
    Row("provider and push service are down", ("provider", "push"), "pushes", "Ana", "email"),
    Row("everything is down", ("provider", "mail", "push"), "texts", DANA.name, "screen"),
    Row("all that tier 1 has is down", ("provider",), "phones alone", "Kim", "email", TWICE_S),
    Row("tier 1 is unreachable", (), "unreachable", "Bo", "sms"),
    Row("nobody in tier 1 is verified", (), "unverified", "Bo", "sms"),
    Row("nobody is in tier 1", (), "empty", "Bo", "sms"),
    Row("the shift of tier 1 has a gap", (), "shift", "Bo", "sms"),
    Row("nobody is verified in any tier", (), "nobody", DANA.name, "screen"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def town(
    postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Town]:
    async with open_town(postgres, tmp_path_factory.mktemp("r")) as town:
        await town.build(SITES)
        yield town


@pytest.mark.parametrize("row", ROWS, ids=[row.removed for row in ROWS])
async def test_a_human_is_told_all_the_same(
    town: Town, row: Row, record_property: Callable[[str, object], None]
) -> None:
    async with AsyncExitStack() as removed:
        for way in row.ways:
            await removed.enter_async_context(town.without(way))
        before_s = town.machine.so_far_s
        alert_id = await removed.enter_async_context(town.pressed(row.site))
        told = await (town.shown(alert_id) if row.by == "screen" else town.told(alert_id))
        record_property(PATHS, (row.removed, told.who, told.by, told.after_s, row.within_s))
        assert (told.who, told.by) == (row.who, row.by)
        assert told.after_s < row.within_s + town.machine.so_far_s - before_s
        await town.until_it_is_there(alert_id, told)


async def test_a_browser_that_is_gone_is_marked_and_the_next_way_starts_at_once(
    town: Town, record_property: Callable[[str, object], None]
) -> None:
    """The last one: from now on nobody sends there."""
    town.pushes.status = 410
    before_s = town.machine.so_far_s
    alert_id = await town.press("pushes")
    told = await town.told(alert_id)
    record_property(PATHS, ("the browser is gone", told.who, told.by, told.after_s, AT_ONCE_S))
    assert (told.who, told.by) == ("Ana", "sms")
    assert told.after_s < AT_ONCE_S + town.machine.so_far_s - before_s
    await town.until_it_is_there(alert_id, told)
    assert await town.unreachable("Ana") == {"push": "this browser is no longer subscribed"}
