"""What facts about a network mean: each case is a sentence, and what a caretaker reads first."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tocsin_button import wording
from tocsin_button.control import Finding, LinkState
from tocsin_button.diagnosis import dead_end, diagnose, diagnose_way
from tocsin_button.facts import Facts, Gateway, Interface, Name, Obstacle, Reach, Shown, WebAnswer

BROKER = "mqtts://broker-a.county.example:8883"
NAME = Name(host="broker-a.county.example", addresses=("203.0.113.7",))
CABLE = Interface(
    name="eth0",
    kind="ethernet",
    mac="b8:27:eb:00:00:01",
    carrier=True,
    speed_mbps=1000,
    addresses=("192.168.1.20",),
)
WIFI = Interface(
    name="wlan0", kind="wifi", carrier=True, signal_dbm=-60, addresses=("192.168.1.21",)
)
ROUTER = Gateway(interface="eth0", address="192.168.1.1", answers=True)
LINK = LinkState(url=BROKER, connected=True, connection=1)
STRANGER = Shown(
    subject="CN=broker-a.county.example",
    issuer="CN=Web Filter CA,O=County IT",
    names=("broker-a.county.example",),
    valid_from=datetime(2030, 1, 1, tzinfo=UTC),
    valid_until=datetime(2031, 1, 1, tzinfo=UTC),
)
OURS = msgspec.structs.replace(STRANGER, issuer="CN=Tocsin 48453", names=("broker-b.example",))


def reach(obstacle: Obstacle | None = None, **changes: Any) -> Reach:
    whole = Reach(
        broker=BROKER,
        url=BROKER,
        host=NAME.host,
        port=8883,
        name=NAME,
        obstacle=obstacle,
        tls="TLSv1.3" if obstacle is None else None,
    )
    return msgspec.structs.replace(whole, **changes)


WELL = Facts(
    interfaces=(CABLE,),
    gateway=ROUTER,
    name_servers=("192.168.1.1",),
    reaches=(reach(),),
    links=(LINK,),
    server_heard_s_ago=4.0,
    clock_synced=True,
    clock_ahead_s=0.2,
    now=datetime(2030, 6, 1, 12, tzinfo=UTC),
)


def facts(obstacle: Obstacle | None = None, /, **changes: Any) -> Facts:
    """A network with this obstacle on its way, and no link for it."""
    lost: dict[str, Any] = {}
    if obstacle is not None:
        lost = {
            "reaches": (reach(obstacle),),
            "links": (LinkState(url=BROKER, connected=False, connection=9),),
            "server_heard_s_ago": None,
            "clock_ahead_s": None,
        }
    return msgspec.structs.replace(WELL, **(lost | changes))


def first_wrong(findings: list[Finding]) -> Finding:
    return next(each for each in findings if not each.ok and each.tried)


def all_said(finding: Finding) -> str:
    return " ".join(filter(None, (finding.detail, finding.means, finding.remedy, finding.ask)))


@dataclass(frozen=True, slots=True)
class Case:
    claim: str
    facts: Facts
    check: str
    says: tuple[str, ...]
    asks: str | None = None


NO_CABLE = msgspec.structs.replace(CABLE, carrier=False, speed_mbps=None, addresses=())
SILENT = Obstacle.SILENT
CASES = (
    Case(
        "a cable that is out is the only thing that is wrong",
        facts(Obstacle.UNTRIED, interfaces=(NO_CABLE,), gateway=None),
        "link",
        ("no cable in eth0", "no press can leave it", "push the network cable in"),
        "Ask the network people whether this socket is connected and switched on for this board "
        "(hardware address b8:27:eb:00:00:01)",
    ),
    Case(
        "a board with a socket and a Wi-Fi is told about both",
        facts(
            Obstacle.UNTRIED,
            interfaces=(NO_CABLE, msgspec.structs.replace(WIFI, carrier=False)),
            gateway=None,
        ),
        "link",
        ("no cable in eth0", "wlan0 has joined no Wi-Fi"),
    ),
    Case(
        "a Pi whose Wi-Fi waits for its country is told where to choose it",
        facts(
            Obstacle.UNTRIED,
            interfaces=(msgspec.structs.replace(WIFI, carrier=False, blocked=True),),
            gateway=None,
        ),
        "link",
        ("radio wlan0 is switched off", "raspi-config"),
    ),
    Case(
        "a link-local address means that nobody handed one out",
        facts(
            Obstacle.UNTRIED,
            interfaces=(msgspec.structs.replace(CABLE, addresses=("169.254.3.7",)),),
            gateway=None,
        ),
        "address",
        ("eth0 gave itself 169.254.3.7", "DHCP"),
        "Ask the network people for DHCP at this socket",
    ),
    Case(
        "no address at all means the same",
        facts(
            Obstacle.UNTRIED,
            interfaces=(msgspec.structs.replace(CABLE, addresses=()),),
            gateway=None,
        ),
        "address",
        ("eth0 has no address",),
    ),
    Case(
        "a network without a gateway doesn't lead to a broker elsewhere",
        facts(Obstacle.UNREACHABLE, gateway=None),
        "gateway",
        ("no way out of itself",),
        "Ask the network people to hand out a default gateway",
    ),
    Case(
        "a router that doesn't answer comes before the brokers behind it",
        facts(SILENT, gateway=msgspec.structs.replace(ROUTER, answers=False)),
        "gateway",
        ("the router 192.168.1.1 doesn't answer",),
    ),
    Case(
        "a broker in this very network that is silent isn't the gateway's fault",
        facts(SILENT, gateway=None),
        f"broker {BROKER}",
        ("no answer from",),
    ),
    Case(
        "a name that doesn't exist is a word to compare letter by letter",
        facts(
            reaches=(reach(Obstacle.NAME, name=Name(host=NAME.host, failure="unknown")),),
            links=(),
        ),
        f"name {NAME.host}",
        ("no such name (192.168.1.1)", "letter by letter"),
        f"Ask the network people to let their name server resolve {NAME.host}",
    ),
    Case(
        "a name server that doesn't answer is named",
        facts(
            reaches=(reach(Obstacle.NAME, name=Name(host=NAME.host, failure="silent")),),
            links=(),
        ),
        f"name {NAME.host}",
        ("no name server answered (192.168.1.1)",),
        "Ask the network people whether the name server at 192.168.1.1 runs, and to allow UDP and "
        "TCP 53 to it",
    ),
    Case(
        "a board without a name server is told so",
        facts(
            reaches=(reach(Obstacle.NAME, name=Name(host=NAME.host, failure="silent")),),
            links=(),
            name_servers=(),
        ),
        f"name {NAME.host}",
        ("knows no name server",),
        "Ask the network people to hand out a name server",
    ),
    Case(
        "a broker's name that leads to this network's own router is hijacked",
        facts(
            reaches=(
                reach(
                    Obstacle.FOREIGN,
                    name=Name(host=NAME.host, addresses=("192.168.1.1",)),
                ),
            ),
            links=(),
        ),
        f"name {NAME.host}",
        ("192.168.1.1, and that is this network's own router",),
        f"Ask the network people to have {NAME.host} resolved to its real address",
    ),
    Case(
        "a broker's name that leads nowhere is filtered",
        facts(
            reaches=(reach(Obstacle.REFUSED, name=Name(host=NAME.host, addresses=("::",))),),
            links=(),
        ),
        f"name {NAME.host}",
        ("that is nowhere", "a filter hides the name"),
    ),
    Case(
        "a proxy that wants a password is asked to do without",
        facts(Obstacle.PROXY_PASSWORD, proxy="http://proxy.example:3128"),
        "proxy",
        ("http://proxy.example:3128 wants a password",),
        "Ask the network people to let this board (hardware address b8:27:eb:00:00:01) through the "
        "proxy without a password",
    ),
    Case(
        "a proxy that isn't there is the proxy's fault and not the broker's",
        facts(Obstacle.PROXY_SILENT, proxy="http://proxy.example:3128"),
        "proxy",
        ("doesn't answer",),
    ),
    Case(
        "a proxy that forbids one broker's port says so at that broker",
        facts(Obstacle.PROXY_FORBIDS, proxy="http://proxy.example:3128"),
        f"broker {BROKER}",
        (
            "the proxy forbids the way to broker-a.county.example, port 8883",
            "wss:// address on 443",
        ),
        "Ask the network people to allow CONNECT to broker-a.county.example:8883 at the proxy",
    ),
    Case(
        "a web page where the broker should be is a log-in page",
        facts(Obstacle.HTTP),
        "log-in page",
        ("a web page answers at", "A button can't fill in a page"),
        "Ask the network people to admit this board (hardware address b8:27:eb:00:00:01) without "
        "the log-in page",
    ),
    Case(
        "who is sent to another host's page when asking for ours is on such a network, too",
        facts(
            SILENT,
            web_answer=WebAnswer(
                host=NAME.host, status=302, location="http://login.hotel.example/?to=x"
            ),
        ),
        "log-in page",
        ("is sent to http://login.hotel.example/",),
    ),
    Case(
        "a refused port is another sentence than",
        facts(Obstacle.REFUSED),
        f"broker {BROKER}",
        ("broker-a.county.example (203.0.113.7) refuses port 8883", "does the broker run?"),
        "Ask the network people to allow outgoing TCP 8883 to broker-a.county.example "
        "(203.0.113.7)",
    ),
    Case(
        "a silent one, and that than",
        facts(SILENT),
        f"broker {BROKER}",
        ("no answer from", "swallows the connection without a word"),
        "Ask the network people to allow outgoing TCP 8883 to broker-a.county.example",
    ),
    Case(
        "one to which there is no way",
        facts(reaches=(reach(Obstacle.UNREACHABLE, said="No route to host"),), links=()),
        f"broker {BROKER}",
        ("there is no way to", "No route to host"),
    ),
    Case(
        "a stranger's certificate is inspection, and the stranger is named",
        facts(reaches=(reach(Obstacle.FOREIGN, shown=STRANGER),), links=()),
        f"tls {BROKER}",
        ("issued by 'CN=Web Filter CA,O=County IT'", "a firewall that inspects traffic"),
        "Ask the network people to exempt TCP 8883 to broker-a.county.example (203.0.113.7) from "
        "inspection",
    ),
    Case(
        "a certificate of another Tocsin is a mix-up and nobody's inspection",
        facts(reaches=(reach(Obstacle.FOREIGN, shown=OURS),), links=()),
        f"tls {BROKER}",
        ("is another installation's", "copy ca.crt anew"),
    ),
    Case(
        "a certificate for another name tells the names it is for",
        facts(reaches=(reach(Obstacle.WRONG_NAME, shown=OURS),), links=()),
        f"tls {BROKER}",
        ("isn't for the name broker-a.county.example; it is for broker-b.example",),
    ),
    Case(
        "an expired certificate is held against the clock",
        facts(reaches=(reach(Obstacle.EXPIRED, shown=STRANGER),), links=()),
        f"tls {BROKER}",
        ("out of date since 2031-01-01; this button's clock says 2030-06-01",),
    ),
    Case(
        "a revoked button is told what that means",
        facts(Obstacle.WE_REVOKED),
        f"certificate at {BROKER}",
        ("was revoked", "lost or stolen"),
    ),
    Case(
        "a broker that doesn't admit a button it knows says why",
        facts(
            links=(
                LinkState(
                    url=BROKER,
                    connected=False,
                    connection=3,
                    trouble="the broker refused: Not authorized",
                ),
            ),
            server_heard_s_ago=None,
        ),
        f"mqtt {BROKER}",
        ("Not authorized", "is this button denied"),
    ),
    Case(
        "a broker that lets the button go again may know a copy of it",
        facts(
            links=(
                LinkState(
                    url=BROKER, connected=False, connection=3, trouble="the connection was closed"
                ),
            ),
            server_heard_s_ago=None,
        ),
        f"mqtt {BROKER}",
        ("a copy of this button's card",),
    ),
    Case(
        "a broker without a server behind it is the round trip's fault",
        facts(server_heard_s_ago=None),
        "round trip",
        ("no server's signed pulse", "call 911"),
    ),
    Case(
        "a pulse of a minute ago is none",
        facts(server_heard_s_ago=60.0),
        "round trip",
        ("no server's signed pulse",),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_the_first_thing_that_is_wrong(case: Case) -> None:
    found = first_wrong(diagnose(case.facts))
    assert found.check == case.check
    for words in case.says:
        assert words in all_said(found)
    assert case.asks is None or (found.ask or "").startswith(case.asks)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_one_cause_is_one_thing_wrong(case: Case) -> None:
    wrong = [each.check for each in diagnose(case.facts) if not each.ok and each.tried]
    hides = {"log-in page", f"name {NAME.host}"}  # what answers instead was met as well
    assert wrong == [case.check] or wrong[0] in hides


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_what_is_wrong_says_what_it_means_and_what_to_do(case: Case) -> None:
    for found in diagnose(case.facts):
        if not found.ok and found.tried:
            assert found.means
            assert found.remedy
            assert "{" not in all_said(found)


@pytest.mark.parametrize("obstacle", [each for each in Obstacle if each in wording.WORDS])
def test_every_obstacle_has_words_that_are_filled_in(obstacle: Obstacle) -> None:
    found = first_wrong(diagnose(facts(obstacle, proxy="http://proxy.example:3128")))
    assert "{" not in all_said(found)
    assert "None" not in all_said(found)


def test_only_those_obstacles_have_no_words_of_their_own_that_another_check_tells_of() -> None:
    assert set(Obstacle) - set(wording.WORDS) == {Obstacle.UNTRIED, Obstacle.NAME, Obstacle.HTTP}


def test_a_healthy_network_is_told_in_the_order_in_which_things_rest_on_each_other() -> None:
    findings = diagnose(WELL)
    assert all(each.ok for each in findings)
    assert [each.check.split()[0] for each in findings] == [
        "link",
        "address",
        "gateway",
        "name",
        "clock",
        "broker",
        "tls",
        "certificate",
        "mqtt",
        "round",
    ]
    assert "1000 Mbit/s" in findings[0].detail


def test_what_cannot_work_is_named_as_not_tried_with_the_reason() -> None:
    findings = diagnose(facts(Obstacle.UNTRIED, interfaces=(NO_CABLE,), gateway=None))
    untried = [each for each in findings if not each.tried]
    assert [each.detail for each in untried] == ["not tried, because of the link"]
    assert not any(each.ok for each in untried)


def test_a_broker_on_this_board_needs_no_cable() -> None:
    here = reach(url="mqtts://127.0.0.1:8883", host="127.0.0.1", name=None)
    findings = diagnose(facts(interfaces=(NO_CABLE,), gateway=None, reaches=(here,)))
    assert all(each.ok for each in findings)


def test_what_went_over_a_layer_proves_it_whatever_it_says_of_itself() -> None:
    odd = facts(interfaces=(), gateway=msgspec.structs.replace(ROUTER, answers=False))
    assert all(each.ok for each in diagnose(odd))


def test_one_broker_of_two_that_is_silent_leaves_the_other_well() -> None:
    other = "mqtts://broker-b.county.example:8883"
    findings = diagnose(facts(reaches=(reach(), reach(SILENT, broker=other, url=other))))
    assert [each.check for each in findings if not each.ok and each.tried] == [f"broker {other}"]
    assert findings[-1].ok  # the round trip over the one that is there


def test_a_clock_that_is_off_is_a_remark_and_never_wrong() -> None:
    for ahead_s, words in ((-7200.0, "2 hours behind"), (90.0, "90 seconds ahead of")):
        found = next(
            each
            for each in diagnose(facts(clock_synced=False, clock_ahead_s=ahead_s))
            if each.check == "clock"
        )
        assert found.ok
        assert words in found.detail
        assert "Presses don't need it" in all_said(found)
        assert "UDP 123" in all_said(found)


@pytest.mark.parametrize(
    ("dbm", "word"), [(-50, "strong"), (-60, "good"), (-75, "weak"), (-82, "very weak")]
)
def test_a_wifi_signal_is_told_in_words(dbm: int, word: str) -> None:
    wifi = msgspec.structs.replace(WIFI, signal_dbm=dbm)
    found = diagnose(facts(interfaces=(wifi,)))[0]
    assert f"its signal is {word} ({dbm} dBm)" in found.detail
    assert (found.remedy is not None) == (word == "very weak")


def test_a_web_server_of_our_own_is_no_log_in_page() -> None:
    for status, location in ((301, f"https://{NAME.host}/"), (200, None), (302, "/console")):
        answer = WebAnswer(host=NAME.host, status=status, location=location)
        checks = [each.check for each in diagnose(facts(SILENT, web_answer=answer))]
        assert "log-in page" not in checks


def test_a_bridge_or_a_tunnel_that_leads_out_is_no_dead_end() -> None:
    assert dead_end((NO_CABLE,), Gateway(interface="br0", address="192.168.1.1")) is None
    assert dead_end((NO_CABLE,), ROUTER) == "link"
    assert dead_end((NO_CABLE, WIFI), None) is None
    assert dead_end((), None) is None


def test_a_board_without_brokers_is_told_of_its_network_alone() -> None:
    found = diagnose_way(facts(reaches=(), links=()))
    assert [each.check for each in found] == ["link", "address", "gateway", "clock"]
    assert all(each.ok for each in found)
    found = diagnose_way(facts(reaches=(), links=(), interfaces=(NO_CABLE,), gateway=None))
    assert first_wrong(found).check == "link"


def test_a_board_that_can_not_reach_the_server_of_its_claim_is_told_what_to_ask_for() -> None:
    silent = reach(Obstacle.SILENT, port=443)
    found = diagnose_way(facts(reaches=(silent,), links=(), clock_synced=False))
    wrong = first_wrong(found)
    assert wrong.check == f"server {NAME.host}"
    assert wrong.remedy == wording.OF_A_SERVER
    assert wrong.ask == (
        f"Ask the network people to allow outgoing TCP 443 to {NAME.host} ({NAME.addresses[0]})"
    )
    [clock] = [each for each in found if each.check == "clock"]
    assert clock.means == wording.CLOCK_OF_A_CLAIM
    assert diagnose_way(facts(reaches=(reach(),), links=()))[-1].ok
