"""`tocsin site maintenance`, `network-confirm` and `tocsin device accept-settings`, as typed."""

from tests.cli.terminal import Terminal


async def test_maintenance_begins_is_listed_and_ends(terminal: Terminal) -> None:
    await terminal.good("site", "add", "County Clerk")
    start = ("site", "maintenance", "start", "County Clerk", "--reason", "new switch")
    begun = await terminal.good(*start, "--minutes", "90", "--by", "Sam Novak")
    assert "nobody is texted about the buttons at County Clerk for 90 minutes" in begun
    (await terminal.run(*start)).refused("Maintenance is on at County Clerk", "Sam Novak")
    listed = await terminal.good("site", "maintenance", "list")
    assert "new switch" in listed
    assert "is over" in await terminal.good(
        *("site", "maintenance", "end", "County Clerk", "--by", "Sam Novak")
    )
    assert await terminal.good("site", "maintenance", "list") == "no site is worked on\n"
    (await terminal.run("site", "maintenance", "end", "County Clerk")).refused("nothing to end")
    (await terminal.run(*start, "--minutes", "481")).not_understood("1 to 480 minutes")


async def test_a_network_is_confirmed_by_somebody_and_only_after_it_changed(
    terminal: Terminal,
) -> None:
    await terminal.good("site", "add", "County Clerk")
    confirm = ("site", "network-confirm", "County Clerk")
    (await terminal.run(*confirm)).not_understood("--by")
    (await terminal.run(*confirm, "--by", "Sam Novak")).refused("No change of the network")


async def test_settings_are_accepted_by_somebody_and_only_where_they_changed(
    terminal: Terminal,
) -> None:
    await terminal.good("device", "add", "--id", "btn-0123456789")
    accept = ("device", "accept-settings", "btn-0123456789")
    (await terminal.run(*accept)).not_understood("--by")
    (await terminal.run(*accept, "--by", "Sam Novak")).refused("isn't proven yet")
    unknown = ("device", "accept-settings", "btn-0000000000", "--by", "Sam Novak")
    (await terminal.run(*unknown)).refused("no button btn-0000000000 in service")
