"""Diagnosis: what the facts about a network mean, in words for whoever looks after the building.

Promise: pure. The findings come in the order in which one thing rests on another, and a thing
that can't work because of an earlier one isn't counted as wrong: it is named as not tried, with
the reason. What went over a layer proves it, whatever the layer says of itself.
"""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from tocsin_button import wording
from tocsin_button.control import Finding, LinkState
from tocsin_button.facts import Facts, Gateway, Interface, Obstacle, Reach, WebAnswer
from tocsin_button.wording import KEEPER

SIGNAL_WORDS = ((-55, "strong"), (-67, "good"), (-75, "weak"))  # dBm and above; below: very weak
SIGNAL_DBM_WEAK = -75
CLOCK_OFF_S = 60.0  # less is neither here nor there for people who read it
SERVER_SILENT_S = 30.0  # wire contract, Lamp: no pulse and no receipt for so long
HTTP_LOGIN_NEEDED = 511  # RFC 6585, 6

_NOT_THERE_YET = {
    Obstacle.PROXY_NAME,
    Obstacle.PROXY_SILENT,
    Obstacle.PROXY_UNREACHABLE,
    Obstacle.NAME,
    Obstacle.SILENT,
    Obstacle.UNREACHABLE,
}
_OF_THE_PROXY = {
    Obstacle.PROXY_NAME,
    Obstacle.PROXY_REFUSED,
    Obstacle.PROXY_SILENT,
    Obstacle.PROXY_UNREACHABLE,
    Obstacle.PROXY_PASSWORD,
    Obstacle.PROXY_ODD,
}
_OF_THE_PORT = {
    Obstacle.PROXY_FORBIDS,
    Obstacle.PROXY_CANNOT,
    Obstacle.REFUSED,
    Obstacle.SILENT,
    Obstacle.UNREACHABLE,
}
_OF_US = {Obstacle.WE_REVOKED, Obstacle.WE_EXPIRED, Obstacle.WE_UNKNOWN, Obstacle.WE_REFUSED}


def diagnose(facts: Facts) -> list[Finding]:
    """Say what was found, in the order in which one thing rests on another."""
    ground = list(_ground(facts))
    broken = next((finding for finding in ground if not finding.ok), None)
    usable = [each for each in facts.reaches if broken is None or is_local(each.host)]
    findings = [*ground, *_names(facts, usable), _clock(facts, online=broken is None)]
    findings += [*_proxy(facts, usable), *_log_in_page(facts, usable)]
    for reach in usable:
        findings += _towards(facts, reach)
    for broker in dict.fromkeys(each.broker for each in usable):
        nodes = [each for each in usable if each.broker == broker]
        findings += _mqtt(facts, broker, nodes)
    if broken is not None and len(usable) < len(facts.reaches):
        what = "names, brokers, TLS, certificate, MQTT, round trip"
        findings.append(_untried(what, because=f"of the {broken.check}"))
    else:
        findings.append(_round_trip(facts))
    return findings


def diagnose_way(facts: Facts) -> list[Finding]:
    """Say the same of the way to a server, for a board that has no brokers yet.

    `facts.reaches` has the server, or nothing where nobody has named one.
    """
    findings = list(_ground(facts))
    broken = next((finding for finding in findings if not finding.ok), None)
    usable = [each for each in facts.reaches if broken is None or is_local(each.host)]
    clock = _clock(facts, online=broken is None)
    if clock.means is not None:
        clock = msgspec.structs.replace(clock, means=wording.CLOCK_OF_A_CLAIM)
    findings += [*_names(facts, usable), clock, *_log_in_page(facts, usable)]
    for reach in usable:
        port = f"server {reach.host}"
        if reach.obstacle in _OF_THE_PORT:
            found = _worded(port, facts, reach)
            findings.append(msgspec.structs.replace(found, remedy=wording.OF_A_SERVER))
        elif reach.obstacle is None:
            detail = f"{_at(reach)} answers at port {reach.port}"
            findings.append(Finding(check=port, ok=True, detail=detail))
    return findings


def dead_end(
    interfaces: Sequence[Interface], gateway: Gateway | None
) -> Literal["link", "address"] | None:
    """What this board lacks, so that nothing beyond it can be tried."""
    if gateway is not None and gateway.interface not in {each.name for each in interfaces}:
        return None  # a bridge or a tunnel leads out
    linked = [each for each in interfaces if each.carrier]
    if interfaces and not linked:
        return "link"
    if linked and not any(map(_usable, linked)):
        return "address"
    return None


