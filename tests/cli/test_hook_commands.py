"""`tocsin hook`, as it is typed, with a server that delivers beside it."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.cli.terminal import Terminal
from tests.hooks.receiver import Receiver, receiving
from tests.parts import Database
from tests.walk.house import until
from tocsin_server.cli import hook as commands
from tocsin_server.cli.hook import arrange
from tocsin_server.config import config_path, load_config
from tocsin_server.errors import TocsinError
from tocsin_server.hooks.deliver import Deliver, trusted
from tocsin_server.hooks.hooks import DeliveryList, HookList, HookSecret, HookView, Resent
from tocsin_server.storage.database import Database as Replica

CAD = "County CAD"


@pytest_asyncio.fixture
async def here(terminal: Terminal) -> Terminal:
    """A server that may talk to this machine without TLS."""
    with config_path(terminal.environment["TOCSIN_CONFIG"]).open("a") as config:
        config.write("\n[hooks]\nallow_http = true\n")
    return terminal


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def delivering(here: Terminal, database: Database) -> AsyncIterator[None]:
    """A server's loop that delivers, as its configuration says."""
    config = load_config(config_path(here.environment["TOCSIN_CONFIG"]))
    connection = Replica(database.dsn, replica_id="server-1")
    await connection.open()
    deliver = Deliver(connection, config.hooks, tls=trusted(config))
    running = asyncio.create_task(deliver.run())
    yield
    running.cancel()
    await asyncio.wait([running])
    await deliver.close()
    await connection.close()


async def test_a_hook_is_added_tried_rotated_and_removed(
    here: Terminal, receiver: Receiver, delivering: None
) -> None:
    assert "no other system follows alerts here" in await here.good("hook", "list")
    added = (await here.run("hook", "add", CAD, receiver.url, "--json")).read(HookSecret)
    assert await here.good("hook", "test", CAD) == f"{CAD} has got it, and answered 204\n"
    receiver.received[0].verify(added.secret)
    said = await here.good("hook", "rotate-secret", CAD, "--keep-hours", "0")
    assert "the former one is void" in said
    (secret,) = [word for word in said.split() if word.startswith("whsec_")]
    await here.good("hook", "test", CAD)
    receiver.received[1].verify(secret)
    assert "signs as well until" in await here.good("hook", "rotate-secret", CAD)
    listed = await here.good("hook", "list")
    assert "last delivered" in listed
    assert "whsec_" not in listed
    assert await here.good("hook", "remove", CAD) == f"{CAD} no longer follows alerts\n"
    (await here.run("hook", "test", CAD)).refused("no webhook 'County CAD'")


async def test_what_is_dead_is_listed_and_sent_again(
    here: Terminal, receiver: Receiver, delivering: None
) -> None:
    await here.good("hook", "add", CAD, receiver.url, "--no-drills", "--events", "alert.pressed")
    (hook,) = (await here.run("hook", "list", "--json")).read(HookList).hooks
    assert (hook.events, hook.drills) == (["alert.pressed"], False)
    assert "no drills; only alert.pressed" in await here.good("hook", "list")
    receiver.status = 500
    (await here.run("hook", "test", CAD)).refused("has not got it: it answered 500")
    dead = await here.run("hook", "deliveries", CAD, "--state", "dead", "--json")
    (one,) = dead.read(DeliveryList).deliveries
    assert "it answered 500" in await here.good("hook", "deliveries", str(hook.hook_id))
    receiver.status = 200
    assert (await here.run("hook", "resend", CAD, "--json")).read(Resent).deliveries == 1
    await receiver.until(2)
    assert {each.message_id for each in receiver.received} == {str(one.delivery_id)}

    async def is_recorded() -> bool:
        """What is on its way can't be sent again."""
        listed = await here.run("hook", "deliveries", CAD, "--state", "delivered", "--json")
        return bool(listed.read(DeliveryList).deliveries)

    await until(is_recorded)
    assert "1 message to be sent" in await here.good("hook", "resend", CAD, str(one.delivery_id))
    disabled = (await here.run("hook", "disable", CAD, "--json")).read(HookView)
    assert disabled.disabled_because
    assert "DISABLED" in await here.good("hook", "list")
    (await here.run("hook", "test", CAD)).refused("enable it first")
    assert "from now on" in await here.good("hook", "enable", CAD)


async def test_what_can_not_be_right_is_refused_and_changes_nothing(here: Terminal) -> None:
    add = ("hook", "add", CAD)
    (await here.run(*add, "http://cad.example.org/")).refused("use https://")
    (await here.run(*add, "https://10.0.0.9/")).refused("allow_private = true")
    (await here.run(*add, "nonsense")).refused("write it as https://")
    unknown = await here.run(*add, "https://cad.example.org/", "--events", "alert.noted")
    unknown.not_understood("'alert.noted' is no event: take of alert.pressed")
    assert "no other system" in await here.good("hook", "list")
    (await here.run("hook", "resend", CAD)).refused("add one with tocsin hook add")
    await here.good(*add, "https://cad.example.org/")
    (await here.run(*add, "https://cad.example.org/")).refused("already")
    (await here.run("hook", "resend", "Other")).refused("known are County CAD")
    (await here.run("hook", "resend", CAD, str(uuid4()))).refused("no such delivery")
    (await here.run("hook", "resend", CAD, "no-id")).not_understood("is no id of a delivery")
    hours = await here.run("hook", "rotate-secret", CAD, "--keep-hours", "169")
    hours.not_understood("0 to 168 hours")
    (await here.run("hook", "deliveries", CAD, "--limit", "0")).not_understood("1 to 500")


async def test_a_test_without_a_server_says_so(
    here: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.good("hook", "add", CAD, "https://cad.example.org/")
    monkeypatch.setattr(commands, "TEST_S_MAX", 0.2)
    parser = argparse.ArgumentParser()
    arrange(parser)
    config = here.environment["TOCSIN_CONFIG"]
    options = parser.parse_args(["test", CAD, "--config", config])
    with pytest.raises(TocsinError, match="is one running"):
        await commands._test(options)
