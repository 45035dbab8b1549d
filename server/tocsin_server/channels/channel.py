"""A channel: one way to reach a person, and what it says when that fails.

Promise: a channel hands over one message and gives the provider's id for it, or says what was
wrong and whether another try can help. It decides nothing, keeps nothing, and never acknowledges.
"""

from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable
from uuid import UUID

Method = Literal["sms", "voice", "push", "email", "apprise"]
METHODS: tuple[Method, ...] = get_args(Method)
Language = Literal["en", "es"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

RINGING_RANK = 3  # of a report, as `Report` ranks them: from here on a telephone is known to ring


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one person, worded for every way in which it may go.

    `notification_id` None: it goes past the database, and nobody can report on it. `link` is the
    page on which this very message is answered, None where there is nothing to answer. `spoken` is
    what a voice says once; `spoken_keys` says what the keys do, `spoken_code` how to answer without
    them. `urgent`: it calls for help, and is no word that somebody has it. `alert_id`: what it is
    about; of two messages about the same alert the newer may take the older one's place.
    """

    notification_id: UUID | None
    to: str
    text: str
    subject: str = ""
    spoken: str = ""
    spoken_keys: str = ""
    spoken_code: str = ""
    link: str | None = None
    language: Language = "en"
    urgent: bool = True
    drill: bool = False
    alert_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a message or call; a higher rank is further along, a lower one is old news.

    `unreachable`: why this address can't be reached by this method at all, in words that are shown
    where a policy is edited. `sender_problem`: why nobody is reached from this number of ours.
    """

    status: str
    rank: int
    state: str
    problem: str | None
    unreachable: str | None = None
    sender_problem: str | None = None


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A message of which nobody knows yet what became."""

    notification_id: UUID
    method: Method
    provider_id: str


class SendFailed(Exception):
    """The provider did not take a message. `temporary`: worth trying again.

    `unreachable`: why this address can't be reached at all (opted out, a landline, gone), in words
    that are shown where a policy is edited; None where it is only this once.
    """

    def __init__(self, problem: str, *, temporary: bool, unreachable: str | None = None) -> None:
        super().__init__(problem)
        self.temporary = temporary
        self.unreachable = unreachable


class Channel(Protocol):
    """What notify needs of any provider."""

    async def send(self, message: Message) -> str:
        """Hand over one message; gives the provider's id for it. Raises SendFailed."""
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


@runtime_checkable
class Calls(Channel, Protocol):
    """A channel whose messages last a while, and can be ended before somebody has heard them."""

    async def withdraw(self, provider_id: str, *, spoken: str, language: Language) -> bool:
        """End a call that rings; whoever listens already hears this first. False: it was over.

        Raises SendFailed.
        """
        ...
