"""The demo's mail server: it takes mail by SMTP and keeps the newest, whoever it is for.

Promise: what the page shows came over the wire, and a mail that came twice is there once, as in any
mailbox.

Refused: passing anything on. No mail leaves this computer, and none is kept on disk.
"""

import asyncio
import email.policy
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import make_msgid

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session

MAILS_MAX = 30
MAIL_BYTES_MAX = 64 * 1024  # what an alert says is a page at most

_LINK = re.compile(r"https?://\S+")


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One mail as a reader shows it. `link` is the first address in its text, which has it not."""

    message_id: str
    time: str
    to: str
    subject: str
    text: str
    link: str | None


class Mailbox:
    """The server, and what came; the newest first."""

    def __init__(self) -> None:
        self._mails: dict[str, Mail] = {}
        self._changed = asyncio.Event()
        self._port = 0

    @property
    def port(self) -> int:
        return self._port

    @property
    def mails(self) -> list[Mail]:
        return list(reversed(self._mails.values()))

    async def changed(self) -> None:
        """Return at the next mail."""
        await self._changed.wait()

    @asynccontextmanager
    async def running(self, *, port: int = 0) -> AsyncIterator[None]:
        """Listen on loopback as long as the block lasts; 0 takes a free port."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._protocol, "127.0.0.1", port)
        self._port = server.sockets[0].getsockname()[1]
        async with server:
            yield

    def _protocol(self) -> SMTP:
        return SMTP(
            self, data_size_limit=MAIL_BYTES_MAX, enable_SMTPUTF8=True, hostname="localhost"
        )

    async def handle_DATA(  # noqa: N802  (aiosmtpd looks for this name)
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep a mail."""
        content = envelope.content
        if not isinstance(content, bytes):
            return "500 send the mail as bytes"
        parser = BytesParser(EmailMessage, policy=email.policy.SMTP)
        mail = _mail(parser.parsebytes(content), to=", ".join(envelope.rcpt_tos))
        self._mails.setdefault(mail.message_id, mail)
        if len(self._mails) > MAILS_MAX:
            del self._mails[next(iter(self._mails))]
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return "250 kept"


def _mail(message: EmailMessage, *, to: str) -> Mail:
    body = message.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    found = _LINK.search(text)
    link = found.group() if found else None
    return Mail(
        message_id=str(message["Message-ID"] or make_msgid()),
        time=datetime.now(UTC).astimezone().strftime("%H:%M:%S"),
        to=to,
        subject=str(message["Subject"] or ""),
        text=text.replace(link, "").strip() if link else text.strip(),
        link=link,
    )
