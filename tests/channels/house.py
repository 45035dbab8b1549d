"""A server's side of Twilio: two accounts, and webhooks that believe what Twilio has signed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4
from xml.etree import ElementTree

from aiohttp import web

from tocsin_server.channels.channel import Message, Report
from tocsin_server.channels.twilio import Twilio, TwilioSms
from tocsin_server.channels.twilio_call import TwilioVoice
from tocsin_server.channels.twilio_reports import (
    read_call_report,
    read_machine,
    read_report,
)
from tocsin_server.config import Config, load_config
from tocsin_server.demo.phone import Account, PhoneNetwork

DANA = "+15125550111"
FIRST, SECOND = "+15125550100", "+15125550101"
SPOKEN = "Tocsin. Duress at Town Hall, room 4."
KEYS = "Press 1 to take it, 2 to pass it on, 3 to hear it again."
CODE = "Text 7 K 2 M to take it."

_CONFIG = """\
replica_id = "server-1"
public_url = "{public_url}"

[database]
dsn = "postgresql:///tocsin"

[[brokers]]
url = "mqtt://127.0.0.1"

[keys]
receipt_key_file = "receipt.key"

[twilio]
account_sid = "AC{first}"
auth_token_file = "first_token"
older_auth_token_files = ["older_token"]
from_number = "+15125550100"
api_url = "{first_url}"
public = {public}
{more}
"""
_SECOND = """
[twilio_second]
account_sid = "AC{second}"
auth_token_file = "second_token"
from_number = "+15125550101"
api_url = "{second_url}"
"""
_READ = {"status": read_report, "call": read_call_report, "machine": read_machine}


def parse(twiml: str) -> ElementTree.Element:
    """Read what we have written ourselves."""
    return ElementTree.fromstring(twiml)  # noqa: S314


def message(
    to: str = DANA, *, notification_id: UUID | None = None, text: str = "a text"
) -> Message:
    """A call for help that is answered by text, by key or by code."""
    return Message(
        notification_id=notification_id or uuid4(),
        to=to,
        text=text,
        spoken=SPOKEN,
        spoken_keys=KEYS,
        spoken_code=CODE,
    )


@dataclass
class House:
    """The provider, and what our server says and hears."""

    network: PhoneNetwork
    first: Account
    second: Account
    config: Config
    twilio: Twilio
    heard: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    forged: int = 0
    answer: Callable[[dict[str, str]], str] = lambda _form: "<Response/>"

    def __post_init__(self) -> None:
        self.sms = TwilioSms(self.twilio)
        self.voice = TwilioVoice(self.twilio)

    @property
    def reports(self) -> list[Report]:
        """What the webhooks told, as the walk understands it."""
        read = [_READ[path.split("/")[4]](form) for path, form in self.heard if "voice" not in path]
        return [report for report in read if report is not None]

    async def until_reported(self, status: str) -> Report:
        """The first report of this status; the phones change with each that is told."""
        return await self.network.until(
            lambda: next((each for each in self.reports if each.status == status), None),
            timeout_s=20,
        )

    async def hear(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        signature = request.headers.get("X-Twilio-Signature", "")
        if not self.twilio.is_genuine(request.path_qs, form, signature):
            self.forged += 1
            return web.Response(status=403)
        self.heard.append((request.path, form))
        self.network.touch()
        return web.Response(text=self.answer(form), content_type="text/xml")


@asynccontextmanager
async def open_house(
    folder: Path,
    *,
    public: bool = True,
    second: bool = True,
    first_url: str | None = None,
    more: str = "",
) -> AsyncIterator[House]:
    """A house as it is configured. `first_url`: where the first account is looked for instead."""
    house: House | None = None

    async def hear(request: web.Request) -> web.Response:
        assert house is not None
        return await house.hear(request)

    app = web.Application()
    app.router.add_post("/{any:.*}", hear)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    public_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    sids = {"first": "1" * 32, "second": "2" * 32}
    network = PhoneNetwork(account_sid=f"AC{sids['first']}", auth_token="first", from_number=FIRST)
    spare = network.add_account(sid=f"AC{sids['second']}", auth_token="second", from_number=SECOND)
    for name in ("first", "older", "second"):
        (folder / f"{name}_token").write_text(name)
    async with network.running():
        text = (_CONFIG + _SECOND * second).format(
            **sids,
            public_url=public_url,
            public=str(public).lower(),
            first_url=first_url or network.url,
            second_url=network.url,
            more=more,
        )
        (folder / "tocsin.toml").write_text(text)
        config = load_config(folder / "tocsin.toml")
        twilio = Twilio.of(config)
        assert twilio is not None
        house = House(network, network.account, spare, config, twilio)
        try:
            yield house
        finally:
            await twilio.close()
            await runner.cleanup()
