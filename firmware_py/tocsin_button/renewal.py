"""Renewal: which link to open anew because receipts don't come over it, decided without I/O.

A link over which a receipt didn't come that another link brought is opened again, the
others untouched. When no link brings a receipt, one link at a time is renewed. Each at
most every 10 s. (That a broker doesn't confirm a publish, a link sees by itself.)
"""

from dataclasses import dataclass
from uuid import UUID

from tocsin_wire.messages import State

FOLLOWS_WITHIN_S = 1.0  # what one broker brought, the other brings within this
UNANSWERED_S = 2.0  # a press without a receipt for so long, over links that stand
RENEW_EVERY_S = 10.0
ONE_AT_A_TIME_S = 3.0  # a renewed link needs up to 2 s to stand again
EXPECTATIONS_MAX = 256  # four states of each press a heartbeat can name


@dataclass(frozen=True, slots=True)
class Standing:
    """A link that is up, by its URL, and since when."""

    url: str
    up_since_s: float


@dataclass(frozen=True, slots=True)
class Renew:
    """Open this link anew."""

    url: str
    because: str


class Renewals:
    """What each link still owes, and when each was renewed."""

    def __init__(self) -> None:
        self._owed: dict[tuple[UUID, State], dict[str, float]] = {}
        self._brought: dict[tuple[UUID, State], None] = {}
        self._renewed_s: dict[str, float] = {}

    def receipt_came(
        self,
        press_id: UUID,
        state: State,
        *,
        is_open: bool,
        over: str,
        links: list[Standing],
        now_s: float,
    ) -> None:
        """A receipt came over one link: the others that stood owe it too.

        `is_open`: the press was open until now; of others nothing is owed.
        """
        told = (press_id, state)
        if told in self._brought:
            self._owed.get(told, {}).pop(over, None)
            return
        if not is_open:
            return
        self._brought[told] = None
        if len(self._brought) > EXPECTATIONS_MAX:
            oldest = next(iter(self._brought))
            del self._brought[oldest]
            self._owed.pop(oldest, None)
        self._owed[told] = {
            link.url: now_s + FOLLOWS_WITHIN_S
            for link in links
            # A link that has only just come up may have missed it honestly.
            if link.url != over and now_s - link.up_since_s >= FOLLOWS_WITHIN_S
        }

    def decide(
        self, *, now_s: float, links: list[Standing], unanswered_since_s: float | None
    ) -> Renew | None:
        """Name a link to renew now. `unanswered_since_s`: the oldest press without a receipt."""
        for owed in self._owed.values():
            for url, until_s in list(owed.items()):
                if now_s >= until_s:
                    del owed[url]
                    if any(link.url == url for link in links) and self._may_renew(url, now_s):
                        return self._renew(url, now_s, "another link brought a receipt before it")
        if unanswered_since_s is None or now_s - unanswered_since_s < UNANSWERED_S:
            return None
        if any(now_s - at_s < ONE_AT_A_TIME_S for at_s in self._renewed_s.values()):
            return None
        ready = [
            link
            for link in links
            if now_s - link.up_since_s >= UNANSWERED_S and self._may_renew(link.url, now_s)
        ]
        if not ready:
            return None
        stalest = min(ready, key=lambda link: self._renewed_s.get(link.url, float("-inf")))
        return self._renew(stalest.url, now_s, "no link brings a receipt")

    def _may_renew(self, url: str, now_s: float) -> bool:
        return now_s - self._renewed_s.get(url, float("-inf")) >= RENEW_EVERY_S

    def _renew(self, url: str, now_s: float, because: str) -> Renew:
        self._renewed_s[url] = now_s
        return Renew(url, because)
