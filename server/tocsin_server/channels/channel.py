"""A channel: one way to reach a person, and what it says when that fails."""

from typing import Protocol
from uuid import UUID


class SendFailed(Exception):
    """The provider did not take a message. `temporary`: worth trying again."""

    def __init__(self, problem: str, *, temporary: bool, opted_out: bool = False) -> None:
        super().__init__(problem)
        self.temporary = temporary
        self.opted_out = opted_out


class Channel(Protocol):
    """What notify needs of any provider."""

    async def send(self, *, to: str, text: str, notification_id: UUID | None) -> str:
        """Hand over one message; gives the provider's id for it. Raises SendFailed."""
        ...
