"""The key of a message's page, as its link has it."""

from base64 import b64decode, urlsafe_b64encode
from uuid import UUID

KEY_CHARS = 22  # 16 bytes as base64url (RFC 4648, section 5) without padding


def read_key(text: str) -> UUID | None:
    """Read a link's key; None for what is none."""
    if len(text) != KEY_CHARS or not text.isascii():
        return None
    try:
        key = UUID(bytes=b64decode(f"{text}==", altchars=b"-_", validate=True))
    except ValueError:
        return None
    # The last character has four bits to spare: spelled otherwise, it is another address.
    return key if write_key(key) == text else None


def write_key(link_key: UUID) -> str:
    """Write a link's key, as an address has it."""
    return urlsafe_b64encode(link_key.bytes).rstrip(b"=").decode()
