"""The API under schemathesis: every endpoint of openapi.json, on the real server, as each role.

Promise: what the document says is held against what the server does: status codes, types of
bodies, methods that are not served, what a missing session gets. Ids are often those of things
that are there, so that the handlers behind them are reached and not only their 404.

Refused: excusing an answer. A check is off only where it can't be right for this API, and says why.
"""

import asyncio
import json
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import stand
from tests.walk.house import House, Sender
from tests.web.client import client
from tocsin_server.people.accounts import ROLES

SIGNED_OUT = "nobody"
KNOWN_SHARE = 0.7  # of ids are those of something that is there
ALERTS = 12
RUN_S_MAX = 3600.0
ANSWER_S_MAX = 30.0  # also on a busy machine: whoever takes longer hangs

_CASES = re.compile(r"(\d+) generated")
_SESSION = "/api/v1/session"
_TAKEN = ["2xx", "400", "401", "403", "404", "409", "429", "5xx"]  # the usual ones, and two


@dataclass(frozen=True, slots=True)
class ApiRun:
    """What schemathesis said of one role."""

    role: str
    held: bool
    cases: int
    said: str


async def known_ids(house: House, sender: Sender) -> Mapping[str, Sequence[str]]:
    """Alerts in each state, an unverified press, an open drill: what ids may name."""
    for _ in range(ALERTS):
        press = await sender.send(sender.press())
        await sender.until_receipt(press, "stored")
        alert = await house.alert_of(sender.device_id, lambda each: each.state == "open")
        await house.screen.resolve(alert)
        await house.now(alert, lambda each: each.state == "resolved")
    await sender.send(sender.press())
    await sender.send(sender.press(kind="assist"))
    await sender.send_raw(b"nonsense")
    await house.screen.until(lambda screen: screen.doubtful and _open(house, sender) >= 2)
    sites = (await house.screen.get("sites")).json()["sites"]
    assert isinstance(sites, list)
    site_ids = [site["site_id"] for site in sites]
    await house.screen.post("drills", {"site_id": site_ids[0], "minutes": 60})
    await house.screen.until(lambda screen: screen.drills)  # this one, or one of an earlier run
    return {
        "alert_id": [each.alert_id for each in house.alerts_of(sender.device_id)],
        "doubtful_id": list(house.screen.doubtful),
        "drill_id": [drill.drill_id for drill in house.screen.drills],
        "site_id": site_ids,
        "device_id": [(await house.sender()).device_id],  # to be revoked
    }


def _open(house: House, sender: Sender) -> int:
    return sum(each.state == "open" for each in house.alerts_of(sender.device_id))


async def session_of(house: House, email: str) -> str:
    """The cookie of somebody who has just signed in."""
    async with client(house.walk.server.url, email=email) as somebody:
        (cookie,) = list(somebody.session.cookie_jar)
        return cookie.value


def configuration(ids: Mapping[str, Sequence[str]], cookie: str | None) -> str:
    """Write schemathesis.toml: who is signed in, which ids are known, and where they go."""
    lines = ["[auth.openapi.session]", f"api_key = {json.dumps(cookie)}"] if cookie else []
    for name, values in ids.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(list(values))}"]
    # A rule over several fields, or over what is there (a plan of another site, an election that is
    # over, a file that is no picture), is none that a schema could say: 400, with a sentence. Who
    # guesses passwords waits: 429.
    lines += ["[checks.positive_data_acceptance]", f"expected-statuses = {json.dumps(_TAKEN)}"]
    lines.append("[parameters]")
    known = f"probability = {KNOWN_SHARE}"
    for name in ids:
        places = ("query", "body") if name == "site_id" else ("path",)
        lines += [f'"{place}.{name}" = {{ dictionary = "{name}", {known} }}' for place in places]
    return "\n".join(lines) + "\n"


async def run(
    house: House, *, role: str, cookie: str | None, seed: int, examples: int, phases: str = ""
) -> ApiRun:
    """Let schemathesis loose as one role; `examples` for each endpoint and phase."""
    sender = await house.sender()
    ids = await known_ids(house, sender)
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch) / "schemathesis.toml"
        config.write_text(configuration(ids, cookie))
        words = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)]
        words += ["--no-color", "run", f"{house.walk.server.url}/api/v1/openapi.json"]
        words += ["--checks", "all", "--seed", str(seed), "--max-examples", str(examples)]
        words += [
            "--continue-on-failure",
            "--request-timeout",
            f"{ANSWER_S_MAX:g}",
            "--warnings",
            "off",
        ]
        words += ["--phases", phases] if phases else []
        if cookie is not None:
            # They would end, or lock, the session that this whole run is signed in with.
            words += ["--exclude-by", f"/method == DELETE && /path == {_SESSION}"]
            words += ["--exclude-path", f"{_SESSION}/lock"]
        return await _run(words, role, Path(scratch))


async def _run(words: Sequence[str], role: str, scratch: Path) -> ApiRun:
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=scratch,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(RUN_S_MAX):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = out.decode(errors="replace")
    cases = _CASES.search(said)
    return ApiRun(role, process.returncode == 0, int(cases[1]) if cases else 0, said)


async def run_all(house: House, *, seed: int, examples: int) -> list[ApiRun]:
    """As nobody, and signed in as each role."""
    emails = await stand.sign_ins(house, ROLES)
    # All before the first run, which leaves wrong passwords behind that are still being looked at.
    cookies = {role: await session_of(house, email) for role, email in emails.items()}
    return [
        await run(house, role=role, cookie=cookie, seed=seed, examples=examples)
        for role, cookie in ({SIGNED_OUT: None} | cookies).items()
    ]


async def report(house: House, *, seed: int, examples: int) -> tuple[list[str], bool]:
    """Run as everybody, and say what came of it."""
    runs = await run_all(house, seed=seed, examples=examples)
    mistakes = stand.own_mistakes(house.walk.server)
    now, most = stand.memory_mib(house.walk.server.pid)
    lines = [f"{sum(each.cases for each in runs):,} cases of schemathesis, {examples} an endpoint"]
    for each in runs:
        lines.append(f"  {each.role}: {each.cases:,} cases, {'held' if each.held else 'FOUND'}")
        lines += [] if each.held else [each.said]
    lines.append(f"  the server holds {now} MiB, {most} MiB at most")
    lines += [f"  WRONG: {each}" for each in mistakes]
    return lines, all(each.held for each in runs) and not mistakes
