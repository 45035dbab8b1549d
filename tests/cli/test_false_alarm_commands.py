"""`tocsin device false-alarms` and `explain-false-alarm`, as they are typed."""

from uuid import UUID, uuid4

from tests.cli.terminal import Terminal
from tests.parts import Database
from tocsin_server.alert.false_alarms import Ledger

BUTTON = "btn-0123456789"
LIST = ("device", "false-alarms", BUTTON)


async def false_alarm(database: Database) -> UUID:
    async with database.connected() as connection:
        alert_id: UUID = await connection.fetchval(
            "INSERT INTO alert (jurisdiction, device_id, kind, drill, code, presses, place, tiers,"
            " joinable, pressed_at, received_at, stored_at, attempted_at, resolved_at, outcome)"
            " SELECT '48453', $1, 'duress', false, gen_random_uuid()::text, 1, '{}', '[]', false,"
            " t, t, t, t, t, 'false_alarm' FROM clock_timestamp() t RETURNING alert_id",
            BUTTON,
        )
    return alert_id


async def test_a_ledger_is_listed_explained_corrected_and_warns(
    terminal: Terminal, database: Database
) -> None:
    await terminal.good("device", "add", "--id", BUTTON)
    assert await terminal.good(*LIST) == f"{BUTTON} has had no false alarm\n"
    first = await false_alarm(database)
    assert "nobody has written down why" in await terminal.good(*LIST)
    explain = ("device", "explain-false-alarm", str(first), "--remedy", "moved it", "--by", "Sam")
    await terminal.good(*explain, "--what", "misuse", "--cause", "a child")
    said = await terminal.good(*explain, "--what", "accident", "--cause", "a knee")
    assert "accident  a knee  moved it  Sam (corrected)" in said
    assert "WARNING" not in said
    await false_alarm(database)
    assert "WARNING: 2 false alarms within 12 months." in await terminal.good(*LIST)
    ledger = (await terminal.run(*LIST, "--json")).read(Ledger)
    assert [len(alarm.explanations) for alarm in ledger.false_alarms] == [0, 2]


async def test_what_is_no_button_or_no_false_alarm_is_refused(terminal: Terminal) -> None:
    (await terminal.run(*LIST)).refused("there is no button btn-0123456789 here")
    explain = ("device", "explain-false-alarm", "--cause", "a knee", "--remedy", "moved it")
    unknown = await terminal.run(*explain, str(uuid4()), "--what", "accident")
    unknown.refused("There is no false alarm with this id")
    (await terminal.run(*explain, "no-id", "--what", "accident")).not_understood("no-id")
    (await terminal.run(*explain, str(uuid4()), "--what", "fun")).not_understood("accident")
