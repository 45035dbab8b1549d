"""The endpoints of a dispatcher who switches the sound off for two minutes, and on again."""

from tocsin_server.people.muting import MutedView, end_mute, mute
from tocsin_server.web.api import Api, Call, Nothing
from tocsin_server.web.services import SERVICES


async def mute_me(call: Call, _query: Nothing, _body: Nothing) -> MutedView:
    """Switch the sound of one's own consoles off for two minutes; everybody sees that."""
    return await mute(
        call.request.app[SERVICES].database.pool,
        jurisdiction=call.reader.jurisdiction,
        person_id=call.reader.person_id,
        name=call.reader.name,
    )


async def unmute_me(call: Call, _query: Nothing, _body: Nothing) -> Nothing:
    """Switch the sound of one's own consoles on again; safe to repeat."""
    pool = call.request.app[SERVICES].database.pool
    await end_mute(pool, person_id=call.reader.person_id)
    return Nothing()


def add_mutes(api: Api) -> None:
    """Put these endpoints beside the others."""
    path = "/api/v1/me/mute"
    api.add("POST", path, mute_me, answer=MutedView, acts=True)
    api.add("POST", f"{path}/end", unmute_me, answer=Nothing, acts=True)
