"""The endpoints of a county's own street map: whether there is one, and its tiles."""

import asyncio
from http import HTTPStatus
from typing import Literal

import msgspec

from tocsin_server import street_map
from tocsin_server.errors import NotFound
from tocsin_server.web.api import Api, ApiError, Call, Nothing, Pmtiles
from tocsin_server.web.origin import is_ours
from tocsin_server.web.services import SERVICES


class MapView(msgspec.Struct, frozen=True):
    """What the map has besides outlines. `unusable`: a file is named, and can't be drawn."""

    streets: Literal["none", "ready", "unusable"]


async def describe_map(call: Call, _query: Nothing, _body: None) -> MapView:
    """Say whether there are streets for the map."""
    try:
        path = await asyncio.to_thread(street_map.find, call.request.app[SERVICES].config)
    except street_map.UnusableMap:
        return MapView("unusable")
    return MapView("none" if path is None else "ready")


async def street_tiles(call: Call, _query: Nothing, _body: None) -> Pmtiles:
    """Give the streets' PMTiles file, or the part of it that a Range header asks for."""
    if not is_ours(call.request):
        raise ApiError(
            HTTPStatus.FORBIDDEN, "other_origin", "Only the pages of this server show this map."
        )
    try:
        path = await asyncio.to_thread(street_map.find, call.request.app[SERVICES].config)
    except street_map.UnusableMap:
        path = None
    if path is None:
        raise NotFound("This server has no streets for its map: the outlines are all of it.")
    return Pmtiles(path)


def add_street_map(api: Api) -> None:
    """Put these endpoints beside the others."""
    path = "/api/v1/map"
    api.add("GET", path, describe_map, answer=MapView, kiosk=True, while_locked=True)
    api.add(
        "GET",
        f"{path}/streets.pmtiles",
        street_tiles,
        answer=Pmtiles,
        kiosk=True,
        while_locked=True,
    )
