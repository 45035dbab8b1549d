"""A broker in pure Python (amqtt), for looking at Tocsin where Mosquitto isn't installed.

Promise: the same certificates, and the same `acl` file, as Mosquitto reads them: TLS 1.2 or
later, a client certificate of the deployment's own authority, the common name as user name, topics
checked when publishing, subscribing and receiving, wills included.

Refused: a client id other than the certificate's common name; anything the `acl` doesn't grant.

For evaluation only, and it says so when it starts. It loses QoS 1 messages under a flood (the
buttons send them again), knows no limits of size or number, and drops the session of a client
whose id another certified client claims before it refuses that one.

    python -m tocsin_server.demo.embedded_broker DEPLOYMENT/broker --port 8883
"""

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext, BrokerConfig, ListenerConfig
from amqtt.errors import AMQTTError
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

READY = "the embedded broker is ready"
_MODULE = "tocsin_server.demo.embedded_broker"  # also where this file runs as __main__
_ACCESS = ("read", "write", "deny")
_NEEDS = {Action.PUBLISH: "write", Action.SUBSCRIBE: "read", Action.RECEIVE: "read"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the acl: for one user, or for everybody with the name put in for %u."""

    user: str | None
    access: str
    topic: str

    def covers(self, user: str, requested: str) -> bool:
        """Whether every topic the request can mean is this rule's."""
        if self.user is not None and self.user != user:
            return False
        ours = [user if level == "%u" else level for level in self.topic.split("/")]
        theirs = requested.split("/")
        if ours[-1] == "#":
            ours, theirs = ours[:-1], theirs[: len(ours) - 1]
        return len(ours) == len(theirs) and all(
            our == their or (our == "+" and their != "#")
            for our, their in zip(ours, theirs, strict=True)
        )


def read_acl(text: str) -> tuple[Rule, ...]:
    """Read an acl file in the form the shipped one has. Raises ValueError for another."""
    rules: list[Rule] = []
    user: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        match line.split():
            case ["user", name]:
                user = name
            case ["topic", access, topic] if user is not None and access in _ACCESS:
                rules.append(Rule(user, access, topic))
            case ["pattern", access, topic] if access in _ACCESS:
                rules.append(Rule(None, access, topic))
            case [word, *_] if not word.startswith("#"):
                raise ValueError(f"line {number} of the acl is none that is known here: {line}")
    return tuple(rules)


def granted(rules: Iterable[Rule], user: str, action: Action, topic: str) -> bool:
    """A user's own lines decide before everybody's, and a denial before a grant."""
    covering = [rule for rule in rules if rule.covers(user, topic)]
    own = {rule.access for rule in covering if rule.user is not None}
    everybodys = {rule.access for rule in covering if rule.user is None}
    needed = _NEEDS[action]
    if "deny" in own or needed in own:
        return "deny" not in own
    return "deny" not in everybodys and needed in everybodys


class CertificateIsIdentity(BaseAuthPlugin):  # type: ignore[misc]  # amqtt is untyped
    """User name and client id are the common name in the client's certificate."""

    @dataclass
    class Config:
        """Where the acl is: it holds for the will, too, that a client leaves with the broker."""

        acl_file: str

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._rules = read_acl(Path(self.config.acl_file).read_text())

    async def authenticate(self, *, session: Session) -> bool | None:
        certificate = session.ssl_object.getpeercert() if session.ssl_object else None
        session.username = _common_name(certificate) if certificate else None
        if session.username is None or session.client_id != session.username:
            return False
        if session.will_flag:
            return granted(self._rules, session.username, Action.PUBLISH, session.will_topic or "")
        return True


class AccessControl(BaseTopicPlugin):  # type: ignore[misc]  # amqtt is untyped
    """The topics that the acl grants."""

    @dataclass
    class Config:
        """Where the acl is."""

        acl_file: str

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._rules = read_acl(Path(self.config.acl_file).read_text())

    async def topic_filtering(
        self,
        *,
        session: Session | None = None,
        topic: str | None = None,
        action: Action | None = None,
    ) -> bool | None:
        if session is None or not session.username or not topic or action is None:
            return False
        return granted(self._rules, session.username, action, topic)


async def serve(folder: Path, *, port: int, bind: str) -> None:
    """Run until SIGTERM or SIGINT. Raises AMQTTError, OSError or ValueError."""
    acl = {"acl_file": str(folder / "acl")}
    listener = ListenerConfig(
        bind=f"[{bind}]:{port}" if ":" in bind else f"{bind}:{port}",
        ssl=True,
        cafile=folder / "ca.crt",
        certfile=folder / "broker.crt",
        keyfile=folder / "broker.key",
    )
    config = BrokerConfig(
        listeners={"default": listener},
        plugins={f"{_MODULE}.CertificateIsIdentity": acl, f"{_MODULE}.AccessControl": acl},
    )
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    broker = Broker(config)
    await broker.start()
    print(f"for evaluation only, it loses messages under load: {READY}", flush=True)
    await ended.wait()
    await broker.shutdown()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bind", default="127.0.0.1")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(serve(options.folder, port=options.port, bind=options.bind))
    except (AMQTTError, OSError, ValueError) as error:
        print(f"the embedded broker can't run: {error}", file=sys.stderr)
        return 1
    return 0


def _common_name(certificate: Mapping[str, object]) -> str | None:
    """As ssl.SSLSocket.getpeercert spells it: a tuple of relative names, each one of pairs."""
    match certificate.get("subject"):
        case (*_, (("commonName", str(name)),)):
            return name
    return None


if __name__ == "__main__":
    sys.exit(main())
