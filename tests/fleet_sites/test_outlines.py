"""Counties that the outlines suggest."""

import pytest

from tocsin_server.fleet.outlines import suggest_counties


@pytest.mark.parametrize(
    ("latitude", "longitude", "county"),
    [
        (30.3175, -97.7136, "48453 (Travis, TX)"),
        (37.5407, -77.4360, "51760 (Richmond, VA)"),  # a city apart from any county
        (18.4600, -66.1000, "72127 (San Juan, PR)"),
        (61.2000, -149.9000, "02020 (Anchorage, AK)"),
        (41.3083, -72.9279, "09009 (New Haven, CT)"),
    ],
)
def test_a_point_well_inside_is_in_its_county(
    latitude: float, longitude: float, county: str
) -> None:
    (found,) = suggest_counties([(latitude, longitude)])
    assert str(found) == county


def test_where_there_is_no_county_none_is_suggested() -> None:
    assert suggest_counties([]) == []
    assert suggest_counties([(0.0, 0.0), (-97.7, 30.3), (90.0, 180.0)]) == [None, None, None]


def test_a_suggestion_says_that_a_person_confirms_and_which_counties_are_old() -> None:
    austin, new_haven = suggest_counties([(30.3175, -97.7136), (41.3083, -72.9279)])
    assert austin is not None
    assert new_haven is not None
    assert "a person confirms" in austin.caution
    assert "before 2022" not in austin.caution
    assert "before 2022" in new_haven.caution
