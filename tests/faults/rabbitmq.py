"""Faults of a RabbitMQ cluster that is the only broker: a node killed, stopped, cut off.

The stand is the usual one, but for its broker: three nodes with the shipped configuration, which
every button and every replica has as one broker with three addresses, with sessions it keeps.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.faults.fault import Fault, row
from tests.faults.stand import Arrangement
from tests.parts import Deployment
from tests.rabbitmq import walk
from tests.rabbitmq.cluster import Cluster, Node
from tocsin_server.demo.virtual_button import VirtualButton

STOPPED_S = 20.0


class Clustered(Deployment):
    """A deployment without a Mosquitto; its buttons are users before the nodes start."""

    def __init__(self, folder: Path, *, buttons: int) -> None:
        super().__init__(folder, brokers=0)
        self.cluster = Cluster(folder / "c", deployment=folder)
        self._new = walk.new_buttons(self, self.cluster.urls, buttons)
        self.cluster.write_definitions()

    def server_config(
        self, *, replica_id: str, port: int, dsn: str, brokers: Sequence[str]
    ) -> Path:
        path = super().server_config(replica_id=replica_id, port=port, dsn=dsn, brokers=brokers[:1])
        walk.keep_sessions(path, self.cluster)
        return path

    def new_button(self, *, brokers: Sequence[str] = ()) -> tuple[VirtualButton, bytes]:
        assert list(brokers) == self.cluster.urls, "they know the cluster, and nothing else"
        new = self._new.pop()
        return VirtualButton(new.folder), new.public_key


class OfANode(Fault):
    """One node of three, a different one each time; the two others are a broker still."""

    arrangement = Arrangement(brokers=0)
    cluster: Cluster
    node: Node

    async def arrange(self) -> None:
        stand = self.stand
        deployment = Clustered(
            stand.deployment.folder.with_name("cluster"), buttons=self.arrangement.buttons
        )
        stand.deployment, self.cluster = deployment, deployment.cluster
        stand.button_urls = stand.server_urls = self.cluster.urls
        stand.phones = deployment.phone_network()
        stand.stack.push_async_callback(self.cluster.stop)
        await self.cluster.start()

    def before(self) -> None:
        self.node = self.chance.choice(self.cluster.nodes)


@row("kill-rabbitmq-node")
class KillANode(OfANode):
    name = "kill -9 of one of three RabbitMQ nodes"
    shown_s_max = 5.0

    async def inject(self) -> None:
        await self.node.kill()

    async def end(self) -> None:
        await self.node.start()


@row("stop-rabbitmq-node")
class StopANode(OfANode):
    name = "SIGSTOP of one of three RabbitMQ nodes for 20 s"
    lasts_s = STOPPED_S

    async def inject(self) -> None:
        self.node.pause()

    async def end(self) -> None:
        self.node.resume()


@row("cut-rabbitmq-node")
class CutOffANode(OfANode):
    name = "one of three RabbitMQ nodes cut off from the others for 20 s"
    lasts_s = STOPPED_S

    async def arrange(self) -> None:
        self.cut = False
        await super().arrange()
        self.stand.stack.callback(self._rejoin)

    async def inject(self) -> None:
        self.cut = True
        await asyncio.to_thread(self.node.cut_off)

    async def end(self) -> None:
        await asyncio.to_thread(self._rejoin)

    def _rejoin(self) -> None:
        if self.cut:
            self.cut = False
            self.node.rejoin()
