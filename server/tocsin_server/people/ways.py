"""Ways of signing in: what each of them is, whatever it asks for.

A way takes a proof of its own kind and gives whose account that opens. There are passwords, codes
of an app behind them, and passkeys; another sign-in of the county's (OIDC) would be one more, whose
proof is what comes back from there. What follows is the same for all: a session (sessions.py).
"""

from dataclasses import dataclass
from typing import Protocol, TypeVar

from tocsin_server.errors import TocsinError
from tocsin_server.people.accounts import Account

Proof_contra = TypeVar("Proof_contra", contravariant=True)


class SignInRefused(TocsinError):
    """The proof opens nothing, or the account has ended."""


class StartOver(TocsinError):
    """What was asked for has run out, was answered, or was asked of another browser."""


@dataclass(frozen=True, slots=True)
class CodeWanted:
    """The proof is right, and a code is wanted as well. `token`: what shows that it was right."""

    token: str


class Way(Protocol[Proof_contra]):
    """One way of signing in."""

    @property
    def name(self) -> str:
        """How the account's record calls it."""

    async def prove(self, proof: Proof_contra, *, source: str) -> Account | CodeWanted:
        """Give whose account the proof opens.

        `source`: whence it comes. Raises SignInRefused, StartOver, TooManyTries.
        """
