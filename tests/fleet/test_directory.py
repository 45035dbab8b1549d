"""The directory stands by its last good reading."""

from tests.fleet.station import Site
from tocsin_server.fleet.directory import Directory


async def test_a_policy_that_was_broken_by_hand_stays_as_it_was(site: Site) -> None:
    directory = Directory(site.connection)
    await directory.read()
    before = directory.entries.default_policy(site.office.jurisdiction)
    assert before is not None
    await site.pool.execute('UPDATE policy SET tiers = \'[{"patience_s": "soon"}]\'')
    await directory.read()
    assert directory.entries.default_policy(site.office.jurisdiction) == before


async def test_a_replica_starts_beside_a_broken_policy_and_still_knows_its_buttons(
    site: Site,
) -> None:
    await site.pool.execute("UPDATE policy SET tiers = '[1]'")
    directory = Directory(site.connection)
    await directory.read()
    assert site.office.device_id in directory.entries.devices
    assert directory.entries.default_policy(site.office.jurisdiction) is None
