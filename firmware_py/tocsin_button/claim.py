"""Claim: how this board becomes a button, by a code that a person was given.

Promise: both keys are made here, readable by the folder's owner alone, and never leave it. The
folder is a button's as soon as `button.toml` is in it, and that is written last, after everything
else lies on the disk and fits together. Whatever cuts this short leaves the keys, so that the same
command is the same board's again, and never makes a second button.

Refused: a folder that is a button's already, or in which another claim is being made; sending the
code where others could read it.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum, auto
from importlib.metadata import version
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tocsin_button import asking, config, reconfigured
from tocsin_button.asking import Server
from tocsin_button.errors import BadConfig, ClaimRefused
from tocsin_button.files import PRIVATE, PUBLIC, into_place, put
from tocsin_button.link import TlsFiles, tls_context
from tocsin_wire import signing
from tocsin_wire.claims import (
    TEXT_CHARS_MAX,
    ClaimAnswer,
    ClaimProof,
    ClaimRequest,
    key_text,
    read_code,
    read_key,
    request_digest,
)
from tocsin_wire.signing import SigningKey, VerifyKey

FOLDER = config.DEFAULT_FILE.parent
SYSTEM_STATE = "/var/lib/tocsin-button"  # StateDirectory of systemd/tocsin-button.service
CLAIM_FILE_BYTES_MAX = 4096  # it has two lines
_BOARD = Path("/proc/device-tree")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    code: str
    server: Server
    folder: Path = FOLDER
    state_dir: str | None = None
    patience_s: float = asking.PATIENCE_S


class Step(StrEnum):
    """What a claim has behind it, in its order."""

    KEYS_MADE = auto()
    ANSWERED = auto()
    WRITTEN = auto()


def claim(
    wanted: Wanted,
    *,
    say: Callable[[str], None],
    reached: Callable[[Step], None] = lambda _: None,
) -> ClaimAnswer:
    """Make this board a button; `say` tells what is waited for, `reached` how far it is.

    Raises ClaimRefused, ServerUnreached.
    """
    code = check(wanted)
    with _as_owner_of(wanted.folder):
        try:
            _prepare(wanted.folder)
            with _alone_in(wanted.folder):
                return _claim(wanted, code, say, reached)
        except OSError as error:
            raise ClaimRefused(
                f"{error.filename or wanted.folder}: {error.strerror}: give this user the right to"
                " write there, or make room on the card"
            ) from None


def check(wanted: Wanted) -> str:
    """Make sure that it can be asked for, and give the code as it is sent. Raises ClaimRefused."""
    try:
        code = read_code(wanted.code)
    except ValueError as error:
        raise ClaimRefused(str(error)) from None
    asking.check_address(wanted.server)
    return code


def check_folder(folder: Path) -> None:
    """Make sure that the folder is no button's yet. Raises ClaimRefused."""
    if (folder / "button.toml").exists():
        raise ClaimRefused(
            f"{folder} is a button's already. To start over with new keys and a new code, delete"
            f" the old ones: sudo rm {folder}/button.toml {folder}/press.key {folder}/client.key"
        )


