"""Three RabbitMQ nodes on loopback, with the shipped configuration.

Promise: each node is Debian's RabbitMQ with the files of broker_config/rabbitmq/ as they stand;
only `cluster.conf`, the one file that is the deployment's own, is written here (names, ports, where
the certificates are). A node has a folder of its own, and its name server too (epmd), so that
nothing of it meets another RabbitMQ on the same machine. Nodes end by their process ids.
"""

import asyncio
import os
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tocsin_server.demo.child import Child
from tocsin_server.demo.postgres import free_port

SHIPPED = Path(__file__).resolve().parents[2] / "broker_config" / "rabbitmq"
PROGRAMS = Path("/usr/lib/rabbitmq/bin")
NODES = 3
ERLANG = "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"
START_S_MAX = 120.0  # three times 10 s of processor time, on a busy machine
ASK_AGAIN_S = 0.05
EPMD_ENDS_S_MAX = 5.0


class Node:
    """One node of the cluster."""

    def __init__(self, folder: Path, *, number: int, environment: dict[str, str]) -> None:
        self.folder = folder
        self.name = f"tocsin{number}@localhost"
        # What it says to other nodes comes from here, so that it can be cut off from them.
        self._address = f"127.0.1.{number}"
        self.port = free_port()
        self.distribution_port = free_port()
        self.log = folder.with_suffix(".log")
        connect_from = f"[{{ip,{{{self._address.replace('.', ',')}}}}}]"
        erlang = f"{environment[ERLANG]} -kernel inet_dist_connect_options {connect_from}"
        self._environment = environment | {
            ERLANG: erlang,
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_CONFIG_FILES": str(folder / "conf.d"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }
        self._child: Child | None = None

    @property
    def url(self) -> str:
        return f"mqtts://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the Erlang machine itself."""
        assert self._child is not None
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    async def start(self) -> None:
        """Return when it takes connections."""
        self.launch()
        await self.until_open()

    def launch(self) -> None:
        """Begin to start; see `until_open`."""
        self._child = Child.start(
            self.name, [PROGRAMS / "rabbitmq-server"], log=self.log, environment=self._environment
        )

    async def until_open(self) -> None:
        """Return when it takes connections."""
        assert self._child is not None
        async with asyncio.timeout(START_S_MAX):
            while not self.is_open():
                if not self._child.running:
                    raise self._child.failure("would not start")
                await asyncio.sleep(ASK_AGAIN_S)

    def is_open(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    async def kill(self) -> None:
        """SIGKILL, as a pulled plug."""
        assert self._child is not None
        await self._child.kill()

    async def end(self) -> None:
        """Whatever state it is in."""
        if self._child is not None:
            await self._child.kill()

    def pause(self) -> None:
        assert self._child is not None
        self._child.send(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._child is not None
        self._child.send(signal.SIGCONT)

    def cut_off(self) -> None:
        """Drop what goes between it and the other nodes, not what goes to its clients. As root."""
        self._filter("-I")

    def rejoin(self) -> None:
        self._filter("-D")

    def _filter(self, action: str) -> None:
        port = str(self.distribution_port)
        for where in (
            ("-p", "tcp", "--dport", port),
            ("-p", "tcp", "--sport", port),
            ("-s", self._address),
            ("-d", self._address),
        ):
            rule = ["iptables", "-w", action, "INPUT", "-i", "lo", *where, "-j", "DROP"]
            subprocess.run(rule, check=True)

    def ctl(self, *arguments: str) -> str:
        """What `rabbitmqctl` says of this node. Takes 2 s of processor time."""
        return subprocess.run(
            [PROGRAMS / "rabbitmqctl", *arguments],
            env=os.environ | self._environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout


class Cluster:
    """Three nodes for one deployment."""

    def __init__(self, folder: Path, *, deployment: Path) -> None:
        self.folder = folder
        self.deployment = deployment
        self._epmd: Child | None = None
        self._epmd_port = free_port()
        for each in (folder, folder / "home", folder / "tocsin"):
            each.mkdir(parents=True, exist_ok=True)
        cookie = folder / "home" / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        access = SHIPPED / "tocsin_mqtt_access.erl"
        subprocess.run(["erlc", "-o", folder / "tocsin", access], check=True)
        self.write_definitions()
        environment = {
            "HOME": str(folder / "home"),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RUNNING_UNDER_SYSTEMD": "true",  # as its unit runs it: no shell in between
            "RABBITMQ_CONF_ENV_FILE": str(SHIPPED / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(SHIPPED / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(SHIPPED / "enabled_plugins"),
            ERLANG: f"-pa {folder / 'tocsin'}",
        }
        self.nodes = [
            Node(folder / f"node{number}", number=number, environment=environment)
            for number in range(1, NODES + 1)
        ]
        for node in self.nodes:
            self._configure(node)

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]

    async def start(self) -> None:
        """Return when all three take connections."""
        self._epmd = Child.start(
            "epmd",
            ["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"],
            log=self.folder / "epmd.log",
        )
        # One by one, as README.md has it: nodes that form a cluster at the same moment may wait
        # for each other for minutes. Once they know each other they may start together.
        for node in self.nodes:
            await node.start()

    def node_of(self, client_id: str) -> Node:
        """The node that took this client in last."""
        accepted = f"client id: {client_id})"

        def last(node: Node) -> str:
            lines = node.log.read_text(errors="replace").splitlines()
            return max((line[:26] for line in lines if accepted in line), default="")

        return max(self.nodes, key=last)

    async def repair(self) -> None:
        """Start what was killed, wake what was paused; return when all three take connections."""
        for node in self.nodes:
            node.resume()
            if not node.running:
                node.launch()
        for node in self.nodes:
            await node.until_open()

    async def stop(self) -> None:
        """Nobody's data is worth a slow farewell."""
        for node in self.nodes:
            await node.end()
        if self._epmd is not None:
            await self._epmd.kill()

    def write_definitions(self) -> Path:
        """Say who the users are now, with the shipped script."""
        file = self.folder / "tocsin" / "definitions.json"
        script = [sys.executable, str(SHIPPED / "definitions.py"), str(self.deployment)]
        file.write_bytes(subprocess.run(script, check=True, capture_output=True).stdout)
        return file

    def _configure(self, node: Node) -> None:
        """Write the deployment's own file; every other is the shipped one."""
        broker = self.deployment / "broker"
        values = {
            "mqtt.listeners.ssl.default": f"127.0.0.1:{node.port}",
            "ssl_options.cacertfile": broker / "ca.crt",
            "ssl_options.certfile": broker / "broker.crt",
            "ssl_options.keyfile": broker / "broker.key",
            "load_definitions": self.folder / "tocsin" / "definitions.json",
            "distribution.listener.interface": "127.0.0.1",
            "cluster_formation.discovery_retry_limit": 1,  # the first node has nobody to find
            "distribution.listener.port_range.min": node.distribution_port,
            "distribution.listener.port_range.max": node.distribution_port,
        }
        for number, each in enumerate(self.nodes, start=1):
            values[f"cluster_formation.classic_config.nodes.{number}"] = each.name
        (conf_d := node.folder / "conf.d").mkdir(parents=True)
        lines = [f"{key} = {value}" for key, value in values.items()]
        (conf_d / "cluster.conf").write_text("\n".join(lines) + "\n")
