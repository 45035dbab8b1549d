"""E-mail: one message, one connection to the mail server that the configuration names.

Promise: the message says what the text says, with the page that answers it as one button and as
an address to copy. The same notification has the same Message-ID however often it is tried, so a
mailbox shows it once.

Refused: to go on in the clear where TLS was asked for; a subject or an address that could add a
header of its own. Nothing in a mail acknowledges: its link opens a page that asks.
"""

import asyncio
import re
import socket
import ssl
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from html import escape

import aiosmtplib
from aiosmtplib.errors import (
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from tocsin_server import inputs
from tocsin_server.channels.channel import Language, Message, SendFailed
from tocsin_server.config import Config, ConfigError, EmailConfig, Secret
from tocsin_server.errors import Invalid, because

REQUEST_S_MAX = 8.0  # a mail server that needs longer is down, and another contact is sooner there
GOODBYE_S_MAX = 1.0
SUBJECT_CHARS_MAX = 120  # of what a lock screen shows
PERMANENT = 500  # RFC 5321, section 4.2.1: 5yz asks not to be tried again as it is

# RFC 3463, section 3.2, and RFC 7505: no such mailbox, no such domain, none that takes mail.
_NO_SUCH_ADDRESS = re.compile(r"5\.1\.(1|2|3|6|10)\b")
_DRILL: dict[Language, str] = {"en": "DRILL", "es": "SIMULACRO"}
_ANSWER: dict[Language, str] = {"en": "Open this alert", "es": "Abrir esta alerta"}
_BUTTON = (
    "display:inline-block;padding:14px 24px;border-radius:6px;background:#b3001b;color:#ffffff;"
    "font:bold 18px sans-serif;text-decoration:none"
)


class Email:
    """One mail server and the address that its mail comes from."""

    def __init__(self, config: EmailConfig, password: Secret | None, *, ca: str | None) -> None:
        """`ca`: certificates (PEM) to believe besides the machine's own."""
        self._config = config
        self._password = password
        self._tls = ssl.create_default_context()
        if ca is not None:
            self._tls.load_verify_locations(cadata=ca)
        # What aiosmtplib would ask of the name service, which may take its time.
        self._name = socket.gethostname()

    async def send(self, message: Message) -> str:
        """Hand over one mail; gives its Message-ID. Raises SendFailed."""
        mail = compose(message, self._config)
        try:
            await self._hand_over(mail)
        except SMTPRecipientsRefused as error:
            raise _refused(error.recipients[0], of_address=True) from None
        except SMTPResponseException as error:
            raise _refused(error, of_address=False) from None
        except SMTPNotSupported as error:
            raise SendFailed(
                f"the mail server can't do what the message needs: {_short(because(error))}",
                temporary=False,
            ) from None
        except TimeoutError:
            raise SendFailed(
                f"the mail server did not answer within {REQUEST_S_MAX:g} s", temporary=True
            ) from None
        except (SMTPException, OSError) as error:
            raise SendFailed(
                f"the mail server was not reached: {_short(because(error))}", temporary=True
            ) from None
        return str(mail["Message-ID"])

    async def close(self) -> None:
        """Nothing is open between two messages."""

    async def _hand_over(self, mail: EmailMessage) -> None:
        config = self._config
        server = aiosmtplib.SMTP(
            hostname=config.host,
            port=config.port,
            username=config.username,
            password=self._password.reveal() if self._password else None,
            use_tls=config.tls == "implicit",
            start_tls=config.tls == "starttls",
            tls_context=self._tls if config.tls != "none" else None,
            local_hostname=self._name,
            timeout=REQUEST_S_MAX,
        )
        try:
            async with asyncio.timeout(REQUEST_S_MAX):
                await server.connect()
                await server.send_message(mail)
            with suppress(SMTPException, OSError):  # it is taken, whatever is said to this
                await server.quit(timeout=GOODBYE_S_MAX)
        finally:
            # The package's own way out says goodbye first, and waits for an answer as long again.
            server.close()


def open_email(config: Config) -> Email | None:
    """Read what the configuration names; None where it names no mail server. Raises ConfigError."""
    email = config.email
    if email is None:
        return None
    password = (
        config.secret("email.password_file", email.password_file) if email.password_file else None
    )
    ca = config.secret("email.ca_file", email.ca_file) if email.ca_file else None
    try:
        return Email(email, password, ca=ca.reveal() if ca else None)
    except ssl.SSLError:
        raise ConfigError(f"email.ca_file: {email.ca_file} holds no certificates (PEM)") from None


def compose(message: Message, config: EmailConfig) -> EmailMessage:
    """Write a mail. Raises SendFailed where the address is none."""
    to = _address(message.to)
    domain = config.from_address.rpartition("@")[2]
    mail = EmailMessage()
    mail["From"] = Address("Tocsin", addr_spec=config.from_address)
    mail["To"] = to
    if config.reply_to:
        mail["Reply-To"] = Address(addr_spec=config.reply_to)
    mail["Subject"] = _subject(message)
    mail["Date"] = formatdate()
    mail["Message-ID"] = (
        f"<{message.notification_id}@{domain}>"
        if message.notification_id
        else make_msgid(domain=domain)
    )
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: what is away on holiday keeps silent
    if message.urgent:
        mail["X-Priority"] = "1"
        mail["Importance"] = "high"
    text = message.text.replace(message.link, "").strip() if message.link else message.text
    mail.set_content(f"{text}\n\n{message.link}\n" if message.link else f"{text}\n")
    mail.add_alternative(_html(text, message), subtype="html")
    mail["Content-Language"] = message.language  # set_content takes away all of Content-*
    return mail


def _address(given: str) -> Address:
    """Raises SendFailed."""
    try:
        return Address(addr_spec=inputs.email(given))
    except (Invalid, ValueError, IndexError, MessageError):  # the last three: what is no RFC 5322
        raise SendFailed(
            f"{given[:80]!r} is no e-mail address",
            temporary=False,
            unreachable="this is no e-mail address",
        ) from None


def _subject(message: Message) -> str:
    """One line, whatever was in it; a drill says so before anything else."""
    said = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+", " ", message.subject or message.text)
    said = said.strip()
    if len(said) > SUBJECT_CHARS_MAX:
        cut = said[: SUBJECT_CHARS_MAX - 2]
        said = f"{cut.rpartition(' ')[0] or cut} …"
    drill = _DRILL[message.language]
    if message.drill and drill not in said[: len(f"TOCSIN {drill}")]:
        said = f"{drill}: {said}"
    return said


def _html(text: str, message: Message) -> str:
    paragraphs = "".join(
        f'<p style="font:18px/1.4 sans-serif">{escape(line)}</p>' for line in text.split("\n")
    )
    link = ""
    if message.link:
        to = escape(message.link)
        link = (
            f'<p><a href="{to}" style="{_BUTTON}">{_ANSWER[message.language]}</a></p>'
            f'<p style="font:14px/1.4 sans-serif;word-break:break-all">{to}</p>'
        )
    return f'<html lang="{message.language}"><body>{paragraphs}{link}</body></html>'


def _refused(error: SMTPResponseException, *, of_address: bool) -> SendFailed:
    said = f"{error.code} {_short(error.message)}"
    gone = of_address and _NO_SUCH_ADDRESS.match(error.message.strip())
    return SendFailed(
        f"the mail server says {said}",
        temporary=error.code < PERMANENT,
        unreachable="the mail server says there is no such address" if gone else None,
    )


def _short(text: str) -> str:
    return " ".join(text.split())[:120]
