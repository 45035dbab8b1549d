"""Where a webhook may go: decided when it is set up, and again whenever one is sent.

An administrator of a jurisdiction names the address; this server then knocks there from inside its
own network. So a name is resolved when something is sent, and whatever it comes to is judged.

Refused: anything that isn't TLS, but to this very machine where `[hooks] allow_http` says so; the
server's own network, unless `[hooks] allow_private` says so, since only who runs the server knows
what else listens there; and always what is no other system's address: link-local ones, where
clouds hand out their keys, multicast, reserved and unspecified ones.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from tocsin_server.config import HooksConfig
from tocsin_server.errors import Invalid

URL_CHARS_MAX = 1000
HERE = frozenset({"127.0.0.1", "::1", "localhost"})
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052, section 2.1: an IPv4 address in its last bytes

Address = IPv4Address | IPv6Address


class AddressRefused(OSError):
    """Nothing is sent to this address; the text says why."""


def check_url(given: str, config: HooksConfig) -> str:
    """Give the URL as it is kept. Raises Invalid, which says what to write."""
    url = given.strip()
    if len(url) > URL_CHARS_MAX:
        raise Invalid(f"the URL is {len(url)} characters long; {URL_CHARS_MAX} is the most")
    parts = _split(url)
    if parts.scheme == "http":
        if not config.allow_http or parts.hostname not in HERE:
            raise Invalid(
                "use https://: a webhook says where somebody is in danger"
                " (http:// only to 127.0.0.1, where [hooks] in tocsin.toml has allow_http = true)"
            )
    elif parts.scheme != "https":
        raise Invalid(f"{url!r} is no address to send to: write https://cad.example.org/tocsin")
    if "@" in parts.netloc or "#" in url:
        raise Invalid(
            "a URL here has no password and no # part: every message is signed instead,"
            " and the receiver checks that"
        )
    address = literal(parts.hostname or "")
    if address is not None and (refusal := refuse(address, config)) is not None:
        raise Invalid(refusal)
    return url


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole or not url.isascii() or not url.isprintable() or {" ", "\\"} & set(url):
        raise Invalid(
            f"{url[:80]!r} is no URL: write it as https://cad.example.org/tocsin, in plain ASCII"
        )
    return parts


def literal(host: str) -> Address | None:
    """Give the address that a host is written as; None where it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def refuse(address: Address, config: HooksConfig) -> str | None:
    """Say why nothing may go there, or None."""
    inner = _inner(address)
    if (
        inner.is_link_local
        or inner.is_multicast
        or inner.is_unspecified
        or (inner.is_reserved and not inner.is_loopback)
    ):
        return f"{address} is an address that no receiver has: name another one"
    if inner.is_global or config.allow_private or (inner.is_loopback and config.allow_http):
        return None
    return (
        f"{address} is in the server's own network: whoever runs the server can allow that with"
        " allow_private = true under [hooks] in tocsin.toml"
    )


def _inner(address: Address) -> Address:
    """Take an IPv4 address out of the IPv6 one that it is wrapped in."""
    if isinstance(address, IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if wrapped is None and address in _NAT64:
            wrapped = IPv4Address(int(address) & 0xFFFFFFFF)
        return wrapped or address
    return address


class Resolver(AbstractResolver):
    """The system's own names, but only those addresses that something may be sent to."""

    def __init__(self, config: HooksConfig) -> None:
        self._config = config
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Give the addresses of a name. Raises AddressRefused where none of them will do."""
        good, refusals = [], []
        for found in await self._system.resolve(host, port, family):
            # A scope (fe80::1%eth0) is of a link-local address, and refused with it.
            refusal = refuse(ip_address(found["host"]), self._config)
            if refusal is None:
                good.append(found)
            else:
                refusals.append(refusal)
        if not good:
            raise AddressRefused("; ".join(refusals) or f"{host} has no address")
        return good

    async def close(self) -> None:
        """Nothing is open."""
