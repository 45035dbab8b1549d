"""This source as a wheel, built once, and a web server on which releases lie."""

import functools
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.button.conftest import field, open_field
from tests.updates import wheels

__all__ = ["field", "open_field"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder, and where it is on the web; while `open` is clear, whoever fetches has to wait."""

    folder: Path
    url: str
    open: threading.Event


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source."""
    return wheels.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def shelf(folder: Path) -> Iterator[Shelf]:
    """A web server of files, on this machine alone."""
    here = folder / "shelf"
    here.mkdir()
    opened = threading.Event()
    opened.set()
    handler = functools.partial(_Quiet, directory=str(here), opened=opened)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield Shelf(here, f"http://127.0.0.1:{server.server_address[1]}", opened)
    opened.set()
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def __init__(self, *request: Any, opened: threading.Event, **more: Any) -> None:
        self.opened = opened
        super().__init__(*request, **more)

    def do_GET(self) -> None:
        self.opened.wait()
        with suppress(ConnectionError):  # of one who was killed meanwhile
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing of requests that went well."""
