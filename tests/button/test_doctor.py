"""`tocsin-button doctor` on networks as they are: what it tells, and what it leaves alone."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.button.conftest import OpenField
from tests.button.station import JURISDICTION, Field
from tests.button.test_cli import heard_a_pulse, pulse, tocsin_button
from tests.failover.network import Network, laid_network
from tocsin_button import config, doctor
from tocsin_button.control import Finding
from tocsin_button.state_folder import hold_state
from tocsin_server.demo.broker import Mosquitto
from tocsin_server.demo.postgres import free_port
from tocsin_server.fleet.certificates import Authority
from tocsin_server.fleet.deployment import add_device, create_deployment

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    findings: list[Finding]

    def of(self, check: str) -> Finding:
        return next(each for each in self.findings if each.check.startswith(check))

    @property
    def wrong(self) -> list[str]:
        """What is wrong beside the agent, which these tests don't run."""
        return [
            each.check
            for each in self.findings
            if not each.ok and each.tried and each.check != "agent"
        ]

    @property
    def untried(self) -> list[str]:
        return [each.detail for each in self.findings if not each.tried]


async def report(file: Path, *, prefix: Sequence[str] = ()) -> Report:
    said = await tocsin_button("doctor", "--json", "--config", file, prefix=prefix)
    found = msgspec.json.decode(said.out, type=Report)
    assert said.code == (0 if found.ok else 1), said.err
    return found


async def test_a_port_that_refuses_is_told_and_the_other_broker_s_session_is_left_alone(
    open_field: OpenField,
) -> None:
    field = await open_field(2)
    button = await field.add_button().ready()
    await button.watch(lambda state: all(link.connected for link in state.links))
    field.station.pulse()
    await heard_a_pulse(button)
    gone = field.brokers[1]
    await gone.kill()
    await button.watch(lambda state: not state.links[1].connected)
    stands = (await button.state()).links[0]
    found = await report(button.config)
    assert found.wrong == [f"broker {gone.url}"]
    assert "refuses port" in found.of(f"broker {gone.url}").detail
    assert found.of(f"broker {field.brokers[0].url}").detail == "the link stands"
    assert found.of("round trip").ok
    assert (await button.state()).links[0] == stands


async def test_a_running_agent_is_never_put_out_however_bad_it_looks(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "PULSE_WITHIN_S", 0.2)  # no test waits
    button = await field.add_button().ready()
    before = (await button.state()).links
    findings = await asyncio.to_thread(doctor.examine, config.load(button.config))
    assert [each.check for each in findings if not each.ok] == ["round trip"]
    assert (await button.state()).links == before


async def test_a_link_that_is_down_is_not_tried_in_the_agent_s_place(field: Field) -> None:
    await field.brokers[0].stop()
    trust_somebody_else(field)
    await field.brokers[0].start()
    button = field.add_button()
    await button.start()
    await button.watch(lambda state: state.links[0].trouble is not None)
    found = await report(button.config)
    assert found.wrong == [f"certificate at {field.urls[0]}"]
    assert "doesn't know who issued" in found.of("certificate at").detail


def trust_somebody_else(field: Field) -> None:
    """The broker was set up with the CA of another installation, for its clients alone."""
    broker = field.folder / "broker"
    other = Authority.create("Tocsin elsewhere", now=datetime.now(UTC))
    other.save(broker / "other.crt", broker / "other.key")
    shipped = broker / "mosquitto.conf"
    shipped.write_text(shipped.read_text().replace("cafile ca.crt", "cafile other.crt"))


async def test_all_prints_what_is_well_and_the_end_names_where_to_begin(field: Field) -> None:
    button = field.add_button()
    pulsing = asyncio.create_task(pulse(field))
    said = await tocsin_button("doctor", "--all", "--config", button.config)
    pulsing.cancel()
    assert said.code == 1
    lines = said.out.splitlines()
    assert f"ok  mqtt {field.urls[0]}: the broker has let this button in" in lines
    assert any(line.startswith("ok  round trip: the server's signed pulse came") for line in lines)
    assert lines[-1].startswith("Begin with 'agent': no agent answers")


