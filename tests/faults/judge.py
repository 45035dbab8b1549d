"""The judge: what a dispatcher can see, asked of the console's own interface.

Refused: looking into tables. A press counts where the console's record of an alert names it.
"""

import os
import random
import re
import secrets
from collections import Counter
from collections.abc import Mapping

import msgspec

from tests.parts import Alert, Screen
from tocsin_server.demo.phone import Phone, Sms

_PAGED = re.compile(r"Reply \d{4,6} to take it\.")
LISTED_MAX = 1000


class Press(msgspec.Struct, frozen=True):
    """One press as the record names it."""

    press_id: str
    kind: str


class Event(msgspec.Struct, frozen=True):
    """One entry of the record."""

    n: int
    name: str
    payload: dict[str, object]

    @property
    def people(self) -> list[str]:
        """Whom a tier_told names."""
        people = self.payload["people"]
        assert isinstance(people, list)
        return people


class Record(msgspec.Struct, frozen=True):
    """An alert with everything on record about it."""

    alert: Alert
    events: tuple[Event, ...]
    presses: tuple[Press, ...]

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]


class _Listed(msgspec.Struct, frozen=True):
    alerts: tuple[Alert, ...]


def seeded(name: str) -> random.Random:
    """Chance that can be repeated: the seed is printed, and TOCSIN_SEED brings it back."""
    seed = int(os.environ.get("TOCSIN_SEED") or secrets.randbits(32))
    print(f"{name}: TOCSIN_SEED={seed}")
    return random.Random(seed)


async def read_alerts(screen: Screen) -> dict[str, Alert]:
    """Every alert there ever was, as the console lists it."""
    answer = await screen.get(f"alerts?state=all&limit={LISTED_MAX}")
    assert answer.status == 200, answer.body
    alerts = msgspec.json.decode(answer.body, type=_Listed).alerts
    assert len(alerts) < LISTED_MAX
    return {alert.alert_id: alert for alert in alerts}


async def read_records(screen: Screen) -> dict[str, Record]:
    """The record of every alert there ever was."""
    return {alert_id: await read_record(screen, alert_id) for alert_id in await read_alerts(screen)}


async def read_record(screen: Screen, alert_id: str) -> Record:
    """One alert's own page."""
    answer = await screen.get(f"alerts/{alert_id}")
    assert answer.status == 200, answer.body
    return msgspec.json.decode(answer.body, type=Record)


def assert_each_press_once(records: Mapping[str, Record], made: Mapping[str, list[str]]) -> None:
    """Nothing lost, nothing doubled: `made` are the presses of each device."""
    found = Counter(press.press_id for record in records.values() for press in record.presses)
    every = {press_id for presses in made.values() for press_id in presses}
    assert not every - found.keys(), f"lost: {every - found.keys()}"
    assert not found.keys() - every, f"never made: {found.keys() - every}"
    assert set(found.values()) <= {1}, f"doubled: {found.most_common(5)}"
    for record in records.values():
        cancels = sum(press.kind == "cancel" for press in record.presses)
        assert record.alert.presses == len(record.presses) - cancels, record.alert
        assert record.alert.cancelled or not cancels
        assert {press.press_id for press in record.presses} <= set(made[record.alert.device_id])


def assert_record_is_complete(record: Record) -> None:
    """Numbered without a gap, beginning with the press."""
    assert [event.n for event in record.events] == list(range(1, len(record.events) + 1))
    # Where a cancel comes before its press, the alert begins with it.
    assert record.events[0].name in {"pressed", "cancelled_at_button"}
    assert len(record.named("pressed")) == (record.events[0].name == "pressed")


def asks(sms: Sms) -> str | None:
    """The notification by which a text asks to take an alert; None where it doesn't."""
    if sms.callback is None or not _PAGED.search(sms.body):
        return None
    return sms.callback.rpartition("/")[2]


def alerts_of(records: Mapping[str, Record]) -> dict[str, str]:
    """By notification, the alert that it is about."""
    return {
        told.notification_id: alert_id
        for alert_id, record in records.items()
        for told in record.alert.notifications
    }


def pages(phone: Phone, records: Mapping[str, Record]) -> Counter[str]:
    """How often this phone was asked to take each alert."""
    alerts = alerts_of(records)
    asked = (asks(sms) for sms in phone.received)
    return Counter(alerts[notification] for notification in asked if notification is not None)
