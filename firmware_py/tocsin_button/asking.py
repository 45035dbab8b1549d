"""Asking: one request to the server over HTTPS, again and again for a while, in plain words.

Promise: whatever keeps the server from answering is told as what happened and what to do. What may
pass (no network yet, a server that starts) is tried again; what the server refuses is not.

A Pi that has just booted may believe it is 1970. The dates of a public server's certificate are
judged all the same: whoever has an old stolen one could else take the code, and give this board a
server of their own. Until the network has told the time that fails, so it is tried again, too. Only
with an authority that was named by hand (`ca_file`) are dates ignored while the clock is unsynced,
as the agent does it with the deployment's own (wire contract, rule 5).
"""

import http.client
import ipaddress
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tocsin_button import clock
from tocsin_button.errors import ClaimRefused, ServerUnreached
from tocsin_button.link import NO_CHECK_TIME
from tocsin_wire.claims import ANSWER_BYTES_MAX, REDEEM_PATH, ClaimAnswer, ClaimRequest

PATIENCE_S = 120.0  # a network comes up, a server is started again, the time arrives
TRY_S = 10.0
AGAIN_S = 5.0

# X509_V_ERR_CERT_NOT_YET_VALID, …_HAS_EXPIRED, …_HOSTNAME_MISMATCH, …_IP_ADDRESS_MISMATCH of
# OpenSSL's x509_vfy.h
_NOT_OF_TODAY = (9, 10)
_OF_ANOTHER_NAME = (62, 64)


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask, and whom to believe there."""

    url: str
    ca_file: Path | None = None
    insecure_http: bool = False


class _Problem(msgspec.Struct, frozen=True):
    message: str


class _ErrorBody(msgspec.Struct, frozen=True):
    error: _Problem


class _Passing(Exception):
    """It went wrong in a way that may pass."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would lose what was asked, or send the code somewhere else."""

    def redirect_request(self, *_: object) -> None:
        """Leave it an error, which `_refused` tells."""


def check_address(server: Server) -> None:
    """Make sure that the code can be sent there without being read on its way. ClaimRefused."""
    try:
        parts = urlsplit(server.url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ClaimRefused(
            f"{server.url!r} is no server's address: write it as https://tocsin.county.example"
        )
    if parts.scheme == "http" and not (server.insecure_http or _is_here(parts.hostname or "")):
        raise ClaimRefused(
            f"{server.url} is not encrypted: whoever listens could take the code and become this"
            " button. Use its https:// address; in a lab, add --insecure-http"
        )


def ask(
    server: Server,
    request: ClaimRequest,
    *,
    patience_s: float = PATIENCE_S,
    say: Callable[[str], None] = lambda _: None,
) -> ClaimAnswer:
    """Ask until there is an answer. Raises ClaimRefused, ServerUnreached; `say` tells why it waits.

    Asking again with the same keys makes no second button.
    """
    check_address(server)
    deadline, told = time.monotonic() + patience_s, ""
    while True:
        try:
            return _ask_once(server, request)
        except _Passing as error:
            if time.monotonic() + AGAIN_S > deadline:
                raise ServerUnreached(
                    f"{error}. Nothing is lost: the keys made here are kept. Put that right, and"
                    " give the same code again"
                ) from None
            if str(error) != told:
                told = str(error)
                say(f"{told}; trying again for {max(0.0, deadline - time.monotonic()):.0f} s")
            time.sleep(AGAIN_S)


def _ask_once(server: Server, request: ClaimRequest) -> ClaimAnswer:
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=_context(server)), NoRedirects
    )
    asked = urllib.request.Request(  # noqa: S310 (check_address has seen it)
        server.url.rstrip("/") + REDEEM_PATH,
        data=msgspec.json.encode(request),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
    )
    try:
        with opener.open(asked, timeout=TRY_S) as response:
            body = response.read(ANSWER_BYTES_MAX + 1)
            # Still to come, where a length was promised; cut off before that, there is no body.
            cut_off = bool(response.length) or not body
    except urllib.error.HTTPError as error:
        raise _refused(server, error) from None
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise _unreached(server, reason) from None
    except http.client.HTTPException as error:
        raise _Passing(f"{server.url} gave no answer of a web server ({error})") from None
    if cut_off and len(body) <= ANSWER_BYTES_MAX:
        raise _Passing(f"{server.url} was cut off in the middle of its answer")
    try:
        return msgspec.json.decode(body[:ANSWER_BYTES_MAX], type=ClaimAnswer)
    except (msgspec.DecodeError, ValueError):
        raise ClaimRefused(
            f"{server.url} answered, but not as a Tocsin server: look at the address; a sign-in"
            " page of this network may stand in between"
        ) from None


