"""How whoever believes some keys comes to believe the next one, and nobody else's."""

from itertools import pairwise, permutations

import pytest

from tocsin_wire.errors import BadSignature, MalformedMessage
from tocsin_wire.messages import Pulse, Succession
from tocsin_wire.signing import SigningKey, VerifyKey
from tocsin_wire.succession import BELIEVED_MAX, follow, newest_of

AT = "2026-11-03T13:00:00.250Z"
KEYS = [SigningKey.generate() for _ in range(6)]
THIEF = SigningKey.generate()


def known(*keys: SigningKey) -> dict[str, VerifyKey]:
    return {key.kid: key.public for key in keys}


def says(signer: SigningKey, following: SigningKey) -> bytes:
    return signer.sign(Succession(next_key=following.public.raw, at=AT))


def after(keys: dict[str, VerifyKey], *statements: bytes) -> dict[str, VerifyKey]:
    """Told again and again, as servers do."""
    for _ in statements:
        for statement in statements:
            keys = follow(keys, statement) or keys
    return keys


CHAIN = [says(signer, following) for signer, following in pairwise(KEYS[1:])]


def test_the_newest_key_names_the_next_and_the_one_before_is_kept() -> None:
    learned = follow(known(*KEYS[:2]), CHAIN[0])
    assert learned is not None
    assert list(learned) == [key.kid for key in KEYS[:3]]
    assert newest_of(learned).raw == KEYS[2].public.raw
    assert follow(learned, CHAIN[0]) is None


def test_the_key_before_the_one_before_is_believed_no_longer() -> None:
    learned = after(known(*KEYS[:2]), *CHAIN[:2])
    assert list(learned) == [key.kid for key in KEYS[1:4]]
    assert len(learned) == BELIEVED_MAX


@pytest.mark.parametrize("order", [*permutations(range(4))])
def test_whoever_was_away_catches_up_in_whatever_order_it_is_told(order: tuple[int, ...]) -> None:
    learned = after(known(*KEYS[:2]), *(CHAIN[n] for n in order))
    assert list(learned) == [key.kid for key in KEYS[3:6]]


def test_what_a_stolen_older_key_says_changes_nothing() -> None:
    keys = known(*KEYS[:2])
    with pytest.raises(BadSignature, match="has a successor already"):
        follow(keys, says(KEYS[0], THIEF))
    assert follow(keys, says(KEYS[0], KEYS[1])) is None
    assert follow(keys, says(THIEF, KEYS[2])) is None


def test_what_is_no_statement_is_refused() -> None:
    keys = known(*KEYS[:2])
    for body in (b"", KEYS[1].sign(Pulse(replica_id="server-1", at=AT))):
        with pytest.raises(MalformedMessage):
            follow(keys, body)
    short = Succession(next_key=b"short", at=AT)
    with pytest.raises(MalformedMessage, match="not a Succession"):
        follow(keys, KEYS[1].sign(short))
