"""A network of its own for some of the parts, whose cables can be pulled. Needs root.

Promise: each host is a network namespace, on a bridge that this machine is on as well. All of it is
gone with the block; what a run left behind that was ended by SIGKILL goes when another begins.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

HOSTS: Final = 3
_SPACES: Final = Path("/run/netns")
_DEVICES: Final = Path("/sys/class/net")
_LAID: Final = re.compile(r"(?:tocsin-|tb|tv)(\d+)(?:-\d+)?")  # carries the id of who laid it
_THIRD: Final = 1 + os.getpid() % 250  # of the addresses, so that two runs can be side by side


class Network:
    """Cables into one switch."""

    def __init__(self, *, hosts: int = HOSTS) -> None:
        self.hosts = tuple(f"10.231.{_THIRD}.{11 + n}" for n in range(hosts))
        self._bridge = f"tb{os.getpid()}"
        self._cables = [f"tv{os.getpid()}-{n}" for n in range(hosts)]
        self._spaces = [f"tocsin-{os.getpid()}-{n}" for n in range(hosts)]

    def prefix(self, n: int) -> Sequence[str]:
        """What runs a command on this host."""
        return ("ip", "netns", "exec", self._spaces[n])

    async def add_addresses(self, n: int, count: int) -> list[str]:
        """Further addresses of this host."""
        added = [f"10.231.{_THIRD}.{101 + 10 * n + each}" for each in range(count)]
        for address in added:
            await _ip("-n", self._spaces[n], "addr", "add", f"{address}/24", "dev", "eth0")
        return added

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


async def sweep() -> None:
    """Take up what was laid by processes that are no more."""
    for kind, folder in (("netns", _SPACES), ("link", _DEVICES)):
        for name in left_behind(_names(folder), runs=_runs):
            with suppress(OSError):  # gone with its namespace, or by another run
                await _ip(kind, "del", name)


def left_behind(names: Iterable[str], *, runs: Callable[[int], bool]) -> list[str]:
    """Of these namespaces or devices, what was laid here by processes that are no more."""
    laid = [match for name in names if (match := _LAID.fullmatch(name))]
    return [match.string for match in laid if not runs(int(match[1]))]


def _runs(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()


def _names(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir()] if folder.exists() else []


@asynccontextmanager
async def laid_network(*, hosts: int = HOSTS) -> AsyncIterator[Network]:
    await sweep()
    async with AsyncExitStack() as stack:
        network = Network(hosts=hosts)
        await network.build(stack)
        yield network
