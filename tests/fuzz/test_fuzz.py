"""A short run of each part of the fuzzing; `make fuzz` runs them for minutes, with other seeds."""

import pytest

from tests.fuzz import api, decoder, files, inlet, plans, stand, webhook
from tests.walk.conftest import house, pytest_runtest_makereport, whole_house
from tests.walk.house import House
from tocsin_server.demo.postgres import EmbeddedPostgres

__all__ = ["house", "pytest_runtest_makereport", "whole_house"]

SEED = 20_261_103


def test_whatever_the_readers_of_the_wire_are_given_is_read_or_refused() -> None:
    tally = decoder.fuzz(seed=SEED, bodies=4_000)
    assert tally.wrong == []
    assert tally.messages == tally.read + tally.refused
    assert tally.read > 500
    assert tally.refused > 500


def test_whatever_a_file_holds_its_reader_takes_or_refuses() -> None:
    tally = files.fuzz(seed=SEED, files=150)
    assert tally.wrong == []
    assert tally.taken > 10
    assert tally.refused > 50


async def test_whatever_is_brought_as_a_plan_is_drawn_anew_or_refused() -> None:
    tally = await plans.fuzz(seed=SEED, files=20)
    assert tally.wrong == []
    assert tally.taken > 0
    assert tally.refused > 5


async def test_every_hostile_message_is_an_alert_or_doubtful(postgres: EmbeddedPostgres) -> None:
    tally = await inlet.fuzz(postgres, messages=1_536, seed=SEED)
    assert tally.wrong == []
    assert tally.messages == 1_536
    assert tally.doubtful > 500
    assert tally.presses > 300


@pytest.mark.asyncio(loop_scope="session")
async def test_no_request_is_a_fault_and_nothing_unsigned_does_anything(house: House) -> None:
    tally = await webhook.fuzz(house, requests=250, seed=SEED)
    assert tally.wrong == []


@pytest.mark.asyncio(loop_scope="session")
async def test_the_api_does_what_its_document_says(house: House) -> None:
    emails = await stand.sign_ins(house, ["dispatcher"])
    cookie = await api.session_of(house, emails["dispatcher"])
    run = await api.run(
        house, role="dispatcher", cookie=cookie, seed=SEED, examples=1, phases="coverage"
    )
    assert run.held, run.said
    assert run.cases > 100
    assert stand.own_mistakes(house.walk.server) == []