def read_claim_file(file: Path) -> tuple[str, str]:
    """Read `server = …` and `code = …`, however an editor saved them. Raises ClaimRefused."""
    try:
        with file.open("rb") as opened:
            content = opened.read(CLAIM_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ClaimRefused(f"{file}: {error.strerror}: name the claim file with --from") from None
    if len(content) > CLAIM_FILE_BYTES_MAX:
        raise ClaimRefused(f"{file} is no claim file: it has more than two lines")
    return read_claim_text(_decoded(content), named=str(file))


def read_claim_text(text: str, *, named: str) -> tuple[str, str]:
    """Read the two lines of a claim file, which is called `named`. Raises ClaimRefused."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        said = line.strip().strip("\ufeff\0")
        if not said or said.startswith("#"):
            continue
        name, separator, value = said.partition("=")
        name = name.strip().strip("\"'").lower()
        if not separator or name not in {"server", "code"}:
            raise ClaimRefused(
                f"{named}, line {number}: {said[:60]!r} is neither server = https://… nor code = …"
            )
        found[name] = value.strip().strip("\"'\u201c\u201d\u2018\u2019 ;")
    missing = [name for name in ("server", "code") if not found.get(name)]
    if missing:
        raise ClaimRefused(
            f"{named} says no {missing[0]}: it has two lines, server = https://… and code = …; a"
            " code that was used is taken out"
        )
    return found["server"], found["code"]


def consume(file: Path, *, server: str, device_id: str) -> None:
    """Take the code out of a claim file; it is worth nothing any more, and says so."""
    begun = file.with_name(f"{file.name}.new")
    try:
        with begun.open("w") as opened:
            opened.write(f"server = {server}\n# the code was used: this board is {device_id}\n")
            opened.flush()
            os.fsync(opened.fileno())
        begun.replace(file)
    except OSError as error:
        raise ClaimRefused(
            f"this board is {device_id} now, but the used code can't be taken out of {file}:"
            f" {error.strerror}: delete that file"
        ) from None


def _prepare(folder: Path) -> None:
    """Make the folder, if it can be its user's. Raises ClaimRefused, OSError."""
    check_folder(folder)
    if folder.exists():
        return
    if os.geteuid() == 0:
        raise ClaimRefused(
            f"{folder} isn't there: make it, for the user that the agent runs as: sudo install"
            f" -d -o tocsin-button -g tocsin-button -m 0700 {folder}"
        )
    folder.mkdir(mode=0o700, parents=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let nobody else claim here, until this ends or is killed. Raises ClaimRefused.

    Two at once, by the set-up page and by a file, would mix up each other's keys.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ClaimRefused(
                f"another claim is being made in {folder}: wait until that has ended"
            ) from None
        check_folder(folder)
        yield
    finally:
        os.close(descriptor)


def _claim(
    wanted: Wanted, code: str, say: Callable[[str], None], reached: Callable[[Step], None]
) -> ClaimAnswer:
    folder = wanted.folder
    press_key = _press_key(folder)
    tls_key = _tls_key(folder)
    reached(Step.KEYS_MADE)
    request = _request(tls_key)
    proof = ClaimProof(code=code, request_digest=request_digest(request))
    answer = asking.ask(
        wanted.server,
        ClaimRequest(
            code=code,
            request=request,
            press_key=key_text(press_key.public.raw),
            proof=press_key.sign(proof).decode(),
            state_dir=wanted.state_dir or (SYSTEM_STATE if folder == FOLDER else "state"),
            board_serial=_board("serial-number"),
            model=_board("model"),
            firmware=version("tocsin"),
        ),
        patience_s=wanted.patience_s,
        say=say,
    )
    reached(Step.ANSWERED)
    _write(folder, answer)
    reached(Step.WRITTEN)
    return answer


def _press_key(folder: Path) -> SigningKey:
    file = folder / "press.key"
    if not file.exists():
        begun = file.with_name(".press.key.new")
        begun.unlink(missing_ok=True)
        SigningKey.generate().save(begun)
        into_place(begun, file)
    try:
        return SigningKey.load(file)
    except ValueError as error:
        raise _unusable(file, str(error)) from None


def _tls_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    file = folder / "client.key"
    if not file.exists():
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        put(file, pem, mode=PRIVATE)
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _unusable(file, "it holds no private key") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _unusable(file, "it holds a key of another kind than ECDSA")
    return key


def _unusable(file: Path, why: str) -> ClaimRefused:
    return ClaimRefused(f"{file} can't be used ({why}): delete it, and a new key is made")


def _request(key: ec.EllipticCurvePrivateKey) -> str:
    """Ask for a certificate (RFC 2986). Who this is, the server says."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = builder.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def _write(folder: Path, answer: ClaimAnswer) -> None:
    """Put the answer into the folder, `button.toml` last. Raises ClaimRefused, OSError."""
    put(folder / "client.crt", answer.certificate.encode(), mode=PUBLIC)
    put(folder / "ca.crt", answer.authority.encode(), mode=PUBLIC)
    _put_keys(folder / "receipt_keys.json", answer.receipt_keys)
    (folder / reconfigured.KEYS_FILE).unlink(missing_ok=True)  # of a claim before
    if answer.command_keys:
        _put_keys(folder / reconfigured.KEYS_FILE, answer.command_keys)
    begun = folder / ".button.toml.new"
    begun.write_text(answer.config)
    begun.chmod(PUBLIC)
    try:
        read = config.load(begun)
        signing.load_keys(read.path(read.receipt_keys_file))
        files = (read.ca_file, read.certificate_file, read.certificate_key_file)
        ca, certificate, key = map(read.path, files)
        tls_context(TlsFiles(ca=ca, certificate=certificate, key=key), clock_synced=False)
    except (BadConfig, OSError, ValueError) as error:
        begun.unlink()
        raise ClaimRefused(
            f"what the server sent can't be used ({str(error).splitlines()[0]}): tell who runs it;"
            " the same code can be used again"
        ) from None
    into_place(begun, folder / "button.toml")


def _put_keys(file: Path, keys: list[str]) -> None:
    begun = file.with_name(f".{file.name}.new")
    signing.dump_keys(begun, [VerifyKey(read_key(text)) for text in keys])
    into_place(begun, file)


@contextmanager
def _as_owner_of(folder: Path) -> Iterator[None]:
    """Root becomes who owns the folder: what it writes there the agent must be able to read."""
    if os.geteuid() != 0 or not folder.exists():
        yield
        return
    owner = folder.stat()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def _decoded(content: bytes) -> str:
    """Notepad writes UTF-8 with or without its mark, or UTF-16 ("Unicode")."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="replace")


def _board(name: str) -> str | None:
    """What the board says of itself; None where it is no Pi."""
    try:
        said = (_BOARD / name).read_text(errors="replace").strip("\0 \n")
    except OSError:
        return None
    return "".join(char for char in said if " " <= char <= "~")[:TEXT_CHARS_MAX] or None
