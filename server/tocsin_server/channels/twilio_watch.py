"""Watch the accounts: what will keep texts and calls from leaving, said before an alert needs them.

Promise: sentences that say what is wrong and what to do, at most a minute old, and never waited
for by an alert. What Twilio doesn't tell is not guessed: that carriers refuse a number shows only
in the report on a text, and is remembered until one is delivered.
"""

import asyncio
import math
import time
from typing import Any

from tocsin_server.channels.twilio import ACTIVE, Account, Twilio, TwilioFailed

LOOK_EVERY_S = 60.0
LOOK_WAIT_S = 2.0  # whoever asks has other things to look at, too

# https://www.twilio.com/docs/lookup/v2-api/line-type-intelligence; the others may take texts.
_NO_TEXTS = {
    "landline": "a landline: it takes calls, but no texts",
    "voicemail": "a voicemail: it takes no texts",
}


class TwilioWatch:
    """What is wrong with the accounts."""

    def __init__(self, twilio: Twilio, *, balance_min: float) -> None:
        self._twilio = twilio
        self._balance_min = balance_min
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = -math.inf
        self._broken: dict[str, list[str]] = {}  # by account: why it can't be used
        self._low: list[str] = []

    async def trouble(self) -> list[str]:
        """Say why nothing can be sent at all; looks again once what is known is a minute old."""
        if self._looking is None and time.monotonic() - self._looked_at >= LOOK_EVERY_S:
            self._looking = asyncio.create_task(self._look())
        if self._looking is not None:
            await asyncio.wait({self._looking}, timeout=LOOK_WAIT_S)
        return self._all_broken if self._none_works else []

    @property
    def warnings(self) -> list[str]:
        """Say what will be trouble: an account that another stands in for, or little money."""
        return [*self._low, *([] if self._none_works else self._all_broken)]

    @property
    def _all_broken(self) -> list[str]:
        return [each for account in self._twilio.accounts for each in self._of(account)]

    @property
    def _none_works(self) -> bool:
        return all(self._of(account) for account in self._twilio.accounts)

    def _of(self, account: Account) -> list[str]:
        """Say why an account can't be used, also what carriers have against its number."""
        known = self._broken.get(account.name, [])
        refused = account.sender_problem
        return known if refused is None else [*known, f"[{account.name}]: {refused}"]

    async def line_type(self, number: str) -> str | None:
        """Say why a number can't take texts, by what its line is. Raises SendFailed.

        Every look costs about a cent.
        """
        account = self._twilio.accounts[0]
        found = await account.ask(
            account.client.lookups.v2.phone_numbers(number).fetch_async(
                fields="line_type_intelligence"
            )
        )
        if found.valid is False:
            return "there is no such number"
        line = found.line_type_intelligence
        return _NO_TEXTS.get(str(line.get("type"))) if isinstance(line, dict) else None

    async def close(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        try:
            accounts = self._twilio.accounts
            looks = await asyncio.gather(*map(self._look_at, accounts))
            self._broken = {
                account.name: broken for account, (broken, _) in zip(accounts, looks, strict=True)
            }
            self._low = [sentence for _, low in looks for sentence in low]
            self._looked_at = time.monotonic()
        finally:
            self._looking = None

    async def _look_at(self, account: Account) -> tuple[list[str], list[str]]:
        """Give why an account can't be used, and what it is short of."""
        name = f"[{account.name}]"
        try:
            status = await account.probe()
            found = [] if status == ACTIVE else [_of_status(name, status)]
            return found + await _number(account), await self._balance(account)
        except TwilioFailed as error:
            broken = f"{name} can't be used: {error}. Check its account id, its token and its bill."
            return [broken], []

    async def _balance(self, account: Account) -> list[str]:
        try:
            balance = await account.ask(account.client.balance.fetch_async())
        except TwilioFailed as error:
            if error.status == 404:
                return []  # a subaccount has none of its own
            raise
        try:
            amount = float(balance.balance)
        except (TypeError, ValueError):
            return []
        if amount >= self._balance_min:
            return []
        return [
            f"[{account.name}] has {amount:.2f} {balance.currency} left, less than"
            f" {self._balance_min:.2f}: top it up at Twilio, or texts and calls will stop."
        ]


def _of_status(name: str, status: str) -> str:
    return f"{name} is {status}: Twilio sends nothing until its e-mail or its bill is seen to."


async def _number(account: Account) -> list[str]:
    """Say whether the account owns its number, and what that may do."""
    owned: list[Any] = await account.ask(
        account.client.incoming_phone_numbers.list_async(phone_number=account.from_number, limit=1)
    )
    if not owned:
        return [
            f"[{account.name}] does not own {account.from_number}: buy it at Twilio, or write the"
            " number that it owns."
        ]
    able = owned[0].capabilities
    missing = [what for what in ("sms", "voice") if isinstance(able, dict) and not able.get(what)]
    if not missing:
        return []
    return [
        f"{account.from_number} of [{account.name}] can't be used for {' and '.join(missing)}:"
        " switch that on at Twilio, or use another number."
    ]
