"""The endpoints of buttons that are carried to another place, and proven there."""

from tocsin_server.fleet.moving import Move, begin_proof, move_device
from tocsin_server.fleet.placing import Moved
from tocsin_server.web.api import FACILITIES_ROLES, Api, Call, Nothing
from tocsin_server.web.services import SERVICES


async def move(call: Call, _query: Nothing, body: Move) -> Moved:
    """Put a button at another place of its site, where it has to be proven again."""
    return await move_device(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        device_id=call.device_id,
        move=body,
        by=call.reader.name,
    )


async def prove(call: Call, _query: Nothing, _body: Nothing) -> Nothing:
    """Open a drill of one button that isn't proven where it is, for the press that proves it."""
    await begin_proof(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        device_id=call.device_id,
        by=call.reader.name,
    )
    return Nothing()


def add_moves(api: Api) -> None:
    """Put these endpoints beside the others."""
    path, keep = "/api/v1/devices/{device_id}", FACILITIES_ROLES
    api.add("POST", f"{path}/move", move, body=Move, answer=Moved, roles=keep)
    api.add("POST", f"{path}/prove", prove, answer=Nothing, roles=keep)
