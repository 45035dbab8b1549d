"""The endpoint of the telephone numbers that a browser keeps for when no server answers."""

from tocsin_server.fleet.phone_numbers import PhoneNumbers, read_numbers
from tocsin_server.web.api import Api, Call, Nothing
from tocsin_server.web.services import SERVICES


async def phone_numbers(call: Call, _query: Nothing, _body: None) -> PhoneNumbers:
    """List whom to call by telephone: on-call, and the contacts of each site."""
    pool = call.request.app[SERVICES].database.pool
    return await read_numbers(pool, jurisdiction=call.reader.jurisdiction)


def add_phone_numbers(api: Api) -> None:
    """Put this endpoint beside the others."""
    api.add("GET", "/api/v1/phone-numbers", phone_numbers, answer=PhoneNumbers, while_locked=True)
