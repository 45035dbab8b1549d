"""What a button is told about its presses, and when it is told again."""

from uuid import UUID, uuid4

import msgspec
import pytest
import pytest_asyncio

from tests.fleet.station import Clock, Sent, Site, Wire
from tocsin_server.alert.receipts import PRESSES_MAX, Receipts
from tocsin_wire import signing
from tocsin_wire.messages import OpenPress, Receipt, State, new_id
from tocsin_wire.signing import SigningKey

KEY = SigningKey.generate()


class Desk:
    """The receipts of one replica with two brokers, and a way to store presses."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.clock = Clock()
        self.wires = [Wire(self.clock), Wire(self.clock)]
        self.receipts = Receipts(site.connection, KEY, lambda: self.wires, clock=self.clock)

    async def press(self, press_id: UUID | None = None) -> tuple[UUID, UUID]:
        """A stored press, and its alert."""
        press_id = press_id or new_id()
        office = self.site.office
        said = {
            "device_id": office.device_id,
            "press_id": press_id,
            "kind": "duress",
            "said_drill": False,
            "gesture": "press",
            "boot_id": None,
            "seq": 1,
            "attempt": 1,
            "age_ms": 0,
            "age_exact": True,
            "device_clock": None,
            "cancels": None,
            "remarks": [],
            "jws": "a.b.c",
            "held_ms": 0.0,
        }
        device = {
            "jurisdiction": office.jurisdiction,
            "site_id": office.site_id,
            "place": {},
            "tiers": [{"patience_s": 30, "people": []}],
        }
        alert: UUID = await self.site.pool.fetchval(
            "SELECT alert_id FROM store_presses($1, $2)",
            msgspec.json.encode([said]).decode(),
            msgspec.json.encode({office.device_id: device}).decode(),
        )
        return press_id, alert

    def heard(self) -> list[Receipt]:
        """What the button hears by the first broker, and forgets."""
        sent, self.wires[0].sent = self.wires[0].sent, []
        return [self._read(each) for each in sent]

    def _read(self, sent: Sent) -> Receipt:
        assert sent.topic == f"tocsin/v1/48453/{self.site.office.device_id}/receipt"
        assert sent.qos == 1
        return signing.verify(sent.body, Receipt, {KEY.kid: KEY.public})

    async def answer(self, *kept: OpenPress) -> list[Receipt]:
        office = self.site.office
        self.clock.now += 15
        await self.receipts.answer_heartbeat(office.jurisdiction, office.device_id, list(kept))
        return self.heard()


@pytest_asyncio.fixture
async def desk(site: Site) -> Desk:
    return Desk(site)


async def test_a_receipt_is_signed_and_goes_out_on_every_connected_broker(desk: Desk) -> None:
    press_id, alert_id = new_id(), uuid4()
    desk.wires.append(Wire(desk.clock))
    desk.wires[2].connected = False
    desk.receipts.send("48453", desk.site.office.device_id, press_id, alert_id, "stored", True)
    assert [len(wire.sent) for wire in desk.wires] == [1, 1, 0]
    (receipt,) = desk.heard()
    assert (receipt.press_id, receipt.alert_id) == (press_id, alert_id)
    assert (receipt.state, receipt.drill) == ("stored", True)


async def test_every_press_of_an_alert_hears_what_it_has_become(desk: Desk) -> None:
    first, alert = await desk.press()
    second, joined = await desk.press()
    assert joined == alert
    await desk.site.pool.execute(
        "SELECT acknowledge($1, '48453', NULL, 'Dana', 'test', NULL)", alert
    )
    await desk.receipts.send_for_alerts([alert])
    heard = desk.heard()
    assert {receipt.press_id for receipt in heard} == {first, second}
    assert {receipt.state for receipt in heard} == {"acknowledged"}


async def test_an_alert_of_endless_presses_tells_the_newest(desk: Desk) -> None:
    presses = [await desk.press() for _ in range(PRESSES_MAX + 3)]
    await desk.receipts.send_for_alerts([presses[0][1]])
    heard = [receipt.press_id for receipt in desk.heard()]
    assert sorted(heard) == sorted(press_id for press_id, _ in presses[3:])


async def test_an_alert_that_is_not_there_tells_nobody(desk: Desk) -> None:
    await desk.receipts.send_for_alerts([uuid4()])
    await desk.receipts.send_for_alerts([])
    assert desk.heard() == []


@pytest.mark.parametrize(
    ("known", "answered"),
    [(None, True), ("stored", True), ("responding", True), ("acknowledged", False)],
)
async def test_a_heartbeat_is_answered_where_its_button_knows_something_else(
    desk: Desk, known: State | None, answered: bool
) -> None:
    press_id, alert = await desk.press()
    await desk.site.pool.execute(
        "SELECT acknowledge($1, '48453', NULL, 'Dana', 'test', NULL)", alert
    )
    heard = await desk.answer(OpenPress(press_id=press_id, state=known))
    assert [receipt.state for receipt in heard] == (["acknowledged"] if answered else [])


@pytest.mark.parametrize(("drill", "answered"), [(None, False), (False, False), (True, True)])
async def test_a_heartbeat_is_answered_where_its_button_takes_the_real_thing_for_a_drill(
    desk: Desk, drill: bool | None, answered: bool
) -> None:
    press_id, _ = await desk.press()
    heard = await desk.answer(OpenPress(press_id=press_id, state="stored", drill=drill))
    assert [(receipt.state, receipt.drill) for receipt in heard] == [("stored", False)] * answered


async def test_a_press_that_is_not_stored_is_never_receipted(desk: Desk) -> None:
    assert await desk.answer(OpenPress(press_id=new_id(), state=None)) == []


async def test_the_press_of_another_button_is_not_receipted(desk: Desk) -> None:
    press_id, _ = await desk.press()
    other = await desk.site.add_button()
    kept = [OpenPress(press_id=press_id)]
    await desk.receipts.answer_heartbeat("48453", other, kept)
    await desk.receipts.answer_heartbeat("48201", desk.site.office.device_id, kept)
    assert desk.heard() == []


async def test_a_button_that_asks_without_end_is_answered_once_a_second(desk: Desk) -> None:
    press_id, _ = await desk.press()
    kept = [OpenPress(press_id=press_id)]
    device_id = desk.site.office.device_id
    for _ in range(50):
        desk.clock.now += 0.1
        await desk.receipts.answer_heartbeat("48453", device_id, kept)
    assert 4 <= len(desk.heard()) <= 6
