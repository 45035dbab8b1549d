"""Twilio: the accounts that send, and the texts that they send.

Promise: one account that refuses us, chokes, or doesn't answer costs a message two seconds, and the
next messages nothing: the second account sends until a probe finds the first one well again. That
the first one may have taken a text late, and it comes twice, is the lesser harm. What is wrong with
a person's number is the same by every account, and is said at once.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import aiohttp
import structlog
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tocsin_server.channels.channel import Message, Report, SendFailed
from tocsin_server.channels.twilio_reports import meaning_of
from tocsin_server.config import TWILIO_URL, Config, ConfigError, Secret, TwilioAccountConfig

REQUEST_S_MAX = 8.0  # by all accounts: a provider that needs longer is down, and others are sooner
FIRST_TRY_S = 2.0  # while there is a second account, which has to have it within three
PROBE_S_MIN = 5.0
PROBE_S_MAX = 300.0
STEADY_S = 60.0  # who fails again within this is probed half as often
SENDER_AWAY_S = 900.0  # no probe finds out what carriers make of a number; the next text does
WORDS_MAX = 120
ACTIVE = "active"  # https://www.twilio.com/docs/iam/api/account; else suspended, or closed

_QUEUE_FULL = 21611  # a 400, and soon over

T = TypeVar("T")

log = structlog.get_logger()


class TwilioFailed(SendFailed):
    """Twilio refused a request, or wasn't reached. `of_account`: another one may get through."""

    def __init__(
        self,
        problem: str,
        *,
        temporary: bool,
        of_account: bool,
        status: int | None = None,
        code: int | None = None,
        unreachable: str | None = None,
    ) -> None:
        super().__init__(problem, temporary=temporary, unreachable=unreachable)
        self.of_account = of_account
        self.status = status
        self.code = code


class _HttpClient(AsyncTwilioHttpClient):
    """Twilio's own client, to Twilio's addresses or to the one that the configuration names."""

    def __init__(self, api_url: str) -> None:
        super().__init__(pool_connections=False, timeout=REQUEST_S_MAX)
        # Who sends has a limit for each channel (alert/room.py). The package's own, 100 connections
        # for all, would have one hung call hold up every text.
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._elsewhere = urlsplit(api_url) if api_url.rstrip("/") != TWILIO_URL else None

    async def request(self, method: str, url: str, *args: Any, **options: Any) -> Response:
        """Send a request of the twilio package."""
        if self._elsewhere is not None:
            scheme, netloc, *_ = self._elsewhere
            url = urlunsplit(urlsplit(url)._replace(scheme=scheme, netloc=netloc))
        return await super().request(method, url, *args, **options)


class Account:
    """One account and the number it sends from. `name` is the table that configures it."""

    def __init__(self, name: str, config: TwilioAccountConfig, tokens: Sequence[Secret]) -> None:
        """`tokens`: the one that sends, then older ones with which a webhook may be signed."""
        self.name = name
        self.sid = config.account_sid
        self.from_number = config.from_number
        self.messaging_service_sid = config.messaging_service_sid
        self.away_because: str | None = None  # it is asked last while this says why
        self.probing: asyncio.Task[None] | None = None
        self.probe_wait_s = 0.0
        self.back_at = -math.inf
        self.sender_problem: str | None = None  # what carriers have against its number
        self._http = _HttpClient(config.api_url)
        self._validators = [RequestValidator(token.reveal()) for token in tokens]
        self.client = Client(
            config.account_sid,
            tokens[0].reveal(),
            http_client=self._http,
            edge=config.edge,
            region=config.region,
        )
        # The package imports these when they are first used: a second that no alert should wait.
        self.messages, self.calls = self.client.messages, self.client.calls

    async def ask(self, request: Awaitable[T], *, limit_s: float | None = None) -> T:
        """Wait for Twilio's answer. Raises TwilioFailed."""
        limit_s = limit_s or REQUEST_S_MAX
        try:
            return await asyncio.wait_for(request, limit_s)
        except (TwilioRestException, TwilioServiceException) as error:
            raise _refusal(error) from None
        except TimeoutError:
            raise TwilioFailed(
                f"Twilio did not answer within {limit_s:g} s", temporary=True, of_account=True
            ) from None
        except (
            TwilioException,
            aiohttp.ClientError,
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,  # what the package makes of JSON that is no object
        ) as error:
            raise TwilioFailed(
                f"Twilio was not reached or not understood: {str(error)[:WORDS_MAX]}",
                temporary=True,
                of_account=True,
            ) from None

    async def probe(self) -> str:
        """Give the account's own status by Twilio. Raises TwilioFailed."""
        own = await self.ask(self.client.api.v2010.accounts(self.sid).fetch_async())
        return str(own.status)

    def has_signed(self, url: str, form: dict[str, str], signature: str) -> bool:
        """Say whether one of its tokens signed a request; takes as long for each answer."""
        return True in [known.validate(url, form, signature) for known in self._validators]

    async def close(self) -> None:
        """Close its connections."""
        await self._http.close()


