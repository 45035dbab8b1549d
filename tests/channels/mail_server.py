"""A mail server that takes what it is given, or says what it was told to say."""

import asyncio
import email.policy
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.parts import WAIT_S
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet.certificates import Authority

NAME, PASSWORD = "tocsin", "a password for the mail server"


class MailServer:
    """What came, and what is said to the next one."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[EmailMessage] = []
        self.encrypted: list[bool] = []
        self.signed_in: list[str | None] = []
        self.says_to_address: str | None = None
        self.hangs_at: str | None = None  # the address after which nothing is said any more
        self.says_to_mail: str | None = None

    async def handle_RCPT(  # noqa: N802  (aiosmtpd looks for this name)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        if address == self.hangs_at:
            await asyncio.Event().wait()
        if self.says_to_address:
            return self.says_to_address
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802  (aiosmtpd looks for this name)
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        if self.says_to_mail:
            return self.says_to_mail
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(BytesParser(EmailMessage, policy=email.policy.SMTP).parsebytes(content))
        self.encrypted.append(session.ssl is not None)
        self.signed_in.append(session.auth_data)
        return "250 kept"

    def sign_in(
        self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, who: object
    ) -> AuthResult:
        assert isinstance(who, LoginPassword), mechanism
        good = (who.login, who.password) == (NAME.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False, auth_data=NAME if good else None)


@contextmanager
def mail_server(
    *, certificate: tuple[Path, Path] | None = None, port: int | None = None
) -> Iterator[MailServer]:
    """One that listens; with a certificate it takes mail after STARTTLS and a password alone."""
    server = MailServer(port or free_port())
    options: dict[str, Any] = {"ready_timeout": WAIT_S}
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*certificate)
        options |= {
            "tls_context": tls,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": server.sign_in,
        }
    controller = Controller(server, hostname="127.0.0.1", port=server.port, **options)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def certificate(folder: Path) -> tuple[Path, Path, str]:
    """A certificate for this machine and its key, and the authority (PEM) that vouches for it."""
    now = datetime.now(UTC)
    authority = Authority.create("County mail", now=now)
    mine, key = folder / "mail.crt", folder / "mail.key"
    authority.certify_broker(["127.0.0.1"], now=now).save(mine, key)
    authority.save(folder / "ca.crt", folder / "ca.key")
    return mine, key, (folder / "ca.crt").read_text()
