"""Doctor: everything that can be wrong with this button, from its pins to a server's pulse.

Promise: a running agent keeps its links. It is asked how they are, and nothing is tried here that
a broker could take for this button: no MQTT. Only without an agent, and with its state folder
locked, does this process connect in its place. No press is sent, ever.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import msgspec
import structlog

from tocsin_button import agent, clock, diagnosis, materials, probes, reach, selftest
from tocsin_button.config import Broker, Config
from tocsin_button.control import AgentState, Caller, Finding
from tocsin_button.errors import AgentAbsent, BadConfig, StateTaken
from tocsin_button.facts import Facts, Obstacle, Reach, WebAnswer
from tocsin_button.materials import Materials
from tocsin_button.reach import Way
from tocsin_button.state_folder import hold_state

PULSE_WITHIN_S = 25.0  # a replica pulses every 10 s; one may be lost
ASK_AGAIN_S = 0.2
PROBES_MAX = 64  # at once; a config has 8 brokers of 7 addresses at the most

# What the agent says of its network in its own words; the diagnosis says it better.
_OF_THE_NETWORK = ("broker ", "server")
_NO_SERVER = "no server"

_MAY_BE_A_PAGE = {
    Obstacle.REFUSED,
    Obstacle.SILENT,
    Obstacle.NOT_TLS,
    Obstacle.HANDSHAKE_SILENT,
    Obstacle.HANDSHAKE_CUT,
    Obstacle.FOREIGN,
}


def examine(config: Config) -> list[Finding]:
    """Look at all of it. Takes up to a minute where nothing answers."""
    try:
        with Caller(config.control_path) as caller:
            return _beside(caller, config)
    except AgentAbsent as error:
        absent = Finding(
            check="agent",
            ok=False,
            detail=str(error).partition(": ")[0],
            means="The program that watches the button isn't running, or hangs: no press is sent.",
            remedy="'systemctl start tocsin-button', then look at 'journalctl -u tocsin-button'",
        )
    return [absent, *_instead(config)]


def look(brokers: Iterable[Broker], *, way: Way, standing: frozenset[str] = frozenset()) -> Facts:
    """Gather what can be known of the network without a word of MQTT. Blocks for 25 s at most.

    `standing` are brokers to which a link stands: what it goes over needs no probe. Only a cable
    that is out tells more than a link, which takes a while to notice.
    """
    brokers = list(brokers)
    interfaces, route = probes.interfaces(), probes.default_route()
    lacks = diagnosis.dead_end(interfaces, route)
    lost = lacks == "link" or (lacks == "address" and not standing)
    with ThreadPoolExecutor(PROBES_MAX) as pool:
        asked = pool.submit(probes.ask_gateway, route)
        probed = [
            pool.submit(_probe, node, of=broker, way=way, standing=standing, lost=lost)
            for broker in brokers
            for node in broker.nodes
        ]
        reaches, gateway = tuple(each.result() for each in probed), asked.result()
        out = way.proxy is None and (gateway is None or gateway.answers is not False)
        return Facts(
            interfaces=interfaces,
            gateway=gateway,
            name_servers=probes.name_servers(),
            proxy=way.proxy,
            reaches=reaches,
            web_answer=_ask_web(reaches) if out else None,
            clock_synced=way.clock_synced,
            now=datetime.now(UTC),
        )


def _probe(node: Broker, *, of: Broker, way: Way, standing: frozenset[str], lost: bool) -> Reach:
    untold = Reach(broker=of.url, url=node.url, host=node.host, port=node.port)
    if lost and not diagnosis.is_local(node.host):
        return msgspec.structs.replace(untold, obstacle=Obstacle.UNTRIED)
    if of.url in standing and len(of.nodes) == 1:
        return untold
    return reach.probe(node, of=of, way=way)


def _ask_web(reaches: Iterable[Reach]) -> WebAnswer | None:
    """Port 80 of the first broker in whose place a log-in page may stand."""
    for each in reaches:
        addresses = () if each.name is None else each.name.addresses
        if each.obstacle in _MAY_BE_A_PAGE and addresses and not diagnosis.is_local(addresses[0]):
            return reach.ask_web(each.host, addresses[0])
    return None


def _way(config: Config) -> Way:
    return Way(
        tls=materials.tls_files(config),
        clock_synced=clock.clock_synced(),
        proxy=config.proxy,
        resolve=reach.resolve,
    )


def _beside(caller: Caller, config: Config) -> list[Finding]:
    """With an agent that runs."""
    state = caller.state()
    findings = [
        Finding(check="agent", ok=False, detail=fault, remedy=selftest.remedy_for(fault))
        for fault in state.faults
        if not fault.startswith(_NO_SERVER)
    ]
    findings += [each for each in caller.selftest() if not each.check.startswith(_OF_THE_NETWORK)]
    standing = frozenset(link.url for link in state.links if link.connected)
    facts = look(config.brokers, way=_way(config), standing=standing)
    state = _until_heard(caller)
    facts = msgspec.structs.replace(
        facts,
        links=tuple(state.links),
        server_heard_s_ago=state.server_heard_s_ago,
        clock_ahead_s=state.clock_ahead_s,
    )
    return [*findings, *diagnosis.diagnose(facts)]


def _until_heard(caller: Caller) -> AgentState:
    """Give the agent's state, after the next pulse where a link stands and none came lately."""
    until_s = time.monotonic() + PULSE_WITHIN_S
    while True:
        state = caller.state()
        heard_s = state.server_heard_s_ago
        fresh = heard_s is not None and heard_s < agent.SERVER_SILENT_S
        stands = any(link.connected for link in state.links)
        if fresh or not stands or time.monotonic() >= until_s:
            return state
        time.sleep(ASK_AGAIN_S)


def _instead(config: Config) -> list[Finding]:
    """Without an agent: in its place, while nobody else can take it."""
    try:
        loaded = materials.load(config)
        with hold_state(config.state_path):
            findings = selftest.check_pins(config)
            findings += selftest.check_files(config, loaded, now=datetime.now(UTC))
            facts = look(config.brokers, way=_way(config))
            if any(each.obstacle is None for each in facts.reaches):
                facts = asyncio.run(_listened(config, loaded, facts))
            return [*findings, *diagnosis.diagnose(facts)]
    except StateTaken as error:
        bad, why = [str(error)], "another process has this button's state folder"
    except BadConfig as error:
        bad, why = error.problems, "this button's keys can't be used"
    facts = msgspec.structs.replace(look(config.brokers, way=_way(config)), links_untried=why)
    return [
        *(Finding(check="agent", ok=False, detail=each) for each in bad),
        *diagnosis.diagnose(facts),
    ]


async def _listened(config: Config, loaded: Materials, facts: Facts) -> Facts:
    # What the links would log is told by the findings.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    heard = await selftest.listen(config, loaded, within_s=PULSE_WITHIN_S)
    return msgspec.structs.replace(
        facts,
        links=heard.links,
        server_heard_s_ago=None if heard.ahead_s is None else 0.0,
        clock_ahead_s=heard.ahead_s,
    )