def is_local(host: str) -> bool:
    """Whether it is this board itself, which needs no network to be reached."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _usable(interface: Interface) -> bool:
    return any(not ipaddress.ip_address(each).is_link_local for each in interface.addresses)


def _standing(facts: Facts) -> set[str]:
    return {link.url for link in facts.links if link.connected}


def _proven(facts: Facts) -> bool:
    """Somebody beyond this board has answered."""
    standing = _standing(facts)
    return any(
        each.obstacle not in _NOT_THERE_YET or each.broker in standing
        for each in facts.reaches
        if not is_local(each.host) and each.obstacle is not Obstacle.UNTRIED
    )


def _untried(check: str, *, because: str) -> Finding:
    return Finding(check=check, ok=False, detail=f"not tried, because {because}", tried=False)


# What lies under everything: link, address, gateway.


def _ground(facts: Facts) -> Iterator[Finding]:
    if facts.reaches and all(is_local(each.host) for each in facts.reaches):
        yield Finding(check="link", ok=True, detail="not needed: the brokers are on this board")
        return
    proven = _proven(facts)
    lacks = None if proven else dead_end(facts.interfaces, facts.gateway)
    yield _no_link(facts) if lacks == "link" else _link(facts)
    if lacks == "link":
        return
    yield _no_address(facts) if lacks == "address" else _address(facts)
    if lacks is None:
        yield _gateway(facts, proven=proven)


def _no_link(facts: Facts) -> Finding:
    states, remedies = [], []
    for each in facts.interfaces:
        if each.kind == "ethernet":
            states.append(f"no cable in {each.name}, or it is dead at the other end")
            remedies.append(
                "push the network cable in at both ends until it clicks; a light beside the socket "
                "must come on; try another cable, then another socket in the wall"
            )
        elif each.kind == "wifi" and each.blocked:
            states.append(f"the Wi-Fi radio {each.name} is switched off")
            remedies.append(
                "where Wi-Fi is used, choose the country: sudo raspi-config, Localisation"
            )
        elif each.kind == "wifi":
            states.append(f"{each.name} has joined no Wi-Fi")
            remedies.append("where Wi-Fi is used, check its name and password on this board")
        else:
            states.append(f"the modem {each.name} isn't connected")
            remedies.append("where a modem is used, check its SIM card and reception")
    return Finding(
        check="link",
        ok=False,
        detail="; ".join(states),
        means="This button has no network: no press can leave it.",
        remedy="; ".join(dict.fromkeys(remedies)),
        ask="Ask the network people whether this socket is connected and switched on for this "
        f"board{_mac(facts)}",
    )


def _link(facts: Facts) -> Finding:
    linked = [each for each in facts.interfaces if each.carrier]
    weak = any((each.signal_dbm or 0) < SIGNAL_DBM_WEAK for each in linked)
    return Finding(
        check="link",
        ok=True,
        detail="; ".join(map(_described, linked)) or "can't be seen on this board",
        means="Where the Wi-Fi is that weak, a press may be late." if weak else None,
        remedy="use a cable, or move the board or the access point" if weak else None,
    )


def _described(interface: Interface) -> str:
    if interface.kind == "ethernet":
        speed = "" if interface.speed_mbps is None else f", {interface.speed_mbps} Mbit/s"
        return f"the cable is in {interface.name}{speed}"
    if interface.kind == "wifi":
        dbm = interface.signal_dbm
        if dbm is None:
            return f"{interface.name} has joined the Wi-Fi"
        word = next((word for least, word in SIGNAL_WORDS if dbm >= least), "very weak")
        return f"{interface.name} has joined the Wi-Fi; its signal is {word} ({dbm} dBm)"
    return f"the modem {interface.name} is connected"


def _no_address(facts: Facts) -> Finding:
    linked = [each for each in facts.interfaces if each.carrier]
    made_up = [address for each in linked for address in each.addresses]
    names = " and ".join(each.name for each in linked)
    return Finding(
        check="address",
        ok=False,
        detail=f"{names} gave itself {made_up[0]}: nobody handed an address out (DHCP)"
        if made_up
        else f"{names} has no address: nobody has handed one out (DHCP)",
        means="The network is there, but doesn't let this board take part.",
        remedy="unplug the cable, wait ten seconds, plug it in again; try a socket at which "
        "another computer works",
        ask="Ask the network people for DHCP at this socket, and whether they must admit this "
        f"board first{_mac(facts)}",
    )


def _address(facts: Facts) -> Finding:
    known = [
        f"{each.name} has {', '.join(each.addresses)}"
        for each in facts.interfaces
        if each.carrier and each.addresses
    ]
    return Finding(check="address", ok=True, detail="; ".join(known) or "can't be seen")


def _gateway(facts: Facts, *, proven: bool) -> Finding:
    gateway = facts.gateway
    if gateway is None:
        # A broker in this very network needs none; then it was silent, and not out of reach.
        near = any(each.obstacle is Obstacle.SILENT for each in facts.reaches)
        if proven or near:
            return Finding(check="gateway", ok=True, detail="none, and none is needed")
        return Finding(
            check="gateway",
            ok=False,
            detail="this network names no way out of itself (no default gateway)",
            means="The board can speak to its neighbours only, and the brokers are elsewhere.",
            remedy="unplug the cable, wait ten seconds, plug it in again",
            ask="Ask the network people to hand out a default gateway with the address (DHCP)",
        )
    who = gateway.address or f"at the other end of {gateway.interface}"
    if gateway.answers is False and not proven:
        return Finding(
            check="gateway",
            ok=False,
            detail=f"the router {who} doesn't answer",
            means="It is the only way out of this network, so nothing gets out.",
            remedy="see whether other computers here get out; if not, restart the router",
            ask=f"Ask the network people whether {who} is still this network's router, and why it "
            f"doesn't answer this board{_mac(facts)}",
        )
    said = "answers" if proven or gateway.answers else "is named; it can't be asked"
    return Finding(check="gateway", ok=True, detail=f"the router {who} {said}")


def _mac(facts: Facts) -> str:
    """The one name by which a switch or an access point knows this board."""
    macs = [each.mac for each in facts.interfaces if each.mac and each.carrier] or [
        each.mac for each in facts.interfaces if each.mac
    ]
    return f" (hardware address {', '.join(macs)})" if macs else ""


# What serves everybody in between: names, clock, proxy, log-in page.


def _names(facts: Facts, reaches: Sequence[Reach]) -> Iterator[Finding]:
    seen = set()
    for reach in reaches:
        name = reach.name
        if name is None or name.host in seen or name.addresses == (name.host,):
            continue
        seen.add(name.host)
        check = f"name {name.host}"
        if name.failure is not None:
            say = _no_such_name if name.failure == "unknown" else _no_name_server
            yield say(facts, check, name.host)
        elif reach.obstacle is not None and (whose := _misleads(facts, name.addresses)):
            yield Finding(
                check=check,
                ok=False,
                detail=f"the name server says {name.addresses[0]}, and that is {whose}",
                means="The name server of this network doesn't tell the truth: it leads to a "
                "log-in page, or a filter hides the name.",
                remedy="pass the sentence below on",
                ask=f"Ask the network people to have {name.host} resolved to its real address",
            )
        else:
            told = ", ".join(name.addresses)
            yield Finding(check=check, ok=True, detail=f"it is {told}")


def _misleads(facts: Facts, addresses: Sequence[str]) -> str | None:
    first = ipaddress.ip_address(addresses[0])
    if facts.gateway is not None and facts.gateway.address in addresses:
        return "this network's own router"
    if first.is_loopback or first.is_unspecified:
        return "nowhere"
    return None


def _no_such_name(facts: Facts, check: str, host: str) -> Finding:
    return Finding(
        check=check,
        ok=False,
        detail=f"the name server says that there is no such name{_asked(facts)}",
        means="The name is written wrongly, or this network's name server doesn't know it or "
        "hides it.",
        remedy="compare the name with the installation's, letter by letter",
        ask=f"Ask the network people to let their name server resolve {host}",
    )


def _no_name_server(facts: Facts, check: str, host: str) -> Finding:
    if not facts.name_servers:
        detail, ask = (
            "this board knows no name server",
            "Ask the network people to hand out a name server with the address (DHCP)",
        )
    else:
        detail, ask = (
            f"no name server answered{_asked(facts)}",
            "Ask the network people whether the name server at "
            f"{' and '.join(facts.name_servers)} runs, and to allow UDP and TCP 53 to it",
        )
    return Finding(
        check=check,
        ok=False,
        detail=detail,
        means=f"Nobody can tell this button where {host} is.",
        remedy="see whether other computers here can open a web page",
        ask=ask,
    )


def _asked(facts: Facts) -> str:
    return f" ({', '.join(facts.name_servers)})" if facts.name_servers else ""


def _clock(facts: Facts, *, online: bool) -> Finding:
    """Never wrong: nothing that a press needs goes by this board's clock."""
    ahead_s = facts.clock_ahead_s
    off = ahead_s is not None and abs(ahead_s) >= CLOCK_OFF_S
    told = {True: "set by a time server", False: "no time server has set it", None: "not known"}
    detail = told[facts.clock_synced]
    if ahead_s is not None:
        way = "ahead of" if ahead_s > 0 else "behind"
        detail += f"; {_span(abs(ahead_s))} {way} the server's" if off else "; it is right"
    remark = online and (facts.clock_synced is False or off)
    return Finding(
        check="clock",
        ok=True,
        detail=detail,
        means="Presses don't need it. While it isn't set, dates of certificates aren't looked at."
        if remark
        else None,
        ask="Ask the network people to allow outgoing UDP 123 (NTP), or to name their time server"
        if remark
        else None,
    )


