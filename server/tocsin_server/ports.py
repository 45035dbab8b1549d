"""What the server's parts need of the brokers' links and of the screens, whoever provides them."""

from collections.abc import Callable
from typing import Protocol

Show = Callable[[str | None, bytes], None]  # a frame to every screen of a jurisdiction; None: all


class ShowAlert(Protocol):
    """A frame about an alert, to those screens of a jurisdiction whose readers may see it."""

    def __call__(
        self, jurisdiction: str | None, frame: bytes, *, drill: bool, gone: bytes | None = None
    ) -> None:
        """`gone` is for the others, where they may have seen it before."""
        ...


class Carrier(Protocol):
    """One broker as seen from one replica; broker.Broker is it in the field."""

    url: str
    canary_at: float  # monotonic, when our own pulse last came back; 0: never
    subscribed_at: float | None  # monotonic; None: not connected

    @property
    def connected(self) -> bool:
        """Say whether the link stands, as far as its client can tell."""
        ...

    def judges_for_s(self) -> float:
        """Say for how long this link has been good enough to call a button silent."""
        ...

    def publish(self, topic: str, body: bytes, *, qos: int) -> None:
        """Send, or queue a bounded number while the link is away."""
        ...

    def renew(self) -> None:
        """Drop the link and open it again."""
        ...
