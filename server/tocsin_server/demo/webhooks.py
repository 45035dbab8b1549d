"""What the provider tells the system: signed forms, posted as Twilio posts them.

Promise: reports of one message or call come in order, or just as badly as its phone is told to
have them come; nobody's silence holds up a phone.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp

from tocsin_server.demo.account import Account

WEBHOOK_S_MAX = 15.0  # Twilio gives a webhook 15 s
HELD_MAX = 5000  # of a phone, the newest


class Reports(StrEnum):
    """How the status callbacks of a phone's messages and calls come."""

    IN_ORDER = "in_order"
    DOUBLED = "doubled"
    REVERSED = "reversed"  # all at the end, the last one first
    HELD = "held"  # until somebody lets them go


@dataclass(frozen=True, slots=True)
class Report:
    """One status callback."""

    account: Account
    url: str
    form: Mapping[str, str]


@dataclass(eq=False)
class Manner:
    """How a phone's reports come, and those that are held back."""

    reports: Reports = Reports.IN_ORDER
    held: deque[Report] = field(default_factory=lambda: deque(maxlen=HELD_MAX))


class Webhooks:
    """The provider's client."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WEBHOOK_S_MAX))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, account: Account, url: str, form: Mapping[str, str]) -> tuple[int, str]:
        """Give the status and the text of the answer. Raises aiohttp.ClientError, TimeoutError."""
        if self._session is None:
            raise aiohttp.ClientError("the phone network is stopped")
        headers = {
            "X-Twilio-Signature": account.signature(url, form),
            "User-Agent": "TwilioProxy/1.1",
        }
        async with self._session.post(url, data=form, headers=headers) as response:
            return response.status, await response.text(errors="replace")

    async def report(self, report: Report) -> None:
        """Post a status callback. As Twilio: once more where no connection came about."""
        for _ in range(2):
            try:
                await self.post(report.account, report.url, report.form)
            except aiohttp.ClientConnectorError:
                continue
            except (aiohttp.ClientError, TimeoutError, ValueError):  # the last: a URL that is none
                return
            return


class Reporter:
    """The reports of one message or call. Nothing is reported where `url` is None."""

    def __init__(self, webhooks: Webhooks, account: Account, url: str | None) -> None:
        self._webhooks = webhooks
        self._account = account
        self._url = url
        self._reports: asyncio.Queue[Report | None] = asyncio.Queue()

    def say(self, form: Mapping[str, str]) -> None:
        """Report in its turn."""
        if self._url:
            self._reports.put_nowait(Report(self._account, self._url, form))

    def end(self) -> None:
        """Nothing more will be reported."""
        self._reports.put_nowait(None)

    async def run(self, how: Manner) -> None:
        """Report until the end."""
        kept: list[Report] = []
        while (report := await self._reports.get()) is not None:
            match how.reports:
                case Reports.IN_ORDER:
                    await self._webhooks.report(report)
                case Reports.DOUBLED:
                    await self._webhooks.report(report)
                    await self._webhooks.report(report)
                case Reports.REVERSED:
                    kept.insert(0, report)
                case Reports.HELD:
                    how.held.append(report)
        for report in kept:
            await self._webhooks.report(report)
