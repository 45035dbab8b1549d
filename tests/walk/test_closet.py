"""A button that lay in a closet for two years, with a press in it, is a button like any other.

In the two years the key that signs receipts was changed. It is now for the button; two years later
it is for the database, the broker and the server.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest_asyncio

from tests import parts
from tests.button.station import Button
from tests.button.test_walk import forget_this_boot
from tests.cli.terminal import Terminal
from tests.parts import DANA, PASSWORD, Deployment, Screen, Server
from tests.stepped_clock import SteppedClock
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import EmbeddedPostgres, free_port
from tocsin_wire.messages import AGE_MS_MAX

TWO_YEARS_S = round(timedelta(days=2 * 365).total_seconds())
AGE_S_MAX = 10.0


@pytest_asyncio.fixture
async def later(folder: Path) -> AsyncIterator[tuple[SteppedClock, EmbeddedPostgres]]:
    """The clock of two years later, and a database that goes by it."""
    clock = SteppedClock(folder / "later")
    clock.step(TWO_YEARS_S, synced=True)
    async with parts.own_postgres(folder / "p", environment=clock.environment) as postgres:
        yield clock, postgres


async def test_out_of_a_closet_both_its_old_press_and_a_new_one_are_receipted(
    deployment: Deployment, folder: Path, later: tuple[SteppedClock, EmbeddedPostgres]
) -> None:
    clock, postgres = later
    button, public_key = deployment.new_button()
    await button.start()  # where nobody hears it
    old = await button.press()
    await Button(button.folder).until_said("on disk")
    await button.stop()
    forget_this_boot(Button(button.folder))

    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(parts.fresh_database(postgres, parts.EXAMPLE))
        await parts.register(database, {button.device_id: public_key})
        port = free_port()
        config = deployment.server_config(
            replica_id="server-1", port=port, dsn=database.dsn, brokers=deployment.broker_urls
        )
        await Terminal(folder, config=config).good("keys", "rotate")
        broker = Mosquitto(
            deployment.folder / "broker", port=deployment.broker_port, prefix=clock.prefix
        )
        await stack.enter_async_context(parts.running(broker))
        server = Server(config, environment=clock.environment)
        await stack.enter_async_context(parts.running_server(server))
        screen = Screen(server.url, email=DANA.email, password=PASSWORD)
        stack.push_async_callback(screen.close)
        await screen.open()

        button.environment = clock.environment  # the network's time comes before the broker does
        stack.push_async_callback(button.stop)
        await button.start()
        await button.until_lamp("stored")
        alert = await screen.until_alert()
        assert any("it may be older than shown" in remark for remark in alert.remarks)
        assert not any("clock is wrong" in remark for remark in alert.remarks)
        assert abs(screen.age_s(alert) - AGE_MS_MAX / 1000) < AGE_S_MAX
        assert (await screen.resolve(alert)).status == 200
        state = await button.until(lambda state: state.armed and not state.open)
        assert old.press_id not in {each.press_id for each in state.open}

        new = await button.press()
        await button.until_lamp("stored")
        alert = await screen.until_alert(lambda alert: alert.state == "open")
        assert 0 <= screen.age_s(alert) < AGE_S_MAX
        assert alert.remarks == ()
        assert (await screen.acknowledge(alert)).status == 200
        state = await button.until_lamp("acknowledged")
        assert [each.press_id for each in state.open] == [new.press_id]