def _span(seconds: float) -> str:
    for unit, of_s in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * of_s:
            return f"{seconds / of_s:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def _proxy(facts: Facts, reaches: Sequence[Reach]) -> Iterator[Finding]:
    if facts.proxy is None or not reaches:
        return
    stopped = next((each for each in reaches if each.obstacle in _OF_THE_PROXY), None)
    if stopped is None:
        yield Finding(check="proxy", ok=True, detail=f"{facts.proxy} lets us through")
    else:
        yield _worded("proxy", facts, stopped)


def _log_in_page(facts: Facts, reaches: Sequence[Reach]) -> Iterator[Finding]:
    page = next((each for each in reaches if each.obstacle is Obstacle.HTTP), None)
    if page is not None:
        detail = f"a web page answers at {_at(page)}, port {page.port} ({page.said})"
    elif facts.web_answer is not None and _leads_astray(facts.web_answer):
        detail = f"who asks {facts.web_answer.host} for a page is sent to " + (
            facts.web_answer.location or "a log-in page"
        )
    else:
        return
    yield Finding(
        check="log-in page",
        ok=False,
        detail=detail,
        means="This network shows a log-in page, or inspects traffic, before it lets anybody out. "
        "A button can't fill in a page.",
        remedy="pass the sentence below on; meanwhile use a network without such a page",
        ask=f"Ask the network people to admit this board{_mac(facts)} without the log-in page",
    )


