"""What counts as a fault, decided from the facts of one audit."""

from collections.abc import Mapping, Sequence
from datetime import date

import msgspec
import pytest

from tocsin_server.faults import (
    CHECKS,
    REPAIRED_SHOWN_S,
    Check,
    Facts,
    Fault,
    Notice,
    Row,
    faults_in,
)
from tocsin_server.fleet.pulse import LinkState
from tocsin_server.people.ending import Vacancy

FIRST, SECOND = "mqtts://broker-1:8883", "mqtts://broker-2:8883"
FOREVER = float("inf")
VACANT = Vacancy(
    jurisdiction="48453",
    policy="Standard",
    tier=1,
    names=["Dana Ortiz"],
    ends_on=date(2026, 11, 3),
    is_empty=False,
)


def facts(
    *rows: Row,
    away: bool = False,
    database_back_s: float = FOREVER,
    listen_age_s: float = 0.0,
    links: Sequence[LinkState] = (LinkState(FIRST, True, 3.0), LinkState(SECOND, True, 3.0)),
    loops: Mapping[str, float] | None = None,
    vacancies: Sequence[Vacancy] = (),
    repaired: Sequence[Row] = (),
    silent_replicas: Sequence[str] = (),
    deaf_s_ago: float = FOREVER,
    trouble: Sequence[str] = (),
    notices: Sequence[Notice] = (),
) -> Facts:
    return Facts(
        replica_id="server-1",
        rows=None if away else rows,
        database_back_s=database_back_s,
        listen_age_s=listen_age_s,
        links=tuple(links),
        loops=loops or {"escalate": 0.5, "notify": 0.5},
        vacancies=tuple(vacancies),
        repaired=tuple(repaired),
        silent_replicas=tuple(silent_replicas),
        deaf_s_ago=deaf_s_ago,
        trouble=tuple(trouble),
        notices=tuple(notices),
    )


@pytest.mark.parametrize(
    ("claim", "seen", "checks"),
    [
        ("all is well", facts(), []),
        ("the database is away", facts(away=True), ["database_away"]),
        (
            "what stands still with the database is not told beside it",
            facts(away=True, listen_age_s=60, loops={"notify": 60}),
            ["database_away"],
        ),
        (
            "and has ten seconds to get going when it is back",
            facts(database_back_s=9.9, listen_age_s=60, loops={"notify": 60}),
            [],
        ),
        (
            "no longer",
            facts(database_back_s=10.0, listen_age_s=60, loops={"notify": 60}),
            ["listen_deaf", "loop_stopped"],
        ),
        ("a probe takes its time", facts(listen_age_s=6.0), []),
        ("a probe that did not come back", facts(listen_age_s=6.1), ["listen_deaf"]),
        ("a loop takes its time", facts(loops={"escalate": 10.0}), []),
        (
            "two loops stopped",
            facts(loops={"escalate": 10.1, "notify": 11.0}),
            ["loop_stopped", "loop_stopped"],
        ),
        ("a pulse takes its time", facts(links=[LinkState(FIRST, True, 15.0)]), []),
        (
            "a pulse did not come back",
            facts(links=[LinkState(FIRST, True, 15.1)]),
            ["no_broker"],
        ),
        ("the only link is down", facts(links=[LinkState(FIRST, False, 1.0)]), ["no_broker"]),
        (
            "one of two links is down",
            facts(links=[LinkState(FIRST, False, 1.0), LinkState(SECOND, True, 3.0)]),
            ["broker_silent"],
        ),
        ("both are", facts(links=[LinkState(FIRST, False, 1.0)] * 2), ["no_broker", "no_broker"]),
        (
            "no pulse is sent while the database is away",
            facts(away=True, links=[LinkState(FIRST, True, 90.0)]),
            ["database_away"],
        ),
        (
            "a link is down as well",
            facts(away=True, links=[LinkState(FIRST, False, 90.0)]),
            ["database_away", "no_broker"],
        ),
        (
            "what the database says",
            facts(
                Row("no_next_decision", "48453", 1, ("4821",)), Row("nobody_watching", "48201", 2)
            ),
            ["no_next_decision", "nobody_watching"],
        ),
        ("another replica is silent", facts(silent_replicas=["server-2"]), ["replica_hangs"]),
        (
            "which with the database away they all were",
            facts(silent_replicas=["server-2"], database_back_s=9.9),
            [],
        ),
        (
            "what another part finds",
            facts(notices=[Notice("shift_gap", "48453", "gap on Sunday", "Nobody on Sunday.")]),
            ["shift_gap"],
        ),
        ("the provider", facts(trouble=["Low.", "Slow."]), ["provider_trouble"]),
    ],
)
def test_what_stands_still_is_a_fault(claim: str, seen: Facts, checks: list[Check]) -> None:
    assert [fault.check for fault in faults_in(seen)] == checks, claim


