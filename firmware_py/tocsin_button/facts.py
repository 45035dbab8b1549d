"""Facts: what probes found out about the network a button is on. Nothing here judges them.

`probes` and `reach` gather them, `diagnosis` says what they mean.
"""

from datetime import datetime
from enum import StrEnum, auto
from typing import Literal

import msgspec

from tocsin_button.control import LinkState
from tocsin_button.health import Kind


class Interface(msgspec.Struct, frozen=True, kw_only=True):
    """One way off this board. `carrier`: the cable is in, or the Wi-Fi joined.

    `blocked`: its radio is switched off (rfkill).
    """

    name: str
    kind: Kind
    mac: str | None = None
    carrier: bool
    blocked: bool = False
    speed_mbps: int | None = None
    signal_dbm: int | None = None
    addresses: tuple[str, ...] = ()


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything goes that isn't in this network; `answers` is None where it can't be asked.

    `address` is None on a line that has no other end to name.
    """

    interface: str
    address: str | None = None
    answers: bool | None = None


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a host name: addresses, or why there are none.

    `unknown`: the name server says that there is no such name. `silent`: no name server gave an
    answer.
    """

    host: str
    addresses: tuple[str, ...] = ()
    failure: Literal["unknown", "silent"] | None = None


class Obstacle(StrEnum):
    """What kept a probe from the MQTT at the far end. In the order in which one meets them."""

    UNTRIED = auto()  # the board has no way out
    OUR_FILES = auto()  # this button's own certificate and CA can't be used
    PROXY_NAME = auto()  # the proxy's own name has no address
    PROXY_REFUSED = auto()
    PROXY_SILENT = auto()
    PROXY_UNREACHABLE = auto()
    PROXY_PASSWORD = auto()  # it wants one
    PROXY_FORBIDS = auto()
    PROXY_CANNOT = auto()  # it tried, and came no further itself
    PROXY_ODD = auto()  # what answers is no proxy
    NAME = auto()
    REFUSED = auto()
    SILENT = auto()
    UNREACHABLE = auto()
    HTTP = auto()  # a web page instead of TLS
    NOT_TLS = auto()
    HANDSHAKE_SILENT = auto()
    HANDSHAKE_CUT = auto()
    OLD_TLS = auto()
    FOREIGN = auto()  # a certificate that our CA did not sign
    WRONG_NAME = auto()
    EXPIRED = auto()
    NOT_YET_VALID = auto()
    TLS = auto()
    WE_REVOKED = auto()
    WE_EXPIRED = auto()
    WE_UNKNOWN = auto()  # the broker doesn't know who signed our certificate
    WE_REFUSED = auto()
    WEBSOCKET = auto()


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The certificate that the far end shows."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    valid_from: datetime
    valid_until: datetime


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """How far a probe came towards one address of a broker, and what it met.

    `name` is None where a proxy resolves it, or nothing had to be probed. `said` is the other
    side's word, or the kernel's.
    """

    broker: str
    url: str
    host: str
    port: int
    name: Name | None = None
    obstacle: Obstacle | None = None
    said: str = ""
    tls: str | None = None
    shown: Shown | None = None


class WebAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What port 80 of a broker's address said that wasn't reached on its own port."""

    host: str
    status: int
    location: str | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `links` are the agent's, or those that were tried in its place.

    `links_untried` says why there are none. `clock_ahead_s`: this board's clock against that of
    the server whose pulse was heard.
    """

    interfaces: tuple[Interface, ...] = ()
    gateway: Gateway | None = None
    name_servers: tuple[str, ...] = ()
    proxy: str | None = None
    reaches: tuple[Reach, ...] = ()
    web_answer: WebAnswer | None = None
    links: tuple[LinkState, ...] = ()
    links_untried: str | None = None
    server_heard_s_ago: float | None = None
    clock_synced: bool | None = None
    clock_ahead_s: float | None = None
    now: datetime
