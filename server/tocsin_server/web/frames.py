"""The frames that a screen gets beside those of its alerts, one JSON object each."""

from uuid import UUID

import msgspec

from tocsin_server.alert.press import DoubtfulView, HeldView
from tocsin_server.fleet.sites import SiteView


class _Held(msgspec.Struct, tag="held", tag_field="type"):
    held: HeldView


class _HeldGone(msgspec.Struct, tag="held_gone", tag_field="type"):
    device_id: str
    press_id: UUID


class _Doubtful(msgspec.Struct, tag="doubtful", tag_field="type"):
    doubtful: DoubtfulView


class _Sites(msgspec.Struct, tag="sites", tag_field="type"):
    sites: list[SiteView]


class _Pulse(msgspec.Struct, tag="pulse", tag_field="type"):
    now: str


def held(view: HeldView) -> bytes:
    """A press that is NOT YET STORED."""
    return msgspec.json.encode(_Held(view))


def held_gone(device_id: str, press_id: UUID) -> bytes:
    """That press is stored now: its alert is shown instead."""
    return msgspec.json.encode(_HeldGone(device_id, press_id))


def doubtful(view: DoubtfulView) -> bytes:
    """An unverified sender, or that somebody has looked at it."""
    return msgspec.json.encode(_Doubtful(view))


def sites(views: list[SiteView]) -> bytes:
    """All sites of a jurisdiction, and whom to call there."""
    return msgspec.json.encode(_Sites(views))


def pulse(now: str) -> bytes:
    """The server is here, and this is its time."""
    return msgspec.json.encode(_Pulse(now))