def _leads_astray(answer: WebAnswer) -> bool:
    """A redirect to another host than the one that was asked; or the status made for it."""
    if answer.status == HTTP_LOGIN_NEEDED:
        return True
    location = answer.location or ""
    elsewhere = "://" in location and location.split("://", 1)[1].split("/", 1)[0]
    return 300 <= answer.status < 400 and bool(elsewhere) and answer.host not in str(elsewhere)


# Each broker.


def _towards(facts: Facts, reach: Reach) -> Iterator[Finding]:
    """Port, TLS, certificate: what was met first, and what went well before it."""
    port, tls, ours = f"broker {reach.url}", f"tls {reach.url}", f"certificate at {reach.url}"
    obstacle = reach.obstacle
    if obstacle is None and reach.broker in _standing(facts) and reach.name is None:
        yield Finding(check=port, ok=True, detail="the link stands")
        return
    if obstacle is Obstacle.NAME:
        yield _untried(port, because="its name has no address")
        return
    if obstacle in _OF_THE_PROXY:
        yield _untried(port, because="of the proxy")
        return
    if obstacle in _OF_THE_PORT:
        yield _worded(port, facts, reach)
        yield _untried(f"TLS, certificate and MQTT at {reach.url}", because="of the port")
        return
    yield Finding(check=port, ok=True, detail=f"{_at(reach)} answers at port {reach.port}")
    if obstacle is Obstacle.HTTP:
        yield _untried(f"TLS, certificate and MQTT at {reach.url}", because="of the log-in page")
        return
    if obstacle is not None and obstacle not in _OF_US and obstacle is not Obstacle.WEBSOCKET:
        yield _worded(tls, facts, reach)
        yield _untried(f"certificate and MQTT at {reach.url}", because="of TLS")
        return
    if reach.tls is not None or obstacle in _OF_US:
        yield Finding(check=tls, ok=True, detail=f"{reach.tls or 'TLS'} with our own broker")
    if obstacle is Obstacle.WEBSOCKET:
        yield _worded(f"websocket {reach.url}", facts, reach)
    elif obstacle is not None:
        yield _worded(ours, facts, reach)
    elif reach.tls is not None:
        yield Finding(check=ours, ok=True, detail="the broker accepts this button's certificate")


