"""Releases: the wheels that buttons fetch.

Nobody is signed in on a button. A wheel is no secret, is asked for by its digest, and is believed
because the offline key signed that.
"""

from aiohttp import web

from tocsin_server.fleet import updates
from tocsin_server.web.services import SERVICES

routes = web.RouteTableDef()


@routes.get(updates.PATH + "{sha256}")
async def wheel(request: web.Request) -> web.Response:
    """Give a wheel by its SHA-256."""
    pool = request.app[SERVICES].database.pool
    content = await updates.read_wheel(pool, request.match_info["sha256"])
    return web.Response(body=content, content_type="application/octet-stream")
