"""All ways into one replica, put together as the server does it."""

from dataclasses import dataclass, field

from tocsin_server.people.accounts import Account
from tocsin_server.people.codes import Codes
from tocsin_server.people.passkeys import Passkeys
from tocsin_server.people.passwords import PasswordProof, Passwords, SecondFactor
from tocsin_server.people.sessions import Reader, Sessions
from tocsin_server.people.ways import CodeWanted
from tocsin_server.storage.database import Database as Replica

ADDRESS = "https://tocsin.example.org"


@dataclass
class Door:
    """One replica's door. Two of one database are two replicas."""

    replica: Replica
    second_factor: SecondFactor = "offered"
    sessions: Sessions = field(init=False)

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.replica, second_factor=self.second_factor)
        self.passwords = Passwords(self.replica, second_factor=self.second_factor)
        self.codes = Codes(self.replica)
        self.passkeys = Passkeys(self.replica, public_url=ADDRESS)

    async def knock(
        self, email: str, password: str, *, source: str = "192.0.2.1"
    ) -> Account | CodeWanted:
        """What the password alone opens."""
        return await self.passwords.prove(PasswordProof(email, password), source=source)

    async def sign_in(
        self, email: str, password: str, *, source: str = "192.0.2.1"
    ) -> tuple[str, Reader]:
        """A session of somebody without a second factor."""
        account = await self.knock(email, password, source=source)
        assert isinstance(account, Account)
        return await self.sessions.begin(account, way=self.passwords.name, source=source)