def test_a_fault_that_only_the_database_knows_stays_while_it_is_away() -> None:
    before = faults_in(
        facts(
            Row("decision_overdue", "48453", 1, ("4821",)),
            loops={"notify": 60.0},
            vacancies=[VACANT],
        )
    )
    now = faults_in(facts(away=True), before)
    assert [fault.check for fault in now] == ["database_away", "decision_overdue", "tier_empties"]


def severities(seen: Facts) -> list[tuple[str, str]]:
    return [(fault.check, fault.severity) for fault in faults_in(seen)]


def test_what_was_mended_is_a_warning_unless_it_stands_still_again() -> None:
    row = Row("no_next_decision", "48453", 1, ("4821",))
    assert severities(facts(repaired=[row])) == [("no_next_decision", "warning")]
    assert severities(facts(row, repaired=[row])) == [("no_next_decision", "fault")]
    elsewhere = Row("no_next_decision", "48201", 1, ("1190",))
    assert [fault.jurisdiction for fault in faults_in(facts(row, repaired=[elsewhere]))] == [
        "48453",
        "48201",
    ]


def test_a_listen_that_was_deaf_is_a_warning_for_a_while() -> None:
    assert severities(facts(listen_age_s=60, deaf_s_ago=1)) == [("listen_deaf", "fault")]
    assert severities(facts(deaf_s_ago=1)) == [("listen_deaf", "warning")]
    assert severities(facts(deaf_s_ago=REPAIRED_SHOWN_S)) == []


def test_what_is_to_come_is_a_warning() -> None:
    assert severities(facts(vacancies=[VACANT])) == [("tier_empties", "warning")]
    soon = Notice("shift_gap", "48453", "gap on Sunday", "Nobody on Sunday.", "warning")
    assert severities(facts(notices=[soon])) == [("shift_gap", "warning")]


def test_the_provider_has_one_fault_whatever_it_says_today() -> None:
    (low,) = faults_in(facts(trouble=["3 dollars are left."]))
    (lower,) = faults_in(facts(trouble=["2 dollars are left.", "The sender isn't registered."]))
    assert low.name == lower.name
    assert lower.message == "2 dollars are left. The sender isn't registered."


def test_a_tier_that_is_empty_is_another_fault_than_one_that_will_be() -> None:
    will_be, is_now = faults_in(
        facts(vacancies=[VACANT, msgspec.structs.replace(VACANT, is_empty=True)])
    )
    assert will_be.name != is_now.name, "each is told, once"


def message(seen: Facts) -> str:
    (fault,) = faults_in(seen)
    return fault.message


def test_one_alert_and_several_are_named_by_their_codes() -> None:
    one = message(facts(Row("decision_overdue", "48453", 1, ("4821",))))
    assert one.startswith("An open alert (code 4821) is overdue")
    several = message(facts(Row("decision_overdue", "48453", 3, ("4821", "0007", "1190"))))
    assert several.startswith("3 open alerts (code 4821, 0007, 1190) are overdue")


def test_a_silent_broker_says_whether_presses_still_arrive() -> None:
    one_of_two = message(facts(links=[LinkState(FIRST, False, 60.0), LinkState(SECOND, True, 3.0)]))
    assert "broker-1:8883" in one_of_two
    assert "Presses still come by the other broker" in one_of_two
    the_only_one = message(facts(links=[LinkState(FIRST, False, 60.0)]))
    assert "No press reaches this server" in the_only_one


def test_no_password_of_a_broker_is_shown() -> None:
    url = "mqtts://user:secret@broker-1:8883"
    assert "secret" not in message(facts(links=[LinkState(url, False, 60.0)]))


def all_faults() -> list[Fault]:
    rows: list[Check] = [
        "no_next_decision",
        "decision_overdue",
        "notification_stuck",
        "nobody_watching",
    ]
    every = [Row(check, "48453", times) for check in rows for times in (1, 2)]
    mended = [row for row in every if row.check != "nobody_watching"]
    seen = facts(
        *every,
        listen_age_s=60,
        loops={"escalate": 60, "notify": 60, "another": 60},
        links=[LinkState(FIRST, False, 60.0)],
        vacancies=[VACANT],
        silent_replicas=["server-2"],
    )
    one_of_two = facts(
        repaired=mended,
        deaf_s_ago=1,
        links=[LinkState(FIRST, False, 60.0), LinkState(SECOND, True, 3.0)],
    )
    return [*faults_in(seen), *faults_in(one_of_two), *faults_in(facts(away=True))]


def test_every_check_has_words_that_fit_a_text_message() -> None:
    found = all_faults()
    elsewhere = {"provider_trouble", "shift_gap", "last_tier_unreachable", "synthetic_press"}
    assert {fault.check for fault in found} == set(CHECKS) - elsewhere
    for fault in found:
        assert len(fault.message) < 320
        assert fault.message.isascii()  # one segment holds 160 of these, and 70 of others
        assert fault.message.endswith(".")
        assert "{" not in fault.message
