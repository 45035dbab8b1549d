"""Every file that a command or a button reads, broken in every way that a disk or an editor can.

Promise: a reader takes the file, or refuses with the error that its command turns into a line.
Nothing else comes out of it, and it never takes long.
"""

import contextlib
import io
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog

from tests.fuzz import hostile
from tocsin_button import config as button_config
from tocsin_button import materials
from tocsin_button.errors import ButtonError
from tocsin_server import record
from tocsin_server.cli import main
from tocsin_server.cli.person import _read_password
from tocsin_server.cli.serve import _check_files
from tocsin_server.config import Config, ConfigError, load_config
from tocsin_server.errors import TocsinError
from tocsin_server.fleet.certificates import DeploymentError
from tocsin_server.fleet.deployment import add_device, create_deployment
from tocsin_server.fleet.sheet import write_csv, write_geojson
from tocsin_server.fleet.site_columns import COLUMNS
from tocsin_server.fleet.site_plan import plan_import
from tocsin_wire.signing import SigningKey, load_keys

BROKER = "mqtts://127.0.0.1:8883"
FILE_S_MAX = 10.0  # on a busy machine; whatever takes longer hangs
EXPORT_ALERTS = 3
SITES = [
    {
        "site_name": "Carver Branch Library",
        "address": "1161 Angelina St, Austin, TX 78702",
        "county_fips": "48453",
        "state": "TX",
        "latitude": "30.2699",
        "longitude": "-97.7243",
        "opening_hours": "Mon-Fri 08:00-17:00; Sat 09:00-12:00",
        "contacts": "Sam Novak, caretaker, +15125550190",
        "room": room,
        "place_kind": "counting table",
    }
    for room in ("Meeting room", "=Workroom")
]

# What an editor, a copy or a hand may leave where a value of a TOML or JSON file was.
_VALUES = (
    "",
    '""',
    '"\\u0000"',
    '"a\\u0000b"',
    "7",
    "-1",
    "1e400",
    "nan",
    "true",
    "[]",
    "{}",
    "[[]]",
    '"' + "x" * 6000 + '"',
    "9" * 5000,
    "[" * 3000,
    "2026-11-03T00:00:00Z",
    '"http://[::1"',
    '"mqtts://[::1"',
    '"mqtts://h:99999"',
    '"mqtts://h:x"',
    '"http://h:x"',
    '"postgresql://h:99999999/x"',
    '"postgresql://%zz@[::1/x"',
    '"127.0.0.1:99999"',
    '"[:8480"',
    '":1"',
    '"/dev/null"',
    '"."',
    '"../../../../etc/hostname"',
    '"server"',
    '"\\n"',
    '"\\ud83d"',
    '"\N{GRINNING FACE}"',
)


@dataclass
class FilesTally:
    """What was opened: files of what kind, and what became of them."""

    kind: str = "files"
    files: Counter[str] = field(default_factory=Counter)
    taken: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.wrong

    def lines(self) -> list[str]:
        """Say it for people."""
        counted = ", ".join(f"{name} {n:,}" for name, n in sorted(self.files.items()))
        return [
            f"{self.files.total():,} {self.kind}: {self.taken:,} taken, {self.refused:,} refused",
            f"  {counted}",
            *[f"  WRONG: {each}" for each in self.wrong],
        ]


@dataclass(frozen=True, slots=True)
class Reader:
    """A file as it should be, who reads it, and which errors refuse it."""

    name: str
    path: Path
    read: Callable[[], object]
    refusals: tuple[type[Exception], ...]


class Refused(Exception):
    """A command ended with 1, and one line."""


def command(*words: str) -> None:
    """Run a command here. Raises Refused; whatever else it raises is wrong."""
    said, told = io.StringIO(), io.StringIO()
    logging_before = structlog.get_config()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
        try:
            code = main(words)
        finally:
            structlog.configure(**logging_before)
    line = told.getvalue()
    if code == 0:
        return
    assert code == 1, code
    assert line.count("\n") <= 1, line
    assert line or said.getvalue(), "it ended with 1, and said nothing"
    raise Refused(line)


