"""What the offline key signed is said to every button that is heard, whoever else never answers."""

import pytest

from tests.fleet.station import Site, Wire
from tocsin_server.fleet import reconfigurations
from tocsin_server.fleet.reconfigurations import AGAIN_S, LOOK_S, Reconfigurations
from tocsin_wire import topics
from tocsin_wire.messages import BrokerAddress, Reconfigure
from tocsin_wire.signing import SigningKey

KEY = SigningKey.generate()
SILENT = 12  # as many as a look tells, for as many looks as there are until they are told again


async def test_those_who_never_answer_hold_up_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = int(AGAIN_S / LOOK_S)
    monkeypatch.setattr(reconfigurations, "AT_ONCE_MAX", SILENT // looks)
    everybody = {await site.add_button() for _ in range(SILENT)} | {site.office.device_id}
    said = Reconfigure(
        number=7,
        jurisdiction=site.office.jurisdiction,
        brokers=[BrokerAddress(url="mqtts://broker-c.example")],
        at="2026-11-03T13:00:00.250Z",
    )
    await reconfigurations.send(site.pool, KEY.sign(said), keys={KEY.kid: KEY.public}, by="Sam")
    await site.pool.execute("UPDATE device_health SET last_heard_at = clock_timestamp()")
    wire = Wire(site.clock)
    others = Reconfigurations(site.connection, lambda: [wire], clock=site.clock)
    told: set[str] = set()
    for _ in range(50 * looks):  # by chance, in the end everybody has a turn
        await others.turn()
        site.clock.now += LOOK_S
        told = {topics.parse(sent.topic).device_id for sent in wire.sent}
        if told == everybody:
            break
    assert told == everybody
