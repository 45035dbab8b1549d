"""Everybody of a county who signs in, and somebody of the county next door."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tests.parts import DANA, MAYA, PASSWORD, SAM
from tests.walk.house import House
from tests.web.client import Client, client
from tocsin_server.demo import example
from tocsin_server.fleet import sites
from tocsin_server.people import accounts
from tocsin_server.people.accounts import read_people

NIA = "nia@example.org"


@asynccontextmanager
async def signed_in_people(house: House) -> AsyncIterator[dict[str, Client]]:
    """Somebody of each role that signs in here, and Nia, who administers the county next door."""
    async with house.walk.database.pool() as pool:
        await sites.add_jurisdiction(
            pool,
            jurisdiction="48491",
            name="Williamson County",
            time_zone=example.TIME_ZONE,
            on_call_number=None,
        )
        for name, email, role, jurisdiction in (
            ("Ada Park", "ada@example.org", "administrator", example.JURISDICTION),
            ("Amos Reed", "amos@example.org", "auditor", example.JURISDICTION),
            ("Nia Brooks", NIA, "administrator", "48491"),
        ):
            await accounts.add_person(
                pool,
                jurisdiction=jurisdiction,
                name=name,
                email=email,
                phone=None,
                role=role,
                password=PASSWORD,
            )
    emails = {
        "dispatcher": DANA.email,
        "supervisor": MAYA.email,
        "facilities": SAM.email,
        "administrator": "ada@example.org",
        "auditor": "amos@example.org",
        "next door": NIA,
    }
    async with AsyncExitStack() as stack:
        url = house.walk.server.url
        yield {
            role: await stack.enter_async_context(client(url, email=email))
            for role, email in emails.items()
        }


async def ids_of(house: House) -> dict[str, str]:
    """Whose id is which, by e-mail address."""
    async with house.walk.database.pool() as pool:
        people = [
            *await read_people(pool, jurisdiction=example.JURISDICTION),
            *await read_people(pool, jurisdiction="48491"),
        ]
    return {person.email: str(person.person_id) for person in people}