def export() -> bytes:
    """A good export, put together as its format says."""
    lines: list[msgspec.Struct] = [
        record.Header(
            format=record.FORMAT,
            version=record.VERSION,
            jurisdiction="48453",
            redacted=False,
            exported_at="2026-11-03T00:00:00.000000Z",
        )
    ]
    heads = sha256(f"{record.FORMAT}|{record.VERSION}|48453\n".encode())
    for number in range(EXPORT_ALERTS):
        alert_id, chain = f"00000000-0000-7000-8000-{number:012}", ""
        for n in (1, 2):
            at, payload, salt = f"2026-11-03T00:00:0{n}.000000Z", '{"kind": "duress"}', "00ff"
            digest = sha256(bytes.fromhex(salt) + payload.encode()).hexdigest()
            said = f"{alert_id}|{n}|{at}|pressed".encode()
            chain = sha256(bytes.fromhex(chain) + said + bytes.fromhex(digest)).hexdigest()
            lines.append(
                record.Event(
                    alert_id=alert_id,
                    n=n,
                    at=at,
                    name="pressed",
                    salt=salt,
                    payload=payload,
                    digest=digest,
                    chain=chain,
                )
            )
        lines.append(record.AlertEnd(alert_id=alert_id, event_count=2, chain=chain))
        heads.update(f"{alert_id}|2|{chain}\n".encode())
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    end = record.End(
        alerts=EXPORT_ALERTS,
        events=2 * EXPORT_ALERTS,
        head=heads.hexdigest(),
        lines_sha256=sha256(text).hexdigest(),
    )
    return text + msgspec.json.encode(end) + b"\n"


def readers(folder: Path) -> list[Reader]:
    """Make a deployment with a button, and say who reads which of its files."""
    nowhere = f"postgresql:///tocsin?host={folder}/nowhere"
    toml = create_deployment(
        folder / "d", jurisdiction="48453", brokers=[BROKER], replicas=1, dsn=nowhere
    )
    deployment = toml.parent
    token = deployment / "twilio.token"
    token.write_text("secret\n")
    dsn = deployment / "dsn"
    dsn.write_text(nowhere + "\n")
    toml.write_text(
        toml.read_text()
        + f'\n[twilio]\naccount_sid = "AC{"0" * 32}"\nauth_token_file = "twilio.token"\n'
        + 'from_number = "+15125550100"\n'
    )
    by_dsn_file = deployment / "dsn_file.toml"
    line = f'dsn = "{nowhere}"'
    assert line in toml.read_text()
    by_dsn_file.write_text(toml.read_text().replace(line, 'dsn_file = "dsn"'))
    button = add_device(deployment, jurisdiction="48453", brokers=[BROKER]).folder
    password = folder / "password"
    password.write_text("correct horse battery\n")
    exported = folder / "record.jsonl"
    exported.write_bytes(export())

    def serve() -> None:
        config = load_config(toml)
        _check_files(config)
        _use(config)

    def listed(config: Path) -> Callable[[], None]:
        return lambda: command("person", "list", "--config", str(config))

    def device() -> None:
        add_device(deployment, jurisdiction="48453", brokers=[BROKER])

    def button_starts() -> None:
        materials.load(button_config.load(button / "button.toml"))

    refuses = (ConfigError, TocsinError, DeploymentError, ButtonError, OSError, Refused)
    server, ca = deployment / "server", deployment / "ca"
    return [
        Reader("tocsin.toml (serve)", toml, serve, refuses),
        Reader("tocsin.toml (command)", toml, listed(toml), refuses),
        Reader("dsn_file", dsn, listed(by_dsn_file), refuses),
        Reader("auth_token_file", token, lambda: _token(load_config(toml)), refuses),
        Reader("receipt.key", server / "receipt.key", serve, refuses),
        Reader("server certificate", server / "server-1.crt", serve, refuses),
        Reader("server key", server / "server-1.key", serve, refuses),
        Reader("ca.crt (device add)", ca / "ca.crt", device, refuses),
        Reader("issuing.crt (device add)", ca / "issuing.crt", device, refuses),
        Reader("issuing.key (device add)", ca / "issuing.key", device, refuses),
        Reader("broker.crt (device add)", deployment / "broker" / "broker.crt", device, refuses),
        Reader("receipt_keys (device add)", server / "receipt_keys.json", device, refuses),
        Reader("receipt_keys (serve)", server / "receipt_keys.json", serve, refuses),
        Reader("command_keys (device add)", server / "command_keys.json", device, refuses),
        Reader("password file", password, lambda: _read_password(password), refuses),
        Reader("export", exported, lambda: command("verify", str(exported)), refuses),
        *[Reader(sheet.name, sheet, partial(_plan, sheet), refuses) for sheet in _sheets(folder)],
        Reader("button.toml", button / "button.toml", button_starts, refuses),
        Reader("press.key", button / "press.key", button_starts, refuses),
        Reader("receipt_keys.json", button / "receipt_keys.json", button_starts, refuses),
        Reader(
            "JWK set", button / "receipt_keys.json", lambda: load_keys(_keys(button)), (ValueError,)
        ),
        Reader("PEM", button / "press.key", lambda: SigningKey.load(_pem(button)), (ValueError,)),
    ]


