"""Topics: a device's topic can be named and read back, and nothing else is read as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin_wire import topics
from tocsin_wire.errors import MalformedTopic, WireError
from tocsin_wire.topics import Leaf, Topic

jurisdictions = st.from_regex(topics.JURISDICTION, fullmatch=True).filter(topics.is_jurisdiction)
device_ids = st.from_regex(topics.DEVICE_ID, fullmatch=True)


@given(jurisdictions, device_ids, st.sampled_from(Leaf))
def test_a_topic_that_was_named_is_read_back(jurisdiction: str, device_id: str, leaf: Leaf) -> None:
    named = topics.topic(jurisdiction, device_id, leaf)

    assert topics.parse(named) == Topic(jurisdiction, device_id, leaf)


@given(st.text() | st.builds(topics.topic, jurisdictions, device_ids, st.sampled_from(Leaf)))
def test_any_text_is_a_topic_or_is_refused_briefly(text: str) -> None:
    try:
        named = topics.parse(text)
    except MalformedTopic as refusal:
        assert len(str(refusal)) < 2_000  # noqa: PT017  # either outcome is right, a third is not
    else:
        assert topics.topic(named.jurisdiction, named.device_id, named.leaf) == text


def test_a_device_id_is_drawn_from_the_contract_s_letters() -> None:
    drawn = {topics.new_device_id() for _ in range(100)}

    assert len(drawn) == 100
    assert all(topics.is_device_id(device_id) for device_id in drawn)


@pytest.mark.parametrize(
    "device_id",
    ["", "btn-", "btn-01234567I9", "btn-01234567L9", "BTN-0123456789", "btn-0123456789\n"],
)
def test_no_other_text_is_a_device_id(device_id: str) -> None:
    assert not topics.is_device_id(device_id)
    with pytest.raises(MalformedTopic, match="no device id"):
        topics.topic("48453", device_id, Leaf.PRESS)


@pytest.mark.parametrize(
    "jurisdiction",
    ["", "server", "+", "#", "a/b", "Travis", "-a", "a-", "a" * 41, "48453\n", "$SYS"],
)
def test_no_wildcard_and_no_server_is_a_jurisdiction(jurisdiction: str) -> None:
    with pytest.raises(MalformedTopic, match="no jurisdiction"):
        topics.topic(jurisdiction, "btn-0123456789", Leaf.PRESS)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("tocsin/v1/48453/btn-0123456789", "is not tocsin/v1"),
        ("tocsin/v1/48453/btn-0123456789/press/", "is not tocsin/v1"),
        ("tocsin/v2/48453/btn-0123456789/press", "is not tocsin/v1"),
        ("tocsin/v1/server/btn-0123456789/press", "names no jurisdiction and device"),
        ("tocsin/v1/48453/btn-012345678/press", "names no jurisdiction and device"),
        ("tocsin/v1/48453/btn-0123456789/pulse", "is none of press, heartbeat"),
        ("tocsin/v1/48453/btn-0123456789/PRESS", "is none of press, heartbeat"),
    ],
)
def test_another_topic_is_refused_with_its_reason(text: str, refusal: str) -> None:
    with pytest.raises(MalformedTopic, match=refusal):
        topics.parse(text)


def test_a_refused_topic_is_a_wire_error() -> None:
    assert issubclass(MalformedTopic, WireError)


def test_a_replica_has_its_own_pulse_topic() -> None:
    assert topics.pulse_topic("server-1") == "tocsin/v1/server/server-1/pulse"
    assert topics.PULSES == "tocsin/v1/server/+/pulse"


@pytest.mark.parametrize("replica_id", ["", "+", "a/b", "Server", "-a", "a" * 41])
def test_a_replica_id_can_t_widen_its_topic(replica_id: str) -> None:
    with pytest.raises(MalformedTopic, match="no replica id"):
        topics.pulse_topic(replica_id)


def test_one_filter_hears_one_leaf_of_every_device() -> None:
    assert topics.every(Leaf.PRESS) == "tocsin/v1/+/+/press"
