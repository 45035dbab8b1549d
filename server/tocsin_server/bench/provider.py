"""The provider of the benchmark: the demo's phone network in a process of its own.

Promise: the product pages by its own Twilio client and gets its delivery reports, as always. A
real provider has machines of its own, so this one yields the processor to everybody else.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

import uvloop

from tocsin_server.bench.errors import BenchFailed
from tocsin_server.config import load_config
from tocsin_server.demo.phone import PhoneNetwork

NICENESS = 19


async def provide(config_file: Path) -> None:
    """Be the provider that the server's configuration names, until told to end."""
    config = load_config(config_file)
    if config.twilio is None:
        raise BenchFailed(f"{config_file} names no provider")
    network = PhoneNetwork(
        account_sid=config.twilio.account_sid,
        auth_token=config.secret("twilio.auth_token_file", config.twilio.auth_token_file).reveal(),
        from_number=config.twilio.from_number,
    )
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with network.running(port=urlsplit(config.twilio.api_url).port or 0):
        await ended.wait()


if __name__ == "__main__":
    os.nice(NICENESS)
    uvloop.run(provide(Path(sys.argv[1])))
