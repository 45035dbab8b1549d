"""Succession: how whoever believes some keys comes to believe the next one. No I/O.

Promise: a statement is believed only of the newest key that is known. Whatever an older one says,
in thieves' hands or not, changes nothing. So the same statements, in whatever order and however
often they come, lead to the same keys. A button that was away for years takes one after the other.

At most three keys are believed: the one before, as long as a server may still sign with it, the
current one, and its successor.
"""

from collections.abc import Mapping

from tocsin_wire import signing
from tocsin_wire.errors import BadSignature
from tocsin_wire.messages import Succession
from tocsin_wire.signing import VerifyKey

BELIEVED_MAX = 3
STATEMENTS_MAX = 64  # a rotation every four months, for as long as the hardware lasts
_SHORT_CHARS = 16  # 96 bits: nobody finds another key that is called the same


def newest_of(keys: Mapping[str, VerifyKey]) -> VerifyKey:
    """Give the key that was learned last: a mapping of keys is in their order."""
    return list(keys.values())[-1]


def short(key: VerifyKey) -> str:
    """Name a key as a heartbeat does."""
    return key.kid[:_SHORT_CHARS]


def follow(keys: Mapping[str, VerifyKey], statement: bytes) -> dict[str, VerifyKey] | None:
    """Give the keys that are believed after this statement; None where it is no news.

    Raises MalformedMessage, or BadSignature where a key that has a successor names another one.
    """
    try:
        said = signing.verify(statement, Succession, keys)
    except BadSignature:
        return None  # of a key from before our time, or from after a statement that is to come
    following = VerifyKey(said.next_key)
    if following.kid in keys:
        return None
    newest = newest_of(keys)
    try:
        signing.verify(statement, Succession, {newest.kid: newest})
    except BadSignature:
        raise BadSignature("a key that has a successor already names another one") from None
    believed = {**keys, following.kid: following}
    return dict(list(believed.items())[-BELIEVED_MAX:])
