"""What a board says of itself, from files as a Pi's kernel writes them."""

from pathlib import Path

import pytest

from tocsin_button import health
from tocsin_button.health import Health, look

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0002A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
"""
ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
192.168.1.1      0x1         0x2         aa:aa:aa:aa:aa:01     *        wlan0
192.168.2.1      0x1         0x2         aa:aa:aa:aa:aa:02     *        eth0
"""
WIRELESS = """\
Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   54.  -56.  -256        0      0      0      0      0        0
"""
KEY = b"the site's key"
SWITCH_PORT = health._switch_port


def board(root: Path, **files: str) -> Path:
    layout = {
        "uptime": "proc/uptime",
        "route": "proc/net/route",
        "arp": "proc/net/arp",
        "wireless": "proc/net/wireless",
        "temp": "sys/class/thermal/thermal_zone0/temp",
        "volt": "sys/class/hwmon/hwmon1/name",
        "alarm": "sys/class/hwmon/hwmon1/in0_lcrit_alarm",
        "fan": "sys/class/hwmon/hwmon0/name",
    }
    for name, text in files.items():
        path = root / layout[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def no_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own neighbours are none of these boards'."""
    monkeypatch.setattr(health, "_switch_port", lambda _interface: None)


def test_a_pi_says_how_it_is(tmp_path: Path) -> None:
    root = board(
        tmp_path,
        uptime="12345.67 40000.00\n",
        route=ROUTES,
        arp=ARP,
        temp="48312\n",
        fan="pwmfan\n",
        volt="rpi_volt\n",
        alarm="1\n",
    )
    seen = look(place_key=KEY, root=root)
    assert (seen.uptime_s, seen.cpu_temp_c, seen.undervoltage) == (12345, 48.312, True)
    assert (seen.network, seen.rssi_dbm) == ("ethernet", None)
    assert seen.place is not None


def test_on_wifi_it_says_how_strong(tmp_path: Path) -> None:
    only_wifi = "\n".join(line for line in ROUTES.splitlines() if not line.startswith("eth0"))
    root = board(tmp_path, route=only_wifi, arp=ARP, wireless=WIRELESS)
    (root / "sys/class/net/wlan0/wireless").mkdir(parents=True)
    seen = look(place_key=KEY, root=root)
    assert (seen.network, seen.rssi_dbm) == ("wifi", -56)


@pytest.mark.parametrize(("interface", "network"), [("wwan0", "cellular"), ("tun0", None)])
def test_the_network_is_named_by_its_interface(
    tmp_path: Path, interface: str, network: str | None
) -> None:
    root = board(tmp_path, route=ROUTES.replace("eth0", interface))
    assert look(place_key=KEY, root=root).network == network


def test_the_place_changes_with_the_gateway_and_the_key_and_with_nothing_else(
    tmp_path: Path,
) -> None:
    root = board(tmp_path, route=ROUTES, arp=ARP, uptime="1 1")
    here = look(place_key=KEY, root=root).place
    board(tmp_path, uptime="99 99")
    assert look(place_key=KEY, root=root).place == here
    assert look(place_key=b"another", root=root).place != here
    board(tmp_path, arp=ARP.replace("aa:02", "bb:02"))
    assert look(place_key=KEY, root=root).place not in (here, None)


def test_the_switch_port_tells_the_place_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = board(tmp_path, route=ROUTES, arp=ARP)
    by_gateway = look(place_key=KEY, root=root).place
    monkeypatch.setattr(health, "_switch_port", lambda interface: f"{interface} port 7")
    assert look(place_key=KEY, root=root).place not in (by_gateway, None)


def test_lldpd_is_asked_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "lldpcli"
    program.write_text(
        "#!/bin/sh\n"
        "echo lldp.eth0.age=0 day, 00:01:02\n"
        "echo lldp.eth0.chassis.mac=aa:bb:cc:dd:ee:ff\n"
        "echo lldp.eth0.port.ifname=gi1/0/7\n"
        "echo lldp.eth1.chassis.mac=11:22:33:44:55:66\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(health, "LLDP_WITHIN_S", 20.0)  # a busy machine may take long to start it
    assert SWITCH_PORT("eth0") == (
        "lldp.eth0.chassis.mac=aa:bb:cc:dd:ee:ff lldp.eth0.port.ifname=gi1/0/7"
    )
    assert SWITCH_PORT("wlan0") is None
    program.write_text("#!/bin/sh\nexit 1\n")
    assert SWITCH_PORT("eth0") is None


def test_an_empty_board_is_all_none(tmp_path: Path) -> None:
    seen = look(place_key=KEY, root=tmp_path)
    assert seen == Health(
        uptime_s=None,
        cpu_temp_c=None,
        undervoltage=None,
        clock_synced=seen.clock_synced,
        network=None,
        rssi_dbm=None,
        place=None,
    )


def test_a_board_that_says_nonsense_is_not_believed_and_does_no_harm(tmp_path: Path) -> None:
    nonsense = dict.fromkeys(("uptime", "route", "arp"), "\x00nonsense 1 2 3 4 5 6 7\n" * 3)
    root = board(tmp_path, temp="hot\n", volt="rpi_volt\n", wireless=" eth0: x\n" * 3, **nonsense)
    seen = look(place_key=KEY, root=root)
    assert (seen.uptime_s, seen.cpu_temp_c, seen.undervoltage, seen.network) == (None,) * 4
    board(tmp_path, route=ROUTES.replace("0102A8C0", "elsewhere"), uptime="")
    assert look(place_key=KEY, root=root).place is None
