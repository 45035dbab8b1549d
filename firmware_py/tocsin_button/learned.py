"""Learned: the server keys that came after those this button was given.

Promise: a statement is kept as it was signed, in the state folder, and followed anew at every start
from the keys that the button was given. What another deployment signed, or somebody wrote into the
file, changes nothing.
"""

from collections.abc import Mapping
from pathlib import Path

from tocsin_button.files import PRIVATE, put
from tocsin_wire import succession
from tocsin_wire.errors import WireError
from tocsin_wire.signing import JWS_BYTES_MAX, VerifyKey
from tocsin_wire.succession import STATEMENTS_MAX

FILE = "succession.jws"  # a statement a line


class ServerKeys:
    """Whose word this button takes. `kept` is the newest key of which the disk knows, in short."""

    def __init__(self, given: Mapping[str, VerifyKey], state: Path) -> None:
        """Follow from the keys that were given what earlier runs left in the state folder."""
        self.believed: Mapping[str, VerifyKey] = given
        self._file = state / FILE
        self._statements: list[bytes] = []
        for statement in self._read():
            try:
                self.learn(statement)
            except WireError:
                continue
        self.kept = succession.short(self.newest)

    @property
    def newest(self) -> VerifyKey:
        """The key that was learned last."""
        return succession.newest_of(self.believed)

    @property
    def are_kept(self) -> bool:
        """Whether the disk knows all that was learned."""
        return self.kept == succession.short(self.newest)

    def learn(self, statement: bytes) -> bool:
        """Believe a further key; False where it is no news. Raises WireError."""
        further = succession.follow(self.believed, statement)
        if further is None:
            return False
        self.believed = further
        self._statements.append(statement)
        return True

    def keep(self) -> None:
        """Put on disk what was learned. Blocks for an fsync. Raises OSError."""
        newest, statements = self.newest, list(self._statements)
        put(self._file, b"".join(each + b"\n" for each in statements), mode=PRIVATE)
        self.kept = succession.short(newest)

    def _read(self) -> list[bytes]:
        try:
            with self._file.open("rb") as file:
                return file.read(STATEMENTS_MAX * (JWS_BYTES_MAX + 1)).split()
        except OSError:
            return []
