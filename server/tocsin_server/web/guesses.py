"""Guesses: keys of links that open nothing, of whatever kind, counted by whence they come."""

import time

from aiohttp import web

from tocsin_server.fleet.redeem import Guesses
from tocsin_server.inputs import source_of
from tocsin_server.web.origin import source

GUESSES = web.AppKey("guesses", Guesses)


def count_wrong(request: web.Request) -> str:
    """Count a key that opened nothing, and give whence it came. Raises Guessing: too many did."""
    guesses, who, now = request.app[GUESSES], source_of(source(request)), time.monotonic()
    guesses.check(who, now=now)
    guesses.wrong(who, now=now)
    return who