def _context(server: Server) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=server.ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ClaimRefused(
            f"{server.ca_file} can't be used as an authority: {error.strerror or error}: give the"
            " file in PEM form that who runs the server has"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if server.ca_file is not None and clock.clock_synced() is False:
        context.verify_flags |= NO_CHECK_TIME
    return context


def _refused(server: Server, error: urllib.error.HTTPError) -> Exception:
    """What a status that is no success means."""
    try:
        said = msgspec.json.decode(error.read(ANSWER_BYTES_MAX), type=_ErrorBody).error.message
    except (OSError, msgspec.DecodeError, ValueError):
        said = ""
    if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code == HTTPStatus.REQUEST_TIMEOUT:
        return _Passing(said or f"{server.url} is not well: it answers {error.code}")
    if error.code == HTTPStatus.TOO_MANY_REQUESTS and said:
        return ServerUnreached(said)
    if 300 <= error.code < 400:
        where = error.headers.get("Location", "elsewhere")
        return ClaimRefused(f"{server.url} sends us to {where[:200]}: use the server's own address")
    return ClaimRefused(
        said
        or f"{server.url} answers {error.code}, and not as a Tocsin server: look at the address"
    )


def _unreached(server: Server, reason: object) -> Exception:
    """What keeps us from the server."""
    host = urlsplit(server.url).hostname
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _untrusted(server, reason)
    if isinstance(reason, ssl.SSLError):
        return ClaimRefused(
            f"{server.url} doesn't speak TLS as it should ({reason.reason}): look at the address"
            " and the port"
        )
    if isinstance(reason, socket.gaierror):
        return _Passing(
            f"the name {host} can't be found: look at the cable or the Wi-Fi, at the address, and"
            " whether this network has a name server (DNS)"
        )
    if isinstance(reason, TimeoutError):
        return _Passing(
            f"{server.url} doesn't answer within {TRY_S:.0f} s: look at the address, and whether a"
            " firewall is in between"
        )
    if isinstance(reason, ConnectionRefusedError):
        return _Passing(
            f"nothing listens at {server.url}: look at the address and the port, and whether the"
            " server runs"
        )
    return _Passing(f"{server.url} can't be reached ({reason}): look at the cable or the Wi-Fi")


def _untrusted(server: Server, error: ssl.SSLCertVerificationError) -> Exception:
    if error.verify_code in _NOT_OF_TODAY:
        now = datetime.now(UTC)
        if clock.clock_synced() is False:
            return _Passing(
                f"the clock of this Pi says {now:%Y-%m-%d} and isn't set, so the server's"
                " certificate can't be judged: wait for the network time, or set it with"
                " sudo date -s '2026-11-03 19:30'"
            )
        return ClaimRefused(
            f"the certificate of {server.url} isn't valid on {now:%Y-%m-%d}, which this Pi takes"
            " for today: if that is right, tell who runs the server"
        )
    if error.verify_code in _OF_ANOTHER_NAME:
        return ClaimRefused(
            f"the certificate of {server.url} is for another name: use the address that who runs"
            " the server gave you"
        )
    return ClaimRefused(
        f"the certificate of {server.url} is from an authority that this Pi doesn't know"
        f" ({error.verify_message}): if it is your county's own, give its file with --ca-file;"
        " else somebody may be in between"
    )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
