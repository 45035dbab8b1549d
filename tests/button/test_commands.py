"""What a server may ask of a button."""

from uuid import UUID, uuid4

import msgspec
import pytest

from tocsin_button.commands import (
    DRILL_S_MAX,
    IDENTIFY_S,
    BeginDrill,
    EndDrill,
    Gate,
    Identify,
    Order,
    Refused,
    RunSelftest,
    TakeUp,
)
from tocsin_wire.messages import Command, CommandArguments, ReleaseOffer

DEVICE, BOOT = "btn-0123456789", UUID(int=1)


def command(
    name: str,
    *,
    seq: int = 1,
    device_id: str = DEVICE,
    boot_id: UUID = BOOT,
    until_s: int | None = None,
) -> Command:
    return Command(
        command_id=uuid4(),
        device_id=device_id,
        boot_id=boot_id,
        command_seq=seq,
        name=name,
        args=CommandArguments(until_s=until_s),
    )


def gate() -> Gate:
    return Gate(device_id=DEVICE, boot_id=BOOT)


@pytest.mark.parametrize(
    ("asked", "order"),
    [
        (command("identify"), Identify(IDENTIFY_S)),
        (command("selftest"), RunSelftest()),
        (command("drill_begin", until_s=600), BeginDrill(600.0)),
        (command("drill_begin", until_s=10**6), BeginDrill(float(DRILL_S_MAX))),
        (command("drill_end"), EndDrill()),
    ],
)
def test_what_is_supported_is_ordered(asked: Command, order: Order) -> None:
    assert gate().admit(asked) == order


def test_other_brokers_need_the_offline_key() -> None:
    assert gate().admit(command("reconfigure")) == Refused("it isn't signed by the offline key")


def test_another_release_has_to_be_named() -> None:
    offer = ReleaseOffer(statement="a.b.c", url="https://tocsin.example/x")
    asked = command("update")
    named = msgspec.structs.replace(asked, args=CommandArguments(release=offer))
    assert gate().admit(named) == TakeUp(asked.command_id, offer)
    assert gate().admit(asked) == Refused("it names no release")


def test_what_would_change_certificates_is_not_supported() -> None:
    asked = command("renew_certificate")
    assert gate().admit(asked) == Refused("not supported by this firmware")


@pytest.mark.parametrize(
    "asked",
    [
        command("identify", device_id="btn-9999999999"),
        command("identify", boot_id=UUID(int=2)),
        command("drill_begin"),
        command("drill_begin", until_s=0),
        command("open_the_door"),
    ],
)
def test_what_does_not_fit_is_refused(asked: Command) -> None:
    assert isinstance(gate().admit(asked), Refused)


def test_a_command_that_does_not_rise_is_refused() -> None:
    door = gate()
    assert door.admit(command("drill_begin", seq=5, until_s=60)) == BeginDrill(60.0)
    assert isinstance(door.admit(command("drill_begin", seq=5, until_s=60)), Refused)
    assert isinstance(door.admit(command("drill_begin", seq=4, until_s=60)), Refused)
    assert door.admit(command("drill_end", seq=6)) == EndDrill()


def test_a_refused_command_of_another_boot_uses_no_number_up() -> None:
    door = gate()
    door.admit(command("identify", seq=99, boot_id=UUID(int=2)))
    assert door.admit(command("identify", seq=1)) == Identify(IDENTIFY_S)
