"""The provider of the benchmark: the demo's phone network in a process of its own.

Promise: the product pages by its own Twilio client and gets its delivery reports, as always. The
moment at which the provider takes a text or a call is noted by the clock that the database has,
too; and it fails the numbers that it is told to fail.

Refused: competing with what is measured. A real provider has machines of its own, so this one
yields the processor to everybody else. Where its own moments are measured (`is_measured`) it can't;
there a text takes as long from one state to the next as it does with a real carrier.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
import uvloop
from aiohttp import web

from tocsin_server.bench.errors import BenchFailed
from tocsin_server.config import load_config
from tocsin_server.demo.account import Account
from tocsin_server.demo.call import Call, CallOrder
from tocsin_server.demo.handset import Condition, Phone
from tocsin_server.demo.phone import PhoneNetwork
from tocsin_server.demo.sms import Sms

HOST = "127.0.0.1"
NICENESS = 19
CARRIED_S = 1.0  # from one state of a text to the next, where the provider's moments are measured
LOOK_AGAIN_S = 0.2

Seen = TypeVar("Seen")


class Taken(msgspec.Struct, frozen=True):
    """A text or a call that the provider took. `report_to` ends with the product's id of it."""

    number: str
    body: str
    report_to: str
    at_s: float  # since 1970

    @property
    def notification_id(self) -> str:
        """Give the product's id of it."""
        return self.report_to.rpartition("/")[2]


class Fare(msgspec.Struct, frozen=True):
    """How these numbers fare from now on."""

    numbers: list[str]
    condition: Condition


class _Ledger(PhoneNetwork):
    """Notes what it takes, and when."""

    def __init__(
        self, *, account_sid: str, auth_token: str, from_number: str, pace_s: float
    ) -> None:
        super().__init__(
            account_sid=account_sid, auth_token=auth_token, from_number=from_number, pace_s=pace_s
        )
        self.taken: list[Taken] = []

    def text(self, account: Account, phone: Phone, body: str, callback: str | None) -> Sms:
        self.taken.append(Taken(phone.number, body, callback or "", time.time()))
        return super().text(account, phone, body, callback)

    def call(self, account: Account, phone: Phone, order: CallOrder) -> Call:
        self.taken.append(Taken(phone.number, "", order.status_callback or "", time.time()))
        return super().call(account, phone, order)

    async def until(self, look: Callable[[], Seen | None], *, timeout_s: float) -> Seen:
        """Look now and then: hundreds hang here, and would all look at every change."""
        async with asyncio.timeout(timeout_s):
            while (seen := look()) is None:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_AGAIN_S)
            return seen

    async def tell(self, _request: web.Request) -> web.Response:
        """Tell what was taken since the last time."""
        taken, self.taken = self.taken, []
        return web.Response(body=msgspec.json.encode(taken))

    async def fare(self, request: web.Request) -> web.Response:
        """Fail these numbers, or serve them again."""
        said = msgspec.json.decode(await request.read(), type=Fare)
        for number in said.numbers:
            self.phone(number).condition = said.condition
        return web.Response()


class Provider:
    """The way to the provider's process for who measures."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{HOST}:{port}"
        self._session = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def taken(self) -> list[Taken]:
        """Give what it took since the last time."""
        async with self._session.get(f"{self._url}/taken") as answer:
            return msgspec.json.decode(await answer.read(), type=list[Taken])

    async def fare(self, numbers: Sequence[str], condition: Condition) -> None:
        """Have these numbers fare so from now on."""
        said = msgspec.json.encode(Fare(list(numbers), condition))
        async with self._session.post(f"{self._url}/fare", data=said) as answer:
            if answer.status != 200:
                raise BenchFailed("the provider doesn't do as it is told")


async def provide(config_file: Path, *, port: int, is_measured: bool) -> None:
    """Be the provider that the server's configuration names, until told to end.

    At `port` whoever measures asks what it took.
    """
    config = load_config(config_file)
    if config.twilio is None:
        raise BenchFailed(f"{config_file} names no provider")
    network = _Ledger(
        account_sid=config.twilio.account_sid,
        auth_token=config.secret("twilio.auth_token_file", config.twilio.auth_token_file).reveal(),
        from_number=config.twilio.from_number,
        pace_s=CARRIED_S if is_measured else 0.0,
    )
    desk = web.Application()
    desk.add_routes([web.get("/taken", network.tell), web.post("/fare", network.fare)])
    runner = web.AppRunner(desk, access_log=None)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with network.running(port=urlsplit(config.twilio.api_url).port or 0):
        await runner.setup()
        await web.TCPSite(runner, HOST, port).start()
        try:
            await ended.wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    measured = sys.argv[3:] == ["measured"]
    os.nice(0 if measured else NICENESS)
    uvloop.run(provide(Path(sys.argv[1]), port=int(sys.argv[2]), is_measured=measured))
