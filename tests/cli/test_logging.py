"""Logs: readable on a terminal, parseable elsewhere, and nobody waits for whoever reads them."""

import json
import os
import pty
import subprocess
import sys

import pytest

LOG = """
import logging, structlog
from tocsin_server.logging import configure
out = configure()
log = structlog.get_logger()
"""


def logged(script: str, **environment: str) -> str:
    """Run a script and give what came on stderr."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    done = subprocess.run(
        [sys.executable, "-c", LOG + script + "\nout.close()"],
        capture_output=True,
        text=True,
        check=False,
        env=clean | environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr


def test_away_from_a_terminal_a_line_is_logfmt() -> None:
    [line] = logged("log.info('broker lost', broker='mqtts://b')").splitlines()
    assert line.startswith("timestamp=")
    assert 'level=info event="broker lost" broker=mqtts://b' in line


def test_a_line_is_json_where_that_is_asked_for() -> None:
    script = """
from uuid import UUID
log.error("stored", alert_id=UUID(int=7))
logging.getLogger("aiohttp.server").error("bad request")
"""
    ours, library = map(json.loads, logged(script, TOCSIN_LOG="json").splitlines())
    assert ours["event"] == "stored"
    assert ours["level"] == "error"
    assert ours["alert_id"] == "00000000-0000-0000-0000-000000000007"
    assert library["event"] == "bad request"
    assert library["logger"] == "aiohttp.server"
    assert ours["timestamp"].endswith("Z")


def test_on_a_terminal_a_line_is_made_to_be_read() -> None:
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    script = LOG + "log.info('broker lost', broker='b')\nout.close()"
    subprocess.run([sys.executable, "-c", script], stderr=theirs, check=True, env=clean)
    os.close(theirs)
    line = os.read(ours, 4096).decode()
    os.close(ours)
    assert "broker lost" in line
    assert "level=" not in line


@pytest.mark.parametrize(
    ("level", "heard"),
    [("debug", 4), ("info", 3), ("WARNING", 2), ("error", 1), ("critical", 0)],
)
def test_the_level_is_set_from_outside(level: str, heard: int) -> None:
    script = "log.debug('a'); log.info('b'); log.warning('c'); log.error('d')"
    assert len(logged(script, TOCSIN_LOG_LEVEL=level).splitlines()) == heard


@pytest.mark.parametrize("name", ["asyncio", "aiohttp.access", "paho", "twilio.http_client"])
def test_libraries_are_heard_from_warnings_on_for_they_tell_of_phone_numbers(name: str) -> None:
    script = f"""
logging.getLogger({name!r}).info("To: +15125550111")
logging.getLogger({name!r}).warning("trouble")
"""
    [line] = logged(script, TOCSIN_LOG_LEVEL="debug").splitlines()
    assert "trouble" in line
    assert f"logger={name}" in line


@pytest.mark.parametrize("written", ["console", "logfmt", "json"])
def test_a_traceback_shows_no_variables(written: str) -> None:
    script = """
def sign_in(password):
    raise ValueError("no")
for log in (log, logging.getLogger("aiohttp.server")):
    try:
        sign_in("correct horse" + " battery")
    except ValueError:
        log.exception("failed")
"""
    said = logged(script, TOCSIN_LOG=written)
    assert said.count("ValueError: no") == 2
    assert "correct horse battery" not in said


@pytest.mark.parametrize("written", ["console", "logfmt", "json"])
def test_what_a_stranger_sent_can_not_forge_a_line(written: str) -> None:
    script = r"log.info('doubtful', topic='a\nlevel=error event=forged \x1b[2J')"
    said = logged(script, TOCSIN_LOG=written)
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said


def test_nobody_who_logs_waits_for_a_reader_that_has_stopped() -> None:
    # 12,000 lines of 200 bytes are far more than a pipe and the queue hold together.
    script = f"{LOG}\nfor n in range(12_000): log.info('x' * 200)\nprint('done', flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        process.communicate(timeout=30)


def test_lines_that_were_dropped_are_counted() -> None:
    script = """
import sys, threading
from tocsin_server import logging as ours
gate = threading.Event()
class Slow:
    def write(self, text):
        gate.wait()
        return sys.stderr.write(text)
    def flush(self): sys.stderr.flush()
slow = ours.Unhurried(Slow())
for n in range(ours.LINES_MAX + 50): slow.write(f"{n}\\n")
gate.set()
while slow._lines.qsize(): pass
slow.write("after\\n")
slow.close()
"""
    lines = logged(script).splitlines()
    assert lines[-1] == "after"
    assert lines[-2].endswith("log lines dropped: nobody read them)")
    assert len(lines) - 2 + int(lines[-2].split()[0].strip("(")) == 10_050
