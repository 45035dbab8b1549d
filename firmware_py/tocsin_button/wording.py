"""Wording: what is said of each obstacle on the way to a broker, to somebody who keeps a building.

Each says what was found, what it means, what to do, and where others must act, a sentence to pass
on to them. No word of a protocol that isn't explained by the words around it.
"""

from typing import NamedTuple

from tocsin_button.facts import Obstacle


class Words(NamedTuple):
    """What is said of an obstacle. Filled in: {host}, {port}, {at}, {said}, {proxy}, …"""

    detail: str
    means: str
    remedy: str
    ask: str | None = None


ASK = "Ask the network people "  # how each sentence begins that is to be passed on
SHEET = (
    "All that buttons need of a network is on a sheet for them: whoever runs the Tocsin server "
    "prints it with 'tocsin site network-page'."
)
KEEPER = "tell whoever runs the Tocsin server"
_ALLOW = "Ask the network people to allow outgoing TCP {port} to {at}"
_SPARE = (
    "Ask the network people to exempt TCP {port} to {at} from inspection: it must arrive as it "
    "was sent"
)

WORDS = {
    Obstacle.PROXY_NAME: Words(
        "the proxy of button.toml, {proxy}, has no address ({said})",
        "The name of the proxy is written wrongly, or this network doesn't know it.",
        "correct 'proxy' in button.toml; take the line out where no proxy is needed",
        "Ask the network people for the proxy's name and port",
    ),
    Obstacle.PROXY_REFUSED: Words(
        "the proxy {proxy} refuses the connection",
        "There is such a machine, but no proxy at this port.",
        "correct the port of 'proxy' in button.toml",
        "Ask the network people for the proxy's name and port, and whether it runs",
    ),
    Obstacle.PROXY_SILENT: Words(
        "the proxy {proxy} doesn't answer",
        "It is switched off, or this network doesn't let this board speak to it.",
        "see whether other computers here get out through it",
        "Ask the network people whether the proxy runs, and to let this board use it",
    ),
    Obstacle.PROXY_UNREACHABLE: Words(
        "there is no way to the proxy {proxy}: {said}",
        "This network doesn't lead to it.",
        "correct 'proxy' in button.toml; take the line out where no proxy is needed",
        "Ask the network people for the proxy of this network",
    ),
    Obstacle.PROXY_PASSWORD: Words(
        "the proxy {proxy} wants a password ({said})",
        "A button gives no password; it shows its own certificate to the broker.",
        "pass the sentence below on",
        "Ask the network people to let this board{mac} through the proxy without a password, to "
        "{at}, TCP {port}",
    ),
    Obstacle.PROXY_ODD: Words(
        "what answers at {proxy} is no proxy that can be used: {said}",
        "The address in button.toml is another machine's, or another kind of proxy's.",
        "correct 'proxy' in button.toml: http:// or socks5://, name and port",
        "Ask the network people for the name, port and kind of the proxy",
    ),
    Obstacle.PROXY_FORBIDS: Words(
        "the proxy forbids the way to {host}, port {port} ({said})",
        "It lets out only what is on its list; many let out port 443 alone.",
        "ask " + KEEPER.removeprefix("tell ") + " whether the broker has a wss:// address on 443",
        "Ask the network people to allow CONNECT to {host}:{port} at the proxy",
    ),
    Obstacle.PROXY_CANNOT: Words(
        "the proxy can't reach {host}, port {port} ({said})",
        "The proxy lets us out, but comes no further itself.",
        f"{KEEPER}: does the broker run?",
        "Ask the network people whether the proxy may connect to {host}:{port}",
    ),
    Obstacle.REFUSED: Words(
        "{at} refuses port {port}",
        "The machine is there, but nothing listens at this port; or a firewall turns us away.",
        f"{KEEPER}: does the broker run? Is the port in button.toml right?",
        _ALLOW,
    ),
    Obstacle.SILENT: Words(
        "no answer from {at}, port {port}",
        "A firewall swallows the connection without a word, or the machine is switched off.",
        "pass the sentence below on; " + KEEPER + " too{other_port}",
        _ALLOW,
    ),
    Obstacle.UNREACHABLE: Words(
        "there is no way to {at}, port {port}: {said}",
        "This network doesn't lead there, or a firewall says so.",
        "look whether the button is plugged into the right network",
        _ALLOW,
    ),
    Obstacle.NOT_TLS: Words(
        "what answers at {at}, port {port}, is no broker with TLS",
        "Another program has this port, or something in between answers.",
        "compare the address in button.toml with the installation's",
        _SPARE,
    ),
    Obstacle.HANDSHAKE_SILENT: Words(
        "port {port} of {at} opens, and then nobody speaks",
        "A firewall lets a connection begin and then swallows it, or the broker hangs.",
        f"{KEEPER}: does the broker still answer?",
        _SPARE,
    ),
    Obstacle.HANDSHAKE_CUT: Words(
        "the connection to {at}, port {port}, was cut at the first words ({said})",
        "A firewall cuts what it doesn't know, or the broker is just restarting.",
        f"try again in a minute; then {KEEPER}",
        _SPARE,
    ),
    Obstacle.OLD_TLS: Words(
        "{at}, port {port}, speaks only an old TLS ({said})",
        "Something old answers, which a button doesn't trust: TLS 1.2 is the least.",
        f"{KEEPER}: the broker's TLS must be 1.2 or newer",
        _SPARE,
    ),
    Obstacle.FOREIGN: Words(
        "a stranger's certificate is shown at {at}, port {port}{issuer}",
        "Somebody in between answers in the broker's place: a firewall that inspects traffic, or "
        "a log-in page. The button speaks to nobody but its own broker.",
        "pass the sentence below on",
        _SPARE,
    ),
    Obstacle.WRONG_NAME: Words(
        "the broker's certificate isn't for the name {host}{names}",
        "It is this installation's broker, but not known under this name.",
        f"use one of its names in button.toml, or {KEEPER}: the certificate lacks this one",
    ),
    Obstacle.EXPIRED: Words(
        "the broker's certificate is out of date{until}; this button's clock says {today}",
        "If the clock is right, the broker needs a new certificate. If it is wrong, only the "
        "clock has to be set.",
        f"compare the clock with your watch. Is it right, {KEEPER}",
    ),
    Obstacle.NOT_YET_VALID: Words(
        "the broker's certificate isn't valid yet{since}; this button's clock says {today}",
        "This button's clock is most likely behind.",
        "compare the clock with your watch, and set it: sudo date -s '2030-01-31 12:00'",
    ),
    Obstacle.TLS: Words(
        "no secure connection to {at}, port {port}: {said}",
        "The broker and this button don't agree on how to speak securely.",
        f"{KEEPER}, word for word",
    ),
    Obstacle.OUR_FILES: Words(
        "this button's own certificate can't be used: {said}",
        "Without it no broker lets the button in.",
        "copy ca.crt, client.crt and client.key anew from what 'tocsin device add' made",
    ),
    Obstacle.WE_REVOKED: Words(
        "the broker says that this button's certificate was revoked",
        "Somebody reported this button as lost or stolen, or took it out of service.",
        f"{KEEPER}; the button needs a new folder from 'tocsin device add'",
    ),
    Obstacle.WE_EXPIRED: Words(
        "the broker says that this button's certificate is out of date",
        "It has lain unused for years, or the broker's clock is wrong.",
        f"{KEEPER}: the button needs a new certificate, if the broker's clock is right",
    ),
    Obstacle.WE_UNKNOWN: Words(
        "the broker doesn't know who issued this button's certificate",
        "The button belongs to another installation than this broker, or its files are mixed up.",
        "copy all files anew from one folder that 'tocsin device add' made",
    ),
    Obstacle.WE_REFUSED: Words(
        "the broker refuses this button's certificate ({said})",
        "It doesn't admit this button.",
        f"{KEEPER}: what does the broker's log say of this button?",
    ),
    Obstacle.WEBSOCKET: Words(
        "{at}, port {port}, has no WebSocket for MQTT there ({said})",
        "A web server answers, but doesn't pass this button on to the broker.",
        f"compare the address in button.toml with the installation's, or {KEEPER}",
        "Ask the network people to let WebSockets through to {at}, TCP {port}",
    ),
}
CLOCK_OF_A_CLAIM = "Until it is right, the server's certificate may be taken for out of date."
OF_A_SERVER = (
    "compare the address with the one that was shown with the code; if it is right, pass the "
    "sentence below on"
)
OTHER_INSTALLATION = Words(
    "the broker at {at}, port {port}, is another installation's{issuer}",
    "This button and this broker don't belong together.",
    "compare the address in button.toml with the installation's; or copy ca.crt anew from what "
    "'tocsin device add' made",
)
