"""Web push: a browser that said "alerts on this device", by the push service of its maker.

Promise: what is sent can be read by that browser alone (RFC 8291), and where the push service says
that it is subscribed no more, so does the error. Encrypting and signing take a tenth of a
millisecond, less than the way to another thread and back.

Refused: to send anywhere but to the push services that the configuration names. A subscription
comes from whoever is signed in, and the server must not be made to knock on doors inside.
"""

import time
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

import aiohttp
import http_ece
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from tocsin_server.channels import vapid
from tocsin_server.channels.channel import Message, SendFailed
from tocsin_server.config import Config, PushConfig
from tocsin_server.errors import Invalid, because

REQUEST_S_MAX = 8.0  # a push service that needs longer is down
TTL_S = 600  # a phone that is off for longer is told by what repeats
TITLE_CHARS_MAX = 120  # of what a lock screen shows
TEXT_CHARS_MAX = 700  # with the title in 3,993 bytes (RFC 8291, section 4), in any script
TOKEN_S = 3600  # RFC 8292, section 2: a day at most, and to be used again
ENDPOINT_CHARS_MAX = 1000  # those of today have 150 to 500
AUTH_BYTES = 16  # RFC 8291, section 3.2

_GONE = "this browser is no longer subscribed"


class SubscriptionKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a browser reads its messages with: base64url, without padding."""

    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True):
    """Where a browser is reached, as its PushManager writes it."""

    endpoint: str
    keys: SubscriptionKeys


class Payload(msgspec.Struct, frozen=True):
    """What the service worker shows. `tag`: a newer message with the same one takes its place."""

    title: str
    body: str
    url: str | None
    urgent: bool
    drill: bool
    tag: str
    language: str
    notification_id: str | None


@dataclass(frozen=True, slots=True)
class _Receiver:
    """A subscription that was read: where to send, and to which keys."""

    endpoint: str
    origin: str
    public: bytes
    auth: bytes


class WebPush:
    """One deployment's key at every push service."""

    def __init__(
        self, config: PushConfig, key: ec.EllipticCurvePrivateKey, *, public_url: str
    ) -> None:
        self._config = config
        self._key = key
        self.public_key = vapid.public_text(key)
        self._subject = config.subject or public_url
        self._tokens: dict[str, tuple[str, float]] = {}  # by origin: one for each push service
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> str:
        """Hand over one message; gives the push service's name for it. Raises SendFailed."""
        try:
            receiver = self._read(message.to)
        except Invalid as error:
            raise SendFailed(str(error), temporary=False, unreachable=_GONE) from None
        token = self._token(receiver.origin, now=time.time())
        headers = {
            "Authorization": f"vapid t={token}, k={self.public_key}",
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(TTL_S),
            "Urgency": "high" if message.urgent else "normal",
        }
        if message.alert_id is not None:  # at most 32 characters (RFC 8030, section 5.4)
            headers["Topic"] = vapid.base64url(message.alert_id.bytes)
        body = http_ece.encrypt(
            msgspec.json.encode(_payload(message)),
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=receiver.public,
            auth_secret=receiver.auth,
            version="aes128gcm",
        )
        return await self._post(receiver, body, headers)

    def check(self, subscription: Subscription) -> str:
        """Give a subscription as an address to keep. Raises Invalid."""
        address = msgspec.json.encode(subscription).decode()
        self._read(address)
        return address

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, receiver: _Receiver, body: bytes, headers: dict[str, str]) -> str:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=REQUEST_S_MAX)
            self._session = aiohttp.ClientSession(timeout=timeout)
        host = urlsplit(receiver.origin).hostname
        try:
            async with self._session.post(
                receiver.endpoint, data=body, headers=headers, allow_redirects=False
            ) as answer:
                status, location = answer.status, answer.headers.get("Location", "")
        except TimeoutError:
            raise SendFailed(
                f"{host} did not answer within {REQUEST_S_MAX:g} s", temporary=True
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Its text may hold the endpoint, and whoever knows that can send to the browser.
            why = because(error) if isinstance(error, OSError) else type(error).__name__
            raise SendFailed(f"{host} was not reached: {why[:120]}", temporary=True) from None
        if status in {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED}:
            return location.rpartition("/")[2][:200] or "taken"
        gone = status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
        later = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.TOO_MANY_REQUESTS,
        }
        raise SendFailed(
            f"{host} says {status}", temporary=later, unreachable=_GONE if gone else None
        )

    def _read(self, address: str) -> _Receiver:
        """Raises Invalid, without saying what the address is: it is as good as a password."""
        try:
            subscription = msgspec.json.decode(address, type=Subscription)
            url = urlsplit(subscription.endpoint)
            _ = url.port
            public = vapid.from_base64url(subscription.keys.p256dh)
            auth = vapid.from_base64url(subscription.keys.auth)
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        except (ValueError, msgspec.DecodeError, RecursionError):
            raise Invalid(
                "This is no subscription as a browser gives it: ask for alerts on the device anew."
            ) from None
        if (
            not self._is_service(url)
            or url.username is not None
            or len(auth) != AUTH_BYTES
            or len(subscription.endpoint) > ENDPOINT_CHARS_MAX
        ):
            raise Invalid(
                f"{(url.hostname or '')[:80]!r} is no push service that this server sends to: see"
                " services under [push] in its tocsin.toml."
            )
        return _Receiver(subscription.endpoint, f"{url.scheme}://{url.netloc}", public, auth)

    def _is_service(self, url: SplitResult) -> bool:
        host = url.hostname or ""
        return any(
            f"{url.scheme}://{url.netloc}" == service
            or (url.scheme == "https" and (host == service or host.endswith(f".{service}")))
            for service in self._config.services
        )

    def _token(self, origin: str, *, now: float) -> str:
        """Say who we are to one push service; the same for a while."""
        token, made_at = self._tokens.get(origin, ("", 0.0))
        if not 0 <= now - made_at < TOKEN_S / 2:
            claims = {"aud": origin, "exp": int(now + TOKEN_S), "sub": self._subject}
            token = jwt.encode(claims, self._key, algorithm="ES256")
            self._tokens[origin] = token, now
        return token


def open_push(config: Config) -> WebPush | None:
    """Read the key of the configuration; None where it names none. Raises ConfigError."""
    if config.push is None:
        return None
    key = vapid.load_key(config.path(config.push.vapid_key_file))
    return WebPush(config.push, key, public_url=config.public_url)


def _payload(message: Message) -> Payload:
    body = message.text.replace(message.link, "").strip() if message.link else message.text
    return Payload(
        title=(message.subject or "Tocsin")[:TITLE_CHARS_MAX],
        body=body[:TEXT_CHARS_MAX],
        url=message.link,
        urgent=message.urgent,
        drill=message.drill,
        tag=str(message.alert_id or message.notification_id or ""),
        language=message.language,
        notification_id=str(message.notification_id) if message.notification_id else None,
    )
