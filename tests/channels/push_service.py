"""A push service and the browser behind it: it reads what was sent, as only that browser can."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import http_ece
import jwt
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tocsin_server.channels import vapid
from tocsin_server.channels.webpush import Payload, Subscription, SubscriptionKeys

AUTH = b"sixteen bytes of"


@dataclass
class Pushed:
    """One message as it came."""

    payload: Payload
    headers: dict[str, str]
    claims: dict[str, object]  # of who sent it, if the signature is good
    public_key: str


@dataclass
class PushService:
    """What came, and what is said to the next one."""

    status: int = 201
    origin: str = ""
    pushed: list[Pushed] = field(default_factory=list)
    asked: int = 0
    on_pushed: Callable[[str, Payload], None] = lambda _browser, _payload: None
    _key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def subscription(self, **changes: str) -> str:
        """As a browser's PushManager writes it."""
        fields = {
            "endpoint": f"{self.origin}/push/secret-name-of-a-browser",
            "p256dh": vapid.public_text(self._key),
            "auth": vapid.base64url(AUTH),
        } | changes
        keys = SubscriptionKeys(p256dh=fields["p256dh"], auth=fields["auth"])
        return msgspec.json.encode(Subscription(fields["endpoint"], keys)).decode()

    async def take(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.status != 201:
            return web.Response(status=self.status)
        plain = http_ece.decrypt(
            await request.read(), private_key=self._key, auth_secret=AUTH, version="aes128gcm"
        )
        kind, _, fields = request.headers["Authorization"].partition(" ")
        assert kind == "vapid"
        shown = dict(part.strip().split("=", 1) for part in fields.split(","))
        point = vapid.from_base64url(shown["k"])
        signer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        pem = signer.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        claims = jwt.decode(shown["t"], pem, algorithms=["ES256"], audience=self.origin)
        payload = msgspec.json.decode(plain, type=Payload)
        self.pushed.append(Pushed(payload, dict(request.headers), claims, shown["k"]))
        self.on_pushed(request.match_info["browser"], payload)
        return web.Response(status=201, headers={"Location": f"{self.origin}/message/4711"})


@asynccontextmanager
async def push_service(
    service: PushService | None = None, *, port: int | None = None
) -> AsyncIterator[PushService]:
    """One that listens on this machine; the same as before, where it is given."""
    service = service or PushService()
    app = web.Application()
    app.router.add_post("/push/{browser}", service.take)
    async with TestServer(app, host="127.0.0.1", port=port) as server:
        service.origin = str(server.make_url("/")).rstrip("/")
        yield service
