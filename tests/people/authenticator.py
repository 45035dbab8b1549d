"""A passkey's device, in software: it signs whatever a test wants signed, with a genuine key."""

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, MADE = 0x01, 0x04, 0x40  # WebAuthn, section 6.1: flags

Json = dict[str, object]


class Authenticator:
    """One device with one passkey. Each field may be set to what no honest device would say."""

    def __init__(self, *, origin: str) -> None:
        self.origin = origin
        self.name = origin.split("://")[1].split(":", maxsplit=1)[0]
        self.verifies = True
        self.count = 0
        self.credential_id = secrets.token_bytes(16)
        self.user_handle = b""
        self._key = ec.generate_private_key(ec.SECP256R1())

    def make(self, options: Mapping[str, object]) -> Json:
        """A new passkey, as the browser sends it."""
        user = options["user"]
        assert isinstance(user, dict)
        self.user_handle = decoded(user["id"])
        numbers = self._key.public_key().public_numbers()
        # RFC 9053, section 7.1: EC2, ES256, P-256, x, y.
        key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        made = bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id
        said = self._said(MADE) + made + cbor2.dumps(key)
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": said})
        response = {
            "clientDataJSON": encoded(self._client_data("webauthn.create", options)),
            "attestationObject": encoded(attestation),
        }
        return {"id": encoded(self.credential_id), "type": "public-key", "response": response}

    def answer(self, options: Mapping[str, object]) -> Json:
        """The answer to a sign-in, as the browser sends it."""
        self.count += 1
        client_data, said = self._client_data("webauthn.get", options), self._said(0)
        signature = self._key.sign(said + sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": encoded(client_data),
            "authenticatorData": encoded(said),
            "signature": encoded(signature),
            "userHandle": encoded(self.user_handle),
        }
        return {"id": encoded(self.credential_id), "type": "public-key", "response": response}

    def _said(self, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return sha256(self.name.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)

    def _client_data(self, what: str, options: Mapping[str, object]) -> bytes:
        said = {"type": what, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(said).encode()


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def decoded(text: object) -> bytes:
    assert isinstance(text, str)
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
