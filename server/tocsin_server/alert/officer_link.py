"""Officer links: one alert, shown to whoever goes there, without a sign-in.

Promise: a link shows its own alert and nothing else: where, the plan with the spot, the entrances,
the people to call there, and who has it. Who made it, for whom, its first opening and its end are
on the alert's record. It ends with its alert, or as soon as it is taken back.

Refused: to take anything, and to be listed: its key is in the answer to whoever makes it, and in
the text, and nowhere else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

import aiosql
import asyncpg
import msgspec

from tocsin_server import inputs
from tocsin_server.alert import wording
from tocsin_server.alert.geotag import Place
from tocsin_server.alert.link_key import write_key
from tocsin_server.channels.channel import Language
from tocsin_server.errors import NotFound, Refused
from tocsin_server.fleet.directory import SiteContact
from tocsin_server.fleet.floor_plans import NumberedEntrance, numbered

PATH = "/officer/"
LINKS_MAX = 20  # of an alert: more than cars come, and no way to text a whole county
OVER_S = (
    900.0  # after its alert is resolved a link says so for this long, and then nothing any more
)
SOMEBODY = "an officer"

# It can be opened; its alert was resolved; that is a while ago; it was taken back.
Standing = Literal["open", "resolved", "over", "revoked"]

queries = aiosql.from_path(Path(__file__).with_suffix(".sql"), "asyncpg")


class OfficerLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link, without its key. `texted_to`: the last digits of the number, if it was texted."""

    link_id: UUID
    for_whom: str
    texted_to: str | None
    made_by: str
    made_at: datetime
    opened_at: datetime | None
    revoked_by: str | None
    revoked_at: datetime | None


class OfficerLinks(msgspec.Struct, frozen=True):
    """The links of an alert, in the order in which they were made."""

    links: list[OfficerLink]


class NewOfficerLink(msgspec.Struct, frozen=True, kw_only=True):
    """A new link of an alert, and its address, which is shown this once."""

    link: OfficerLink
    address: str

    def __repr__(self) -> str:
        return "NewOfficerLink(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan of the floor; `x` and `y` of the spot are parts of its width and height."""

    plan_id: UUID
    title: str
    width: int
    height: int
    x: float
    y: float
    entrances: list[NumberedEntrance]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a link shows. `holder` has the alert since `held_at`; `again_why`: but wants others."""

    link_id: UUID
    jurisdiction: str
    standing: Standing
    was_opened: bool
    version: int
    kind: str
    drill: bool
    place: Place
    presses: int
    cancelled: bool
    pressed_at: datetime
    age_s: float
    holder: str | None
    held_at: datetime | None
    again_why: str | None
    responding_at: datetime | None
    on_scene_at: datetime | None
    resolved_at: datetime | None
    entrances: list[str]
    contacts: list[SiteContact]
    plan: Plan | None


_REFUSED: Mapping[str, str] = {
    "resolved": "This alert is resolved already: nobody has to go there. No link was made.",
    "drill": "This is a drill, which texts nobody outside: make the link without a number.",
    "too_many": f"This alert has {LINKS_MAX} links, which is the most: give one of them on.",
}


async def make_link(
    pool: asyncpg.Pool,
    *,
    jurisdiction: str,
    alert_id: UUID,
    by: str,
    for_whom: str,
    phone: str | None,
    language: Language,
    public_url: str,
) -> NewOfficerLink:
    """Make a link of an open alert; `phone`: and text it there. Invalid, NotFound, Refused."""
    for_whom = inputs.optional_text("whom it is for", for_whom) or SOMEBODY
    phone = inputs.phone(phone) if phone is not None else None
    alert = await queries.of_alert(pool, alert_id=alert_id, jurisdiction=jurisdiction)
    if alert is None:
        raise NotFound(f"no alert {alert_id}")
    key = uuid4()
    address = f"{public_url.rstrip('/')}{PATH}{write_key(key)}"
    words = wording.for_officer(
        alert["kind"],
        msgspec.json.decode(alert["place"], type=Place),
        drill=alert["drill"],
        link=address,
        language=language,
    )
    outcome: str = await queries.make(
        pool,
        alert_id=alert_id,
        jurisdiction=jurisdiction,
        by=by,
        for_whom=for_whom,
        link_key=key,
        phone=phone,
        words=words,
        language=language,
        links_max=LINKS_MAX,
    )
    if outcome != "made":
        raise Refused(_REFUSED[outcome])
    (link,) = await _links(pool, jurisdiction=jurisdiction, alert_id=alert_id, link_key=key)
    return NewOfficerLink(link=link, address=address)


async def read_links(pool: asyncpg.Pool, *, jurisdiction: str, alert_id: UUID) -> list[OfficerLink]:
    """List the links of an alert. Raises NotFound."""
    if await queries.of_alert(pool, alert_id=alert_id, jurisdiction=jurisdiction) is None:
        raise NotFound(f"no alert {alert_id}")
    return await _links(pool, jurisdiction=jurisdiction, alert_id=alert_id, link_key=None)


async def revoke_link(
    pool: asyncpg.Pool, *, jurisdiction: str, alert_id: UUID, link_id: UUID, by: str
) -> None:
    """Take a link back: it shows nothing any more. Safe to repeat. Raises NotFound."""
    found = await queries.revoke(
        pool, link_id=link_id, alert_id=alert_id, jurisdiction=jurisdiction, by=by
    )
    if not found:
        raise NotFound("This alert has no such link.")


async def look(pool: asyncpg.Pool, link_key: UUID) -> Scene | None:
    """Read what a link shows; None where there is no such link."""
    row = await queries.look(pool, link_key=link_key)
    if row is None:
        return None
    read = dict(row)
    plan = {name: read.pop(name) for name in ("plan_id", "title", "width", "height", "x", "y")}
    marked = numbered(read["entrances"], read.pop("marked"))
    return Scene(
        standing=_standing(read.pop("revoked_at"), read.pop("over_s")),
        was_opened=read.pop("opened_at") is not None,
        place=msgspec.json.decode(read.pop("place"), type=Place),
        holder=read.pop("acknowledged_by"),
        contacts=msgspec.json.decode(read.pop("contacts"), type=list[SiteContact]),
        plan=Plan(**plan, entrances=marked) if plan["plan_id"] is not None else None,
        **read,
    )


async def record_opened(pool: asyncpg.Pool, link_id: UUID) -> None:
    """Put on record that a link's page was opened; the first time counts."""
    await queries.opened(pool, link_id=link_id)


async def _links(
    pool: asyncpg.Pool, *, jurisdiction: str, alert_id: UUID, link_key: UUID | None
) -> list[OfficerLink]:
    rows = queries.links(pool, alert_id=alert_id, jurisdiction=jurisdiction, link_key=link_key)
    return [OfficerLink(**row) async for row in rows]


def _standing(revoked_at: datetime | None, over_s: float | None) -> Standing:
    if revoked_at is not None:
        return "revoked"
    if over_s is None:
        return "open"
    return "resolved" if over_s < OVER_S else "over"
