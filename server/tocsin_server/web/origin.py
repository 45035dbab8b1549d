"""Whence a request comes: from a page of ours, and from which address."""

import ipaddress
from urllib.parse import urlsplit

from aiohttp import web

from tocsin_server.web.services import SERVICES


def is_ours(request: web.Request) -> bool:
    """Say whether a page of another site sent this; a program sends no Origin at all."""
    # A proxy before us may have given the request another host than the page's.
    public_url = request.app[SERVICES].config.public_url
    ours = {request.host, urlsplit(public_url).netloc} - {""}
    origin = request.headers.get("Origin")
    return origin is None or origin.split("://")[-1] in ours


def source(request: web.Request) -> str:
    """Say who asks. A proxy on this machine says whom it speaks for, last in its header.

    Whoever could forge that is limited with everybody else (GUESSES_OVERALL_MAX).
    """
    peer = request.remote or ""
    try:
        beside_us = ipaddress.ip_address(peer).is_loopback
    except ValueError:
        beside_us = False
    forwarded = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return forwarded if beside_us and forwarded else peer