class Twilio:
    """All accounts: the first, and the second that steps in for it."""

    def __init__(
        self, accounts: Sequence[Account], *, public_url: str, public: bool, validity_s: int
    ) -> None:
        self.accounts = tuple(accounts)
        self.public = public
        self.validity_s = validity_s
        self._public_url = public_url.rstrip("/")

    @classmethod
    def of(cls, config: Config) -> "Twilio | None":
        """Read the tokens of what is configured; None where nothing is. Raises ConfigError."""
        if config.twilio is None:
            return None
        return cls(
            [
                Account(name, each, _tokens(config, name))
                for name, each in config.twilio_accounts.items()
            ],
            public_url=config.public_url,
            public=config.twilio.public,
            validity_s=config.twilio.validity_s,
        )

    def is_genuine(self, path: str, form: dict[str, str], signature: str) -> bool:
        """Say whether Twilio signed this request, for whichever account, in constant time."""
        url = f"{self._public_url}{path}"
        return True in [account.has_signed(url, form, signature) for account in self.accounts]

    def callback(self, what: str, notification_id: UUID | None) -> str | None:
        """Give where Twilio reports on a message; None: nowhere, nobody waits for it or can."""
        if not self.public or notification_id is None:
            return None
        return f"{self._public_url}/api/v1/twilio/{what}/{notification_id}"

    async def hand_over(self, send: Callable[[Account], Awaitable[Any]]) -> str:
        """Send by the first account that takes it; gives Twilio's id. Raises SendFailed."""
        failures: list[TwilioFailed] = []
        for account, limit_s in self._in_order():
            try:
                return await account.ask(_sid(send(account)), limit_s=limit_s)
            except TwilioFailed as error:
                if not error.of_account:
                    raise
                failures.append(error)
                self._set_aside(account, str(error))
        raise TwilioFailed(
            "; ".join(dict.fromkeys(map(str, failures))),
            temporary=any(failure.temporary for failure in failures),
            of_account=True,
        )

    async def find(self, look: Callable[[Account], Awaitable[T]]) -> T:
        """Ask the accounts for what one of them has sent, until one knows it. Raises SendFailed."""
        failures: list[TwilioFailed] = []
        for account, limit_s in self._in_order():
            try:
                return await account.ask(look(account), limit_s=limit_s)
            except TwilioFailed as error:
                if not error.of_account:
                    raise
                failures.append(error)
        # That one doesn't know it says less than that another couldn't be asked.
        raise min(failures, key=lambda failure: failure.status == 404)

    def learn(self, form: Mapping[str, str], report: Report) -> None:
        """Heed what a report on a text says of the number that it was sent from."""
        ours = [each for each in self.accounts if each.sid == form.get("AccountSid")]
        for account in [each for each in ours if each.from_number == form.get("From")] or ours[:1]:
            if report.state == "delivered":
                account.sender_problem = None
            elif report.sender_problem is not None:
                account.sender_problem = report.sender_problem
                self._set_aside(account, report.sender_problem, for_s=SENDER_AWAY_S)

    def _in_order(self) -> list[tuple[Account, float]]:
        """Give the accounts that work before those that don't, and how long each may take."""
        *first, last = sorted(self.accounts, key=lambda account: account.away_because is not None)
        return [
            *((each, FIRST_TRY_S) for each in first),
            (last, REQUEST_S_MAX - FIRST_TRY_S * len(first)),
        ]

    def _set_aside(self, account: Account, because: str, *, for_s: float | None = None) -> None:
        """Ask it last, until a probe finds it well, or for a while where no probe can tell."""
        if account.probing is not None or len(self.accounts) == 1:
            return
        account.away_because = because
        log.warning("a Twilio account is set aside", account=account.name, because=because)
        account.probing = asyncio.create_task(_bring_back(account, for_s))

    async def close(self) -> None:
        """Close its connections."""
        for account in self.accounts:
            if account.probing is not None:
                account.probing.cancel()
            await account.close()


