"""A network of its own for the database nodes, whose cables can be pulled. Needs root.

Promise: each node is in a network namespace, on a bridge that this machine is on as well. All of it
is gone with the block; what an earlier run left behind by a SIGKILL has another name.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

HOSTS: Final = 3
_THIRD: Final = 1 + os.getpid() % 250  # of the addresses, so that two runs can be side by side


class Network:
    """Three cables into one switch."""

    def __init__(self) -> None:
        self.hosts = tuple(f"10.231.{_THIRD}.{11 + n}" for n in range(HOSTS))
        self._bridge = f"tb{os.getpid()}"
        self._cables = [f"tv{os.getpid()}-{n}" for n in range(HOSTS)]
        self._spaces = [f"tocsin-{os.getpid()}-{n}" for n in range(HOSTS)]

    def prefix(self, n: int) -> Sequence[str]:
        """What runs a command on this host."""
        return ("ip", "netns", "exec", self._spaces[n])

    async def cut(self, host: str) -> None:
        """Its cable is out: nobody reaches it, and it reaches nobody."""
        await _ip("link", "set", self._cables[self.hosts.index(host)], "down")

    async def mend(self, host: str) -> None:
        await _ip("link", "set", self._cables[self.hosts.index(host)], "up")

    async def cut_from_the_others(self, host: str) -> None:
        """The other two and it don't hear each other; this machine hears all of them."""
        await self._routes("add", host)

    async def mend_to_the_others(self, host: str) -> None:
        await self._routes("del", host)

    async def _routes(self, do: str, host: str) -> None:
        space = self._spaces[self.hosts.index(host)]
        for other in self.hosts:
            if other != host:
                await _ip("-n", space, "route", do, "blackhole", other)

    async def build(self, stack: AsyncExitStack) -> None:
        """Lay it; the stack takes it up again."""
        await _ip("link", "add", self._bridge, "type", "bridge")
        stack.push_async_callback(_ip, "link", "del", self._bridge)
        await _ip("addr", "add", f"10.231.{_THIRD}.1/24", "dev", self._bridge)
        await _ip("link", "set", self._bridge, "up")
        for host, cable, space in zip(self.hosts, self._cables, self._spaces, strict=True):
            await _ip("netns", "add", space)
            stack.push_async_callback(_ip, "netns", "del", space)
            await _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
            # A namespace lives on while anybody's mounts hold it; the cable need not.
            stack.push_async_callback(_ip, "link", "del", cable)
            await _ip("link", "set", cable, "master", self._bridge, "up")
            await _ip("-n", space, "addr", "add", f"{host}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                await _ip("-n", space, "link", "set", device, "up")


async def _ip(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "ip", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise OSError(f"ip {' '.join(words)}: {said.decode(errors='replace').strip()}")


@asynccontextmanager
async def laid_network() -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        network = Network()
        await network.build(stack)
        yield network
