"""`tocsin kiosk`, as it is typed."""

import pytest

from tests.cli.terminal import Terminal
from tocsin_server.people.kiosks import KioskLink, KioskList, KioskView

WALL = "Wall, dispatch room"


async def test_a_screen_is_made_listed_and_revoked(terminal: Terminal) -> None:
    assert "no screen only shows here" in await terminal.good("kiosk", "list")
    made = (await terminal.run("kiosk", "add", WALL, "--json")).read(KioskLink)
    assert made.kiosk.name == WALL
    address, _, key = made.link.partition("#")
    assert address.endswith("/kiosk")
    assert len(key) >= 43  # 256 bits as base64url
    listed = await terminal.good("kiosk", "list")
    assert WALL in listed
    assert "never opened" in listed
    assert key not in listed
    (kiosk,) = (await terminal.run("kiosk", "list", "--json")).read(KioskList).kiosks
    assert kiosk == made.kiosk
    revoked = (await terminal.run("kiosk", "revoke", WALL, "--json")).read(KioskView)
    assert revoked.revoked_at is not None
    assert f"REVOKED by {revoked.revoked_by}" in await terminal.good("kiosk", "list")
    again = await terminal.good("kiosk", "add", WALL)
    assert f"{WALL} shows as soon as its browser opens this link" in again
    assert "is dark" in await terminal.good("kiosk", "revoke", WALL), "the one that shows"
    states = (await terminal.run("kiosk", "list", "--json")).read(KioskList).kiosks
    assert all(each.revoked_at for each in states)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("add", ""), "the name is empty"),
        (("add", "a\x07bell"), "can't be shown"),
        (("revoke", "Attic"), "no screen 'Attic'"),
    ],
)
async def test_what_cannot_be_done_says_what_to_do(
    terminal: Terminal, typed: tuple[str, ...], said: str
) -> None:
    (await terminal.run("kiosk", *typed)).refused(said)
    assert "no screen only shows here" in await terminal.good("kiosk", "list")