def _mqtt(facts: Facts, broker: str, nodes: Sequence[Reach]) -> Iterator[Finding]:
    check = f"mqtt {broker}"
    link = next((each for each in facts.links if each.url == broker), None)
    if link is not None and link.connected:
        yield Finding(check=check, ok=True, detail="the broker has let this button in")
    elif all(each.obstacle is not None for each in nodes):
        return  # said already
    elif link is None:
        yield _untried(check, because=facts.links_untried or "nobody tried")
    else:
        yield _not_let_in(check, link)


def _not_let_in(check: str, link: LinkState) -> Finding:
    trouble = link.trouble or "it is only just being tried"
    means, remedy = next(said for begins, *said in _TROUBLES if trouble.startswith(begins))
    return Finding(check=check, ok=False, detail=trouble, means=means, remedy=remedy)


_TROUBLES = (
    (
        "the broker refused a subscription",
        "The broker lets this button in, but not to its own messages: no receipt could come.",
        f"{KEEPER}: the broker's access list (acl) isn't the shipped one",
    ),
    (
        "the broker refused",
        "The broker knows this button's certificate, and doesn't admit the button.",
        f"{KEEPER}: is this button denied, or its access list (acl) not the shipped one?",
    ),
    (
        "no answer",
        "The broker takes the connection and doesn't answer: it is overloaded, or hangs.",
        f"{KEEPER}: the broker should be looked at, or restarted",
    ),
    (
        "",
        "The broker lets the connection go again. Perhaps it doesn't admit this button, or another "
        "board carries a copy of this button's card.",
        f"{KEEPER}: what does the broker's log say of this button?",
    ),
)


def _round_trip(facts: Facts) -> Finding:
    heard_s = facts.server_heard_s_ago
    if heard_s is not None and heard_s < SERVER_SILENT_S:
        return Finding(
            check="round trip",
            ok=True,
            detail=f"the server's signed pulse came {heard_s:.0f} s ago: what a server sends "
            "reaches this button (no press was sent)",
        )
    if not _standing(facts):
        return _untried("round trip", because="no broker has let this button in")
    return Finding(
        check="round trip",
        ok=False,
        detail="no server's signed pulse was heard within 25 s; one comes every 10 s",
        means="The broker is there, but no Tocsin server behind it: a press would wait without "
        "anybody knowing. In danger, call 911 by phone.",
        remedy=f"{KEEPER}: does it run, is it connected to this broker, and is its key the one in "
        "receipt_keys.json?",
    )


# Words.


def _at(reach: Reach) -> str:
    if reach.name is None or reach.name.addresses in {(), (reach.host,)}:
        return reach.host
    return f"{reach.host} ({', '.join(reach.name.addresses)})"


def _worded(check: str, facts: Facts, reach: Reach) -> Finding:
    assert reach.obstacle is not None  # noqa: S101 (who calls has looked)
    words = wording.WORDS[reach.obstacle]
    shown = reach.shown
    if reach.obstacle is Obstacle.FOREIGN and shown is not None and "CN=Tocsin " in shown.issuer:
        words = wording.OTHER_INSTALLATION
    known = {
        "host": reach.host,
        "port": str(reach.port),
        "at": _at(reach),
        "said": reach.said or "without a word",
        "proxy": facts.proxy or "",
        "mac": _mac(facts),
        "other_port": "" if reach.port == 443 else "; port 443 (wss://) is open in most networks",
        "issuer": "" if shown is None else f", issued by '{shown.issuer}'",
        "names": "" if shown is None else f"; it is for {', '.join(shown.names) or 'none'}",
        "until": "" if shown is None else f" since {shown.valid_until:%Y-%m-%d}",
        "since": "" if shown is None else f", but from {shown.valid_from:%Y-%m-%d}",
        "today": f"{facts.now:%Y-%m-%d}",
    }
    fill: Callable[[str], str] = lambda text: text.format(**known)  # noqa: E731
    return Finding(
        check=check,
        ok=False,
        detail=fill(words.detail),
        means=fill(words.means),
        remedy=fill(words.remedy),
        ask=None if words.ask is None else fill(words.ask),
    )
