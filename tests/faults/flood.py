"""A device gone mad, in a process of its own: everything in a file, as fast as the broker takes it.

    python -m tests.faults.flood BROKER_URL DEVICE_FOLDER TOPIC BODIES_FILE PER_SECOND

The file holds bodies, each after its length in four bytes. PER_SECOND 0: without a pause. It says
how many the broker confirmed.
"""

import ssl
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

CHUNK = 20
QUIET_S = 5.0  # a broker that loses messages never confirms the rest


def write_bodies(path: Path, bodies: Sequence[bytes]) -> Path:
    """What `python -m tests.faults.flood` is to send."""
    path.write_bytes(b"".join(struct.pack(">I", len(body)) + body for body in bodies))
    return path


def read_bodies(path: Path) -> Iterator[bytes]:
    data = memoryview(path.read_bytes())
    while data:
        (length,) = struct.unpack(">I", data[:4])
        yield bytes(data[4 : 4 + length])
        data = data[4 + length :]


def main() -> None:
    url, folder, topic, file = urlsplit(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    per_second = int(sys.argv[5])
    client = Client(CallbackAPIVersion.VERSION2, client_id=folder.name)
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "client.crt", folder / "client.key")
    client.tls_set_context(context)
    client.max_inflight_messages_set(0)
    confirmed = [0, time.monotonic()]

    def on_publish(*_: object) -> None:
        confirmed[0] += 1
        confirmed[1] = time.monotonic()

    client.on_publish = on_publish
    client.connect(url.hostname or "", url.port or 8883, 30)
    client.loop_start()
    bodies = list(read_bodies(Path(file)))
    began = time.monotonic()
    for n, body in enumerate(bodies):
        if per_second and n % CHUNK == 0:
            time.sleep(max(0.0, began + n / per_second - time.monotonic()))
        client.publish(topic, body, qos=1)
    while confirmed[0] < len(bodies) and time.monotonic() - confirmed[1] < QUIET_S:
        time.sleep(0.02)
    client.disconnect()
    client.loop_stop()
    took = confirmed[1] - began
    print(f"confirmed {confirmed[0]:.0f} of {len(bodies)} in {took:.2f} s")


if __name__ == "__main__":
    main()
