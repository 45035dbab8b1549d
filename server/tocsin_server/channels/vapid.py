"""The key by which browsers' push services know this deployment (VAPID, RFC 8292).

Every server of a deployment has the same one: a browser subscribes to a key, and takes nothing
that is signed with another.
"""

import base64
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tocsin_server.config import ConfigError


def new_key() -> bytes:
    """Make a key, as PEM."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a key. Raises ConfigError."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ConfigError(
            f"push.vapid_key_file: can't read {path}: {error.strerror}; tocsin keys push makes one"
        ) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigError(
            f"push.vapid_key_file: {path} holds no key as tocsin keys push makes it (PEM, P-256)"
        )
    return key


def public_text(key: ec.EllipticCurvePrivateKey) -> str:
    """Write the public half as a browser's PushManager takes it."""
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return base64url(point)


def base64url(content: bytes) -> str:
    """Write bytes without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Read them again. Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
