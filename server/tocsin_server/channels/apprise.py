"""Apprise: the chats and pagers of others, by the addresses that the apprise package reads.

Promise: each message goes by a thread of its own with an end in sight, and what the service said
is told without the address: it holds the tokens of whoever gave it.

Refused: every kind of address that is not on the list below. The package also knows kinds that
write to this machine's own screen, log or devices, send through other mail servers, or speak to
anything in the clear; and a text to a phone has Twilio, whose answers are read.
"""

import asyncio
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tocsin_server.channels.channel import Message, SendFailed
from tocsin_server.errors import Invalid

if TYPE_CHECKING:
    from apprise import NotifyBase

REQUEST_S_MAX = 10.0  # with the package's own 4 s to connect and 4 s to answer
AT_ONCE_MAX = 8  # threads; the others wait
ADDRESS_CHARS_MAX = 1000
SECRET_CHARS_MIN = 4  # what is shorter is no token, and would take words out of every sentence

# Services elsewhere, always by TLS. Where a service can be run at home, the name that means TLS.
SCHEMES = frozenset(
    {
        # where teams talk
        *("workflows", "slack", "gchat", "wxteams", "zoom", "cliq", "zulip", "discord"),
        *("mmosts", "rockets", "matrixs", "nctalks"),
        # on a phone
        *("ntfys", "gotifys", "pover", "pbul", "tgram", "signals", "threema", "whatsapp"),
        # who pages others
        *("pagerduty", "opsgenie", "splunk", "signl4", "ilert", "incidentio", "betterstack"),
        *("pagertree", "squadcast", "spike", "goalerts", "xmatters"),
    }
)

# "error=403" is how the package's services tell the answer that they got; ntfy's own is 40301.
_STATUS = re.compile(r"\berror=(\d{3})(?:\d{2})?\b")


class Apprise:
    """A few threads that hand messages over."""

    def __init__(self, *, soon: bool = True, schemes: frozenset[str] = SCHEMES) -> None:
        """`soon`: somebody is reached like this. Loading takes a third of a second and 26 MB."""
        self._schemes = schemes
        self._threads = ThreadPoolExecutor(AT_ONCE_MAX, thread_name_prefix="apprise")
        if soon:
            self._threads.submit(_load)

    async def send(self, message: Message) -> str:
        """Hand over one message; the service gives no id for it. Raises SendFailed."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(REQUEST_S_MAX):
                return await loop.run_in_executor(self._threads, self._send, message)
        except TimeoutError:
            scheme = _scheme(message.to)
            raise SendFailed(
                f"{scheme} did not answer within {REQUEST_S_MAX:g} s", temporary=True
            ) from None

    async def close(self) -> None:
        """Let go of what waits; what was begun ends by itself within its seconds."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _send(self, message: Message) -> str:
        try:
            service = _service(message.to, self._schemes)
        except Invalid as error:
            raise SendFailed(
                str(error), temporary=False, unreachable="this address can't be used"
            ) from None
        heard = _Heard()
        # In place of the package's own, which goes to everybody's log with the address in it.
        service.logger = logging.Logger("apprise")
        service.logger.addHandler(heard)
        text = message.text
        if message.link and message.link not in text:
            text = f"{text} {message.link}"
        kind = _load().NotifyType
        taken = service.notify(
            body=text,
            title=message.subject,
            notify_type=kind.FAILURE if message.urgent else kind.INFO,
            body_format=_load().NotifyFormat.TEXT,
        )
        if not taken:
            raise _not_taken(message.to, heard.said)
        return str(service.service_name)


def read_address(given: str, *, schemes: frozenset[str] = SCHEMES) -> str:
    """Give an address that can be sent to, as it was given. Raises Invalid."""
    address = given.strip()
    _service(address, schemes)
    return address


class _Heard(logging.Handler):
    """What a service says while one message is sent."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _load() -> ModuleType:
    """Import the package when it is first needed: it is large, and most deployments don't."""
    import apprise  # noqa: PLC0415

    logging.getLogger("apprise").disabled = True  # it writes whole addresses
    return apprise


def _service(address: str, schemes: frozenset[str]) -> "NotifyBase":
    """Raises Invalid, without the address."""
    scheme = _scheme(address)
    if scheme not in schemes:
        raise Invalid(
            f"{scheme[:20]}:// is no kind of address that Tocsin sends to. Use one of:"
            f" {', '.join(sorted(schemes))}."
        )
    apprise = _load()
    service = None
    if len(address) <= ADDRESS_CHARS_MAX and address.isprintable():
        asset = apprise.AppriseAsset(app_id="Tocsin", storage_mode="memory")
        service = apprise.Apprise.instantiate(address, asset=asset)
    if service is None:
        raise Invalid(
            f"This is no address of {scheme}:// as the apprise package writes them: see"
            " https://appriseit.com/services/ and give it anew."
        )
    if not service.verify_certificate:
        raise Invalid("An address with verify=no can be read by anybody in between: leave it out.")
    # What an address may ask for, too, and must not: to hold up a thread.
    service.socket_connect_timeout = service.socket_read_timeout = 4.0
    service.retry = 0
    return service  # type: ignore[no-any-return]


def _not_taken(address: str, said: list[str]) -> SendFailed:
    """Say why, as far as the service said so; refusals (RFC 9110, 4xx) are for good."""
    why = " ".join(" ".join(said).split())
    for secret in sorted(_secrets(address), key=len, reverse=True):
        why = why.replace(secret, "…")
    statuses = [int(each) for each in _STATUS.findall(why)]
    permanent = any(400 <= each < 500 and each not in {408, 429} for each in statuses)
    return SendFailed(
        f"{_scheme(address)} did not take it: {why[:120] or 'it did not say why'}",
        temporary=not permanent,
    )


def _secrets(address: str) -> set[str]:
    """Every part of an address that may be a token, as it is written and as it is meant."""
    _, _, rest = address.partition("://")
    parts = {*re.split(r"[/?&=:@,#]", rest), *re.split(r"[/?&=@,#]", rest), rest}
    return {
        each for part in parts for each in (part, unquote(part)) if len(each) >= SECRET_CHARS_MIN
    }


def _scheme(address: str) -> str:
    try:
        return urlsplit(address).scheme or "nothing"
    except ValueError:
        return "nothing"
