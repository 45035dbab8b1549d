"""The provider's front, against the product's own client: what it makes of an ill provider."""

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest
import pytest_asyncio
from aiohttp import web

from tests.faults import edges
from tests.faults.edges import GARBAGE, SLOW, Front
from tests.parts import DANA, Deployment
from tocsin_server.channels import twilio
from tocsin_server.channels.channel import Message, SendFailed
from tocsin_server.channels.twilio import Twilio, TwilioSms
from tocsin_server.config import load_config
from tocsin_server.demo.phone import Phone, PhoneNetwork
from tocsin_server.demo.postgres import free_port

NUMBER = str(DANA.phone)


class Provider:
    """The phones, the front before them, and the product's client before that."""

    def __init__(self, network: PhoneNetwork, front: Front, client: TwilioSms) -> None:
        self.front = front
        self.phone: Phone = network.phone(NUMBER)
        self._client = client
        self._notification_id = uuid4()

    async def send(self) -> str:
        """The same message each time, as the server tries it again."""
        return await self._client.send(
            Message(to=NUMBER, text="a text", notification_id=self._notification_id)
        )


@pytest_asyncio.fixture
async def provider(deployment: Deployment) -> AsyncIterator[Provider]:
    network = deployment.phone_network()
    accounts = Twilio.of(load_config(deployment.config))
    assert accounts is not None
    client = TwilioSms(accounts)
    async with network.running(port=free_port()):
        front = Front(behind=network.url)
        await front.start(port=deployment.phone_port)
        yield Provider(network, front, client)
        await client.close()
        await front.stop()


def answer(status: int, body: bytes) -> Callable[[], web.Response]:
    return lambda: web.Response(status=status, body=body, content_type="application/json")


@pytest.mark.parametrize("body", GARBAGE)
@pytest.mark.parametrize("status", [200, 201, 502])
async def test_garbage_is_a_failure_that_another_try_may_mend(
    provider: Provider, status: int, body: bytes
) -> None:
    provider.front.ill = answer(status, body)
    with pytest.raises(SendFailed) as failed:
        await provider.send()
    assert failed.value.temporary
    provider.front.ill = None
    assert await provider.send()
    await provider.phone.until_received("a text")
    assert len(provider.phone.received) == 1
    assert provider.front.findings == []


@pytest.mark.parametrize("status", [429, 500])
async def test_a_provider_in_trouble_is_tried_again(provider: Provider, status: int) -> None:
    provider.front.ill = lambda: edges.refusal(status, 20000 + status, "in trouble")
    with pytest.raises(SendFailed, match=str(status)) as failed:
        await provider.send()
    assert failed.value.temporary
    assert provider.phone.received == []


async def test_what_a_slow_provider_takes_in_the_end_may_come_twice(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio, "REQUEST_S_MAX", 1.0)  # by then it has the request, however busy
    monkeypatch.setattr(edges, "SLOW_S", 1.5)
    provider.front.ill = SLOW
    with pytest.raises(SendFailed, match="did not answer") as failed:
        await provider.send()
    assert failed.value.temporary
    monkeypatch.setattr(twilio, "REQUEST_S_MAX", 10.0)
    provider.front.ill = None
    await provider.send()
    await provider.front.until_all_answered()
    await provider.phone.until_received("a text", count=2)
    assert provider.front.findings == []


async def test_a_text_that_is_sent_again_although_it_was_taken_is_found(
    provider: Provider,
) -> None:
    await provider.send()
    await provider.send()
    assert len(provider.front.findings) == 1
