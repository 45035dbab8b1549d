"""The catalogue: what every language has to say. Braces are filled in by the layout."""

from enum import StrEnum

import msgspec


class LampState(StrEnum):
    """What a lamp tells a poll worker, named as the button names it, and the drill."""

    ARMED = "armed"
    PRESSED = "pressed"
    SOS = "sos"
    STORED = "stored"
    ACKNOWLEDGED = "acknowledged"
    RESPONDING = "responding"
    FAULT = "fault"
    IDENTIFY = "identify"
    DRILL = "drill"


class LampWords(msgspec.Struct, frozen=True):
    """One row of the card's table: how it looks, what it means, what to do."""

    looks: str
    means: str
    act: str


class WalkWords(msgspec.Struct, frozen=True, kw_only=True):
    """What the report of a walk test says."""

    title: str
    started: str  # {by}, {at}
    ended: str  # {by}, {at}
    ended_by_time: str  # {at}
    still_open: str  # {at}
    all_proven: str  # {all}
    some_proven: str  # {proven}, {all}
    nothing_there: str
    not_proven: str
    proven: str
    button: str
    pressed: str
    on_server: str
    acknowledged: str
    after: str
    not_pressed: str
    not_connected: str
    not_acknowledged: str
    closed: str  # {by}
    withdrawn: str
    times: str  # {zone}
    record: str
    as_of: str  # {at}
    check: str
    walked_by: str
    checked_by: str
    name_and_signature: str
    date: str
    page: str  # {page}, {pages}


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is printed, in one language."""

    site: str
    room: str
    spot: str
    floor: str
    address: str
    printed: str  # {date}

    labels_title: str
    label_foot: str  # {number}
    claim_labels_title: str
    claim_code: str
    claim_foot: str  # {until}

    card_title: str
    press: str
    press_rest: str
    again: str
    call: str
    here: str
    facilities: str
    lamp: str
    means: str
    act: str
    legend: str
    lamps: dict[LampState, LampWords]
    call_title: str
    call_when: tuple[str, ...]
    mistake: str
    drill: str
    moved: str
    unlisted: str
    lacking: str  # what the mark stands for that is printed in place of a letter

    network_title: str
    network_for: str  # {site}, {buttons}
    network_open: str
    to: str
    port: str
    purpose: str
    purpose_broker: str
    purpose_server: str
    purpose_dns: str
    purpose_ntp: str
    any_resolver: str
    any_time_server: str
    network_points: tuple[tuple[str, str], ...]  # heading and text; {kbits}, {total}
    network_check: str
    network_contact: str

    walk: WalkWords
