"""The network up to the gateway, from files as a Pi's kernel writes them."""

from pathlib import Path

import pytest

from tests.button.test_health import ROUTES, WIRELESS
from tocsin_button import probes
from tocsin_button.facts import Gateway

ONE_ROUTE = "".join(ROUTES.splitlines(keepends=True)[:2])
NO_ROUTE = ROUTES.splitlines(keepends=True)[0]
ALL_V6 = "0" * 32
VIA_V6 = f"{ALL_V6} 00 {ALL_V6} 00 fe800000000000000000000000000001 00000400 1 0 00000003 eth0\n"
NOWHERE_V6 = f"{ALL_V6} 00 {ALL_V6} 00 {ALL_V6} ffffffff 1 0 00200200 lo\n"
ARP_LINE = "{address:<17}0x1         {flags}         {mac}     *        nic0\n"
HOME = "127.0.0.1"  # nobody is asked over a wire


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def interface(root: Path, name: str, **files: str) -> None:
    folder = root / "sys/class/net" / name
    folder.mkdir(parents=True)
    write(folder, **files)


def test_a_cable_that_is_in_has_a_speed_and_a_hardware_address(tmp_path: Path) -> None:
    interface(tmp_path, "eth9", carrier="1\n", speed="100\n", address="b8:27:eb:00:00:01\n")
    (found,) = probes.interfaces(tmp_path)
    assert (found.kind, found.carrier, found.speed_mbps) == ("ethernet", True, 100)
    assert found.mac == "b8:27:eb:00:00:01"


def test_a_cable_that_is_out_has_none(tmp_path: Path) -> None:
    interface(tmp_path, "eth9", carrier="0\n", speed="-1\n")
    (found,) = probes.interfaces(tmp_path)
    assert (found.carrier, found.speed_mbps) == (False, None)


def test_an_interface_that_is_switched_off_cannot_be_read_and_has_no_link(tmp_path: Path) -> None:
    interface(tmp_path, "eth9", speed="nonsense\n")
    (found,) = probes.interfaces(tmp_path)
    assert not found.carrier


def test_a_wifi_tells_its_signal_and_whether_its_radio_is_off(tmp_path: Path) -> None:
    interface(tmp_path, "wlan0", carrier="0\n", wireless__any="", phy80211__rfkill0__soft="1\n")
    write(tmp_path, proc__net__wireless=WIRELESS)
    (found,) = probes.interfaces(tmp_path)
    assert (found.kind, found.signal_dbm, found.blocked) == ("wifi", -56, True)


def test_what_is_no_way_off_the_board_is_left_out(tmp_path: Path) -> None:
    for name in ("lo", "docker0", "veth12", "ifb0"):
        interface(tmp_path, name, carrier="1\n")
    assert probes.interfaces(tmp_path) == ()


def test_addresses_of_the_internet_protocol_6_count_but_for_link_local_ones(
    tmp_path: Path,
) -> None:
    interface(tmp_path, "eth9", carrier="1\n")
    lines = (
        "fd000000000000000000000000000002 02 40 00 80     eth9\n"
        "fe800000000000000000000000000002 02 40 20 80     eth9\n"
        "fd000000000000000000000000000009 03 40 00 80     eth8\n"
    )
    write(tmp_path, proc__net__if_inet6=lines)
    assert probes.interfaces(tmp_path)[0].addresses == ("fd00::2",)


@pytest.mark.parametrize(
    ("route", "ipv6_route", "gateway"),
    [
        (ROUTES, "", Gateway(interface="eth0", address="192.168.2.1")),
        (ONE_ROUTE, "", Gateway(interface="wlan0", address="192.168.1.1")),
        (ROUTES.replace("0102A8C0", "00000000"), "", Gateway(interface="eth0")),
        (NO_ROUTE, "", None),
        (NO_ROUTE, NOWHERE_V6, None),
        (NO_ROUTE, NOWHERE_V6 + VIA_V6, Gateway(interface="eth0", address="fe80::1")),
        ("", "nonsense\n", None),
    ],
)
def test_the_default_route_names_the_gateway(
    tmp_path: Path, route: str, ipv6_route: str, gateway: Gateway | None
) -> None:
    write(tmp_path, proc__net__route=route, proc__net__ipv6_route=ipv6_route)
    assert probes.default_route(tmp_path) == gateway


def test_a_gateway_answers_when_the_kernel_finds_its_hardware_address(tmp_path: Path) -> None:
    there = ARP_LINE.format(address=HOME, flags="0x2", mac="aa:aa:aa:aa:aa:01")
    write(tmp_path, proc__net__arp="IP address …\n" + there)
    found = probes.ask_gateway(Gateway(interface="eth0", address=HOME), tmp_path)
    assert found is not None
    assert found.answers is True


@pytest.mark.parametrize(("flags", "answers"), [("0x0", False), (None, None)])
def test_a_gateway_that_is_not_found_does_not_answer_and_one_without_a_trace_is_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str | None, answers: bool | None
) -> None:
    monkeypatch.setattr(probes, "GATEWAY_WITHIN_S", 0.0)
    mac = "00:00:00:00:00:00"
    line = "" if flags is None else ARP_LINE.format(address=HOME, flags=flags, mac=mac)
    write(tmp_path, proc__net__arp="IP address …\n" + line)
    found = probes.ask_gateway(Gateway(interface="eth0", address=HOME), tmp_path)
    assert found is not None
    assert found.answers is answers


@pytest.mark.parametrize("gateway", [None, Gateway(interface="ppp0")])
def test_nobody_is_asked_where_there_is_nobody(tmp_path: Path, gateway: Gateway | None) -> None:
    assert probes.ask_gateway(gateway, tmp_path) == gateway


def test_the_name_servers_behind_the_board_s_own_are_named(tmp_path: Path) -> None:
    write(tmp_path, etc__resolv="")
    (tmp_path / "etc/resolv.conf").write_text("# a comment\nnameserver 127.0.0.53\nnameserver\n")
    assert probes.name_servers(tmp_path) == ("127.0.0.53",)
    behind = tmp_path / "run/systemd/resolve/resolv.conf"
    behind.parent.mkdir(parents=True)
    behind.write_text("nameserver 10.0.0.53\nnameserver 10.0.0.54\n")
    assert probes.name_servers(tmp_path) == ("10.0.0.53", "10.0.0.54")
    assert probes.name_servers(tmp_path / "nowhere") == ()