async def test_without_an_agent_whose_folder_is_held_nobody_connects_as_the_button(
    field: Field,
) -> None:
    button = field.add_button()
    with hold_state(button.folder / "state"):
        found = await report(button.config)
    assert found.untried[0] == ("not tried, because another process has this button's state folder")
    assert found.of("certificate at").ok
    assert f"as {button.device_id}" not in field.brokers[0].log.read_text()


async def test_keys_that_cannot_be_used_do_not_hide_the_network(field: Field) -> None:
    button = field.add_button()
    (button.folder / "press.key").write_text("nonsense")
    found = await report(button.config)
    assert any("press_key_file" in each.detail for each in found.findings if not each.ok)
    assert found.of("tls").ok


@dataclass(frozen=True, slots=True)
class Apart:
    """A button at one end of a network, its broker at the other."""

    config: Path
    network: Network
    broker: Mosquitto

    async def report(self) -> Report:
        return await report(self.config, prefix=self.network.prefix(0))

    async def run(self, n: int, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(*self.network.prefix(n), *words)
        assert await process.wait() == 0


@pytest_asyncio.fixture
async def apart(folder: Path) -> AsyncIterator[Apart]:
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(laid_network(hosts=2))
        address, port = network.hosts[1], free_port()
        url = f"mqtts://{address}:{port}"
        create_deployment(
            folder / "d", jurisdiction=JURISDICTION, broker_names=[address], brokers=[url]
        )
        button = add_device(folder / "d", jurisdiction=JURISDICTION, brokers=[url])
        broker = Mosquitto(
            folder / "d" / "broker",
            port=port,
            bind="0.0.0.0",  # noqa: S104 (of its namespace, where it is alone)
            prefix=network.prefix(1),
        )
        await broker.start()
        stack.push_async_callback(broker.stop)
        yield Apart(button.folder / "button.toml", network, broker)


@as_root
async def test_a_cable_that_is_out_is_the_one_thing_told(apart: Apart) -> None:
    await apart.network.cut(apart.network.hosts[0])
    found = await apart.report()
    assert found.wrong == ["link"]
    assert "no cable in eth0" in found.of("link").detail
    assert found.untried == ["not tried, because of the link"]


@as_root
async def test_a_socket_that_hands_out_no_address_is_told(apart: Apart) -> None:
    await apart.run(0, "ip", "addr", "flush", "dev", "eth0")
    found = await apart.report()
    assert found.wrong == ["address"]
    await apart.run(0, "ip", "addr", "add", "169.254.3.7/16", "dev", "eth0")
    assert "eth0 gave itself 169.254.3.7" in (await apart.report()).of("address").detail


@as_root
async def test_a_firewall_that_swallows_the_port_is_told_with_what_to_ask_for(
    apart: Apart,
) -> None:
    port, host = str(apart.broker.port), apart.network.hosts[1]
    await apart.run(1, "iptables", "-A", "INPUT", "-p", "tcp", "--dport", port, "-j", "DROP")
    found = await apart.report()
    assert found.wrong == [f"broker mqtts://{host}:{port}"]
    assert found.of("broker").ask == (
        f"Ask the network people to allow outgoing TCP {port} to {host}"
    )


@as_root
async def test_a_router_that_does_not_answer_is_told_before_what_lies_behind_it(
    apart: Apart,
) -> None:
    router = apart.network.hosts[0].rpartition(".")[0] + ".250"  # nobody has it
    await apart.run(0, "ip", "route", "add", "default", "via", router)
    text = apart.config.read_text()
    apart.config.write_text(text.replace(apart.network.hosts[1], "203.0.113.7"))
    found = await apart.report()
    assert found.wrong == ["gateway"]
    assert f"the router {router} doesn't answer" in found.of("gateway").detail
