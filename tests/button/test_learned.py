"""A button comes to believe the server keys that follow those it was given, for good."""

import pytest

from tests.button.station import Button, Field
from tocsin_button.learned import FILE
from tocsin_wire.messages import Press, Succession
from tocsin_wire.signing import SigningKey
from tocsin_wire.succession import short

AT = "2026-11-03T13:00:00.250Z"


def says(signer: SigningKey, following: SigningKey) -> bytes:
    return signer.sign(Succession(next_key=following.public.raw, at=AT))


def given(field: Field) -> tuple[SigningKey, SigningKey]:
    """The two keys that a button has from the beginning."""
    return field.station.key, SigningKey.load(field.folder / "server" / "next_receipt.key")


async def until_told(field: Field, key: SigningKey) -> None:
    """A heartbeat says that this is the newest key, and that it is on disk."""
    told = short(key.public)
    await field.station.until(
        lambda: any(beat.newest_key == told for beat in field.station.heartbeats()[-1:])
    )


async def receipted(field: Field, button: Button, key: SigningKey) -> None:
    """A press is over once a receipt that this key signed says so."""
    answer = await button.press()
    await field.station.until(lambda: newest(field, answer.press_id) is not None)
    press = newest(field, answer.press_id)
    assert press is not None
    field.station.receipt(press, "resolved", key=key)
    await button.watch(lambda state: not state.open)


def newest(field: Field, press_id: str) -> Press | None:
    return next(
        (press for _, press in field.station.presses if str(press.press_id) == press_id), None
    )


async def test_a_key_that_follows_is_believed_at_once_and_after_a_restart(field: Field) -> None:
    first, second = given(field)
    third, fourth = SigningKey.generate(), SigningKey.generate()
    button = await field.add_button().ready()
    await until_told(field, second)
    field.station.pulse(says(second, third))
    await until_told(field, third)
    for key in (first, second, third):  # while servers are restarted, two of them sign
        await receipted(field, button, key)
    await button.end()
    field.station.heard.clear()
    await button.ready()
    await until_told(field, third)
    await receipted(field, button, third)

    # Away for a rotation, and told of both in the wrong order.
    for statement in (says(third, fourth), says(second, third), says(third, fourth)):
        field.station.pulse(statement)
    await until_told(field, fourth)
    await receipted(field, button, fourth)
    answer = await button.press()
    await field.station.until(lambda: newest(field, answer.press_id) is not None)
    press = newest(field, answer.press_id)
    assert press is not None
    field.station.receipt(press, "stored", key=first)
    await button.until_said("signed with a key that is not known here")


async def test_a_write_that_failed_is_tried_again_when_it_is_said_again(field: Field) -> None:
    _, second = given(field)
    third = SigningKey.generate()
    button = await field.add_button().ready()
    await until_told(field, second)
    in_the_way = button.control.parent / f".{FILE}.new"
    in_the_way.mkdir()
    field.station.pulse(says(second, third))
    await button.until_said("a further server key is not kept")
    in_the_way.rmdir()
    field.station.pulse(says(second, third))
    await until_told(field, third)


async def test_a_stolen_older_key_names_no_heir(field: Field) -> None:
    first, second = given(field)
    thief = SigningKey.generate()
    button = await field.add_button().ready()
    field.station.pulse(says(first, thief))
    await button.until_said("a key that has a successor already names another one")
    field.station.pulse(says(thief, thief))
    await receipted(field, button, second)
    assert not (button.control.parent / FILE).exists()


@pytest.mark.parametrize("content", [b"", b"nonsense\n\n", b"\xff" * 100_000])
async def test_what_somebody_wrote_into_the_file_changes_nothing(
    field: Field, content: bytes
) -> None:
    _, second = given(field)
    button = field.add_button()
    state = button.control.parent
    state.mkdir()
    thief = SigningKey.generate()
    (state / FILE).write_bytes(content + b"\n" + says(thief, thief))
    await button.ready()
    await until_told(field, second)
    await receipted(field, button, second)
