"""Setting up: this board becomes a button while somebody looks on from a phone.

Promise: one claim at a time, in a thread of its own. Whoever looks is told how far it is, what went
wrong and what to do. What is told holds no code and no key.

Refused: a second claim beside one that is being made; any claim once there was a good one.
"""

import threading
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from tocsin_button import claim, clock, diagnosis, doctor, reach
from tocsin_button.asking import Server
from tocsin_button.claim import Step, Wanted
from tocsin_button.config import Broker
from tocsin_button.control import Finding
from tocsin_button.errors import ButtonError, ClaimRefused
from tocsin_button.reach import Way

PATIENCE_S = 20.0  # the person waits before the page, and would rather correct an address
LOOK_AGAIN_S = 10.0  # so long the network is taken for what it was
CODE_CHARS_MAX = 600  # two lines with a long address

_HTTP_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How it stands. `findings` are those of the way to the server, after it went wrong.

    `busy`: a claim is being made. `device_id`: it was made.
    """

    busy: bool = False
    server: str = ""
    steps: tuple[Step, ...] = ()
    waiting: str | None = None
    problem: str | None = None
    findings: tuple[Finding, ...] = ()
    device_id: str | None = None
    where: str = ""


def read_typed(typed: str, server: str) -> tuple[str, str]:
    """Read what a person typed or pasted: the code, or both lines. Gives code and address.

    Raises ClaimRefused.
    """
    code, server = typed.strip()[: CODE_CHARS_MAX + 1], server.strip()
    if len(code) > CODE_CHARS_MAX:
        raise ClaimRefused("that is no claim code: it has eight letters and digits, as 7K2M-X9QR")
    if "=" in code:
        server, code = claim.read_claim_text(code, named="what was pasted")
    if not server:
        raise ClaimRefused(
            "the server's address is missing: write it as it was shown with the code,"
            " https://tocsin.county.example"
        )
    return code, server if "://" in server else f"https://{server}"


class SettingUp:
    """One board's way from no button to one."""

    def __init__(
        self,
        *,
        folder: Path,
        state_dir: str | None = None,
        ca_file: Path | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.folder = folder
        self._state_dir, self._ca_file, self._patience_s = state_dir, ca_file, patience_s
        self._lock = threading.Lock()
        self._told = Told()
        self._looking = threading.Lock()
        self._network: list[Finding] = []
        self._looked_s: float | None = None

    def told(self) -> Told:
        """Say how it stands."""
        return self._told

    def network(self) -> list[Finding]:
        """Look at the network around this board. Blocks for 4 s at most."""
        with self._looking:
            if self._looked_s is None or time.monotonic() - self._looked_s >= LOOK_AGAIN_S:
                self._network = _look()
                self._looked_s = time.monotonic()
            return self._network

    def begin(self, code: str, server: str) -> None:
        """Begin a claim, unless one is being made. Raises ClaimRefused where none can be."""
        wanted = Wanted(
            code=code,
            server=Server(server, self._ca_file),
            folder=self.folder,
            state_dir=self._state_dir,
            patience_s=self._patience_s,
        )
        claim.check(wanted)
        with self._lock:
            if self._told.busy or self._told.device_id is not None:
                return
            self._told = Told(busy=True, server=server)
        # A daemon: a claim that is cut short can be made again.
        threading.Thread(target=self._claim, args=(wanted,), name="claim", daemon=True).start()

    def _claim(self, wanted: Wanted) -> None:
        try:
            answer = claim.claim(wanted, say=self._waits, reached=self._reached)
        except ButtonError as error:
            # A code that doesn't exist may be the right one but for a letter.
            problem = str(error).replace(claim.check(wanted), "like that")
            self._waits("That went wrong. Looking for what stands in the way")
            self._failed(wanted, problem, findings=tuple(_look(wanted.server.url)))
        except Exception as error:  # noqa: BLE001 (whoever waits has to be told)
            traceback.print_exc()
            self._failed(
                wanted,
                f"something went wrong that should not ({type(error).__name__}): try again; then"
                " look at journalctl -u tocsin-button-setup",
            )
        else:
            where = ", ".join(filter(None, (answer.site, answer.place)))
            self._change(busy=False, waiting=None, device_id=answer.device_id, where=where)

    def _failed(self, wanted: Wanted, problem: str, *, findings: tuple[Finding, ...] = ()) -> None:
        with self._lock:
            self._told = Told(server=wanted.server.url, problem=problem, findings=findings)

    def _waits(self, text: str) -> None:
        self._change(waiting=text)

    def _reached(self, step: Step) -> None:
        self._change(steps=(*self._told.steps, step), waiting=None)

    def _change(self, **fields: object) -> None:
        with self._lock:
            self._told = replace(self._told, **fields)  # type: ignore[arg-type]


def _look(server: str | None = None) -> list[Finding]:
    """What the doctor finds on the way out, and on the way to a server where one is known."""
    way = Way(tls=None, clock_synced=clock.clock_synced(), resolve=reach.resolve)
    facts = doctor.look([] if server is None else [_as_broker(server)], way=way)
    return diagnosis.diagnose_way(facts)


def _as_broker(server: str) -> Broker:
    """Name a server as the doctor's probes take it: its port is tried, and nothing is said."""
    parts = urlsplit(server)
    port = parts.port or _HTTP_PORTS[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return Broker(url=f"wss://{host}:{port}")
