"""Which link is opened anew when receipts don't come over it."""

from uuid import uuid4

from tocsin_button.renewal import EXPECTATIONS_MAX, Renew, Renewals, Standing

EAST, WEST = Standing("mqtts://east", 0.0), Standing("mqtts://west", 0.0)
BOTH = [EAST, WEST]


def brought(renewals: Renewals, now_s: float, *overs: str, links: list[Standing] = BOTH) -> None:
    press_id = uuid4()
    for over in overs:
        renewals.receipt_came(press_id, "stored", is_open=True, over=over, links=links, now_s=now_s)


def decide(
    renewals: Renewals,
    now_s: float,
    *,
    links: list[Standing] = BOTH,
    unanswered_since_s: float | None = None,
) -> str | None:
    match renewals.decide(now_s=now_s, links=links, unanswered_since_s=unanswered_since_s):
        case Renew(url, _):
            return url
    return None


def test_a_link_that_missed_a_receipt_is_renewed_and_the_other_is_not() -> None:
    renewals = Renewals()
    brought(renewals, 100.0, EAST.url)
    assert decide(renewals, 100.9) is None
    assert decide(renewals, 101.0) == WEST.url
    assert decide(renewals, 101.1) is None


def test_links_that_both_bring_it_are_left_alone() -> None:
    renewals = Renewals()
    brought(renewals, 100.0, EAST.url, WEST.url)
    assert decide(renewals, 110.0) is None


def test_a_link_that_has_just_come_up_owes_nothing() -> None:
    renewals = Renewals()
    brought(renewals, 100.0, EAST.url, links=[EAST, Standing(WEST.url, 99.5)])
    assert decide(renewals, 110.0) is None


def test_a_link_that_is_down_by_then_is_not_dropped_again() -> None:
    renewals = Renewals()
    brought(renewals, 100.0, EAST.url)
    assert decide(renewals, 101.0, links=[EAST]) is None
    assert decide(renewals, 102.0) is None


def test_each_link_is_renewed_at_most_every_ten_seconds() -> None:
    renewals = Renewals()
    for now_s, renewed in ((100.0, True), (105.0, False), (112.0, True)):
        brought(renewals, now_s, EAST.url)
        assert (decide(renewals, now_s + 1.0) == WEST.url) is renewed


def test_when_no_link_brings_a_receipt_one_at_a_time_is_renewed() -> None:
    renewals = Renewals()
    assert decide(renewals, 101.9, unanswered_since_s=100.0) is None
    renewed = [decide(renewals, 102.0 + n, unanswered_since_s=100.0) for n in range(12)]
    assert renewed == [EAST.url, None, None, WEST.url, *[None] * 6, EAST.url, None]


def test_a_link_is_given_time_before_it_is_renewed() -> None:
    renewals = Renewals()
    young = [Standing(EAST.url, 101.0)]
    assert decide(renewals, 102.0, links=young, unanswered_since_s=90.0) is None
    assert decide(renewals, 103.0, links=young, unanswered_since_s=90.0) == EAST.url


def test_a_receipt_for_a_press_that_is_over_makes_nobody_owe_it() -> None:
    renewals = Renewals()
    renewals.receipt_came(
        uuid4(), "resolved", is_open=False, over=EAST.url, links=BOTH, now_s=100.0
    )
    assert decide(renewals, 110.0) is None


def test_what_is_remembered_is_bounded() -> None:
    renewals = Renewals()
    for _ in range(EXPECTATIONS_MAX + 10):
        brought(renewals, 100.0, EAST.url, WEST.url)
    assert len(renewals._brought) == len(renewals._owed) == EXPECTATIONS_MAX
