"""`tocsin device false-alarms`: the ledger of a button, and what somebody found out about one."""

import argparse
import getpass
from typing import get_args
from uuid import UUID

from tocsin_server.alert.false_alarms import FalseAlarm, Ledger, What, explain, read_ledgers
from tocsin_server.cli.command import add_action, answer, table
from tocsin_server.cli.office import office
from tocsin_server.errors import NotFound


def arrange(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add these actions to those of a button."""
    ledger = add_action(
        actions,
        "false-alarms",
        _list,
        "list a button's false alarms: when, what it was, why, and what was done",
        example="tocsin device false-alarms btn-0123456789",
    )
    ledger.add_argument("device_id", metavar="ID")
    write = add_action(
        actions,
        "explain-false-alarm",
        _explain,
        "write down why a false alarm was one; once more is a correction, and both are kept",
        example="tocsin device explain-false-alarm 0197c0de-0000-7000-8000-000000000000"
        ' --what accident --cause "a knee under the counter" --remedy "moved it 10 cm back"',
    )
    write.add_argument("alert_id", type=UUID, metavar="ALARM", help="as the list shows it")
    write.add_argument(
        "--what", required=True, choices=get_args(What), help="test: one that nobody had announced"
    )
    write.add_argument("--cause", required=True, metavar="TEXT", help="why it happened")
    write.add_argument(
        "--remedy", required=True, metavar="TEXT", help="what was done so that it doesn't again"
    )
    write.add_argument("--by", metavar="NAME", help="who found it out (default: this user)")


async def _list(options: argparse.Namespace) -> None:
    async with office(options) as here:
        if all(device.device_id != options.device_id for device in await here.devices()):
            raise NotFound(f"there is no button {options.device_id} here: see tocsin device list")
        ledgers = await read_ledgers(
            here.pool, jurisdiction=here.jurisdiction, device_id=options.device_id
        )
    empty = Ledger(device_id=options.device_id, warning=None, false_alarms=[])
    ledger = ledgers[0] if ledgers else empty
    answer(options, ledger, _written(ledger))


async def _explain(options: argparse.Namespace) -> None:
    async with office(options) as here:
        ledger = await explain(
            here.pool,
            jurisdiction=here.jurisdiction,
            alert_id=options.alert_id,
            what=options.what,
            cause=options.cause,
            remedy=options.remedy,
            by=options.by or getpass.getuser(),
        )
    answer(options, ledger, _written(ledger))


def _written(ledger: Ledger) -> str:
    text = table(
        ["PRESSED", "WHAT", "CAUSE", "REMEDY", "BY", "ALARM"],
        [_row(alarm) for alarm in ledger.false_alarms],
        none=f"{ledger.device_id} has had no false alarm",
    )
    return text if ledger.warning is None else f"{text}\nWARNING: {ledger.warning}"


def _row(alarm: FalseAlarm) -> list[object]:
    pressed, found = f"{alarm.pressed_at:%Y-%m-%d %H:%M}Z", alarm.explanations
    if not found:
        return [pressed, "-", "nobody has written down why", "-", "-", alarm.alert_id]
    said, corrected = found[-1], " (corrected)" if len(found) > 1 else ""
    return [pressed, said.what, said.cause, said.remedy, f"{said.by}{corrected}", alarm.alert_id]