class TwilioSms:
    """Texts."""

    def __init__(self, twilio: Twilio) -> None:
        self._twilio = twilio

    async def send(self, message: Message) -> str:
        """Hand over one text; gives its id. Raises SendFailed."""
        options: dict[str, object] = {
            "to": message.to,
            "body": message.text,
            "validity_period": self._twilio.validity_s,
        }
        if callback := self._twilio.callback("status", message.notification_id):
            options["status_callback"] = callback

        async def send(account: Account) -> Any:
            if account.messaging_service_sid is not None:
                sender = {"messaging_service_sid": account.messaging_service_sid}
            else:
                sender = {"from_": account.from_number}
            return await account.messages.create_async(**options, **sender)

        return await self._twilio.hand_over(send)

    async def close(self) -> None:
        """Close the accounts' connections."""
        await self._twilio.close()


async def _bring_back(account: Account, for_s: float | None) -> None:
    """Probe until it is well; less and less often, also from one failure to the next."""
    failed_again = time.monotonic() - account.back_at < STEADY_S
    account.probe_wait_s = account.probe_wait_s * 2 if failed_again else PROBE_S_MIN
    try:
        while True:
            account.probe_wait_s = min(account.probe_wait_s, PROBE_S_MAX)
            await asyncio.sleep(for_s or account.probe_wait_s)
            with suppress(TwilioFailed):
                if await account.probe() == ACTIVE:
                    break
            account.probe_wait_s *= 2
    finally:
        account.probing = None
    account.back_at = time.monotonic()
    account.away_because = None
    log.info("a Twilio account sends again", account=account.name)


def _tokens(config: Config, name: str) -> list[Secret]:
    """Read an account's tokens, the one that sends first. Raises ConfigError."""
    tokens = []
    for key, file in config.token_files.items():
        if key.startswith(f"{name}."):
            token = config.secret(key, file)
            if not token.reveal():
                raise ConfigError(f"{key}: {file} is empty: write the token of Twilio's console")
            tokens.append(token)
    return tokens


async def _sid(request: Awaitable[Any]) -> str:
    """Give the id of what was made. Raises ValueError for an answer without one."""
    made = await request
    if not made.sid:
        raise ValueError("the answer has no id")
    return str(made.sid)


def _refusal(error: TwilioRestException | TwilioServiceException) -> TwilioFailed:
    status, code = (each if isinstance(each, int) else 0 for each in (error.status, error.code))
    said = error.msg if isinstance(error, TwilioRestException) else error.detail or error.title
    meaning = meaning_of(code)
    words = meaning.words if meaning is not None else str(said)[:WORDS_MAX]
    of_person = meaning is not None and meaning.of_person
    of_sender = meaning is not None and meaning.of_sender
    return TwilioFailed(
        f"{words} (Twilio says {status}, code {code})",
        temporary=not of_person and (status not in {400, 404} or code == _QUEUE_FULL),
        of_account=not of_person and (status != 400 or of_sender),
        status=status,
        code=code,
        unreachable=words if of_person else None,
    )