def _sheets(folder: Path) -> list[Path]:
    """Write the same sites in each form that is imported."""
    sheets = [folder / "sites.csv", folder / "sites.geojson"]
    for sheet, text in zip(sheets, (write_csv(COLUMNS, SITES), write_geojson(SITES)), strict=True):
        sheet.write_text(text, newline="")
    return sheets


def _use(config: Config) -> None:
    """What is asked of a good configuration before anything runs."""
    _, port = config.host_and_port
    assert 0 <= port < 65536, port
    config.dsn()
    _token(config)


def _plan(sheet: Path) -> None:
    """Read a file of sites. Raises Refused."""
    mistakes = plan_import(sheet.read_bytes(), []).errors.found
    if mistakes:
        raise Refused(str(mistakes[0]))


def _token(config: Config) -> None:
    if config.twilio is not None:
        config.secret("twilio.auth_token_file", config.twilio.auth_token_file)


def _keys(button: Path) -> Path:
    return button / "receipt_keys.json"


def _pem(button: Path) -> Path:
    return button / "press.key"


def broken(good: bytes, chance: random.Random) -> bytes:
    """Put something absurd in the place of a value, mutate it, or write another file over it."""
    match chance.randrange(6):
        case 0 | 1 | 2:
            lines = good.decode().splitlines()
            at = chance.randrange(len(lines))
            mark = "=" if "=" in lines[at] else ":"
            head, found, _ = lines[at].partition(mark)
            value = chance.choice(_VALUES)
            lines[at] = f"{head}{found} {value}" if found else value
            if chance.random() < 0.1:
                lines.insert(at, lines[chance.randrange(len(lines))])
            return "\n".join(lines).encode(errors="surrogatepass")
        case 3 | 4:
            return hostile.mutated(good, chance)
        case _:
            return chance.choice(
                (
                    b"",
                    b"\x00" * 4096,
                    b"\xff\xfe" + good,
                    b"\xef\xbb\xbf" + good,
                    good.replace(b"\n", b"\r\n"),
                    good.decode().encode("utf-16"),
                    chance.randbytes(2000),
                    b"[" * 20_000,
                    b'{"a":' * 20_000,
                    b"a = " + b"[" * 20_000,
                    b"x." * 20_000 + b"x = 1",
                    b"x." * 4_000 + b"x = 1",
                    good + b'proxy = "http://[::1"\n',
                    b'proxy = "http://h:x"\n' + good,
                    b"\n" * 20_000,
                    good * 3,
                    json.dumps(
                        {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "\ud800"}]}
                    ).encode(),
                    json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "é"}]}).encode(),
                )
            )


def fuzz(*, seed: int, files: int = 0, until: float = 0.0) -> FilesTally:
    """Break so many files one after the other, or until this moment of the monotonic clock."""
    chance, tally = random.Random(seed), FilesTally()
    with tempfile.TemporaryDirectory() as folder:
        every = readers(Path(folder))
        for reader in every:
            _read(reader, tally, reader.path.read_bytes(), is_good=True)
        while tally.files.total() < files or time.monotonic() < until:
            reader = chance.choice(every)
            good = reader.path.read_bytes()
            try:
                _read(reader, tally, broken(good, chance), is_good=False)
            finally:
                _write(reader.path, good)
    return tally


def _read(reader: Reader, tally: FilesTally, content: bytes, *, is_good: bool) -> None:
    _write(reader.path, content)
    tally.files[reader.name] += 1
    began = time.monotonic()
    try:
        reader.read()
        tally.taken += 1
    except reader.refusals as error:
        tally.refused += 1
        if is_good and not _is_about_the_database(error):
            tally.wrong.append(f"{reader.name}: a good one is refused: {error}")
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the finding)
        tally.wrong.append(f"{reader.name}: {error!r:.300} of {content[:400]!r}")
    if time.monotonic() - began > FILE_S_MAX:
        tally.wrong.append(f"{reader.name}: it took {time.monotonic() - began:.0f} s")


def _is_about_the_database(error: Exception) -> bool:
    return "the database can't be reached" in str(error)


def _write(path: Path, content: bytes) -> None:
    mode = path.stat().st_mode
    path.write_bytes(content)
    path.chmod(mode)
