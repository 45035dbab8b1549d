"""The AsyncAPI document: it says what the code does, and tools can read it."""

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tocsin_wire import asyncapi, messages, signing, topics
from tocsin_wire.topics import Leaf

PUBLISHED = Path(__file__).parents[2] / "broker_config" / "asyncapi.yaml"
ROOT = asyncapi.document()

# Keys that AsyncAPI 3.0.0 requires, and all that it allows besides extensions (x-…).
OBJECTS: dict[str, tuple[set[str], set[str]]] = {
    "": (
        {"asyncapi", "info"},
        {"id", "servers", "defaultContentType", "channels", "operations", "components"},
    ),
    "info": (
        {"title", "version"},
        {"description", "termsOfService", "contact", "license", "tags", "externalDocs"},
    ),
    "servers/*": (
        {"host", "protocol"},
        {
            "protocolVersion",
            "pathname",
            "description",
            "title",
            "summary",
            "variables",
            "security",
            "tags",
            "externalDocs",
            "bindings",
        },
    ),
    "channels/*": (
        {"address", "messages"},
        {
            "title",
            "summary",
            "description",
            "servers",
            "parameters",
            "tags",
            "externalDocs",
            "bindings",
        },
    ),
    "operations/*": (
        {"action", "channel"},
        {
            "title",
            "summary",
            "description",
            "security",
            "tags",
            "externalDocs",
            "bindings",
            "traits",
            "messages",
            "reply",
        },
    ),
    "components/messages/*": (
        {"payload", "contentType", "name"},
        {
            "headers",
            "correlationId",
            "title",
            "summary",
            "description",
            "tags",
            "externalDocs",
            "bindings",
            "examples",
            "traits",
        },
    ),
    "components/parameters/*": (set(), {"enum", "default", "description", "examples", "location"}),
    "components/securitySchemes/*": ({"type"}, {"description"}),
    "operations/*/bindings/mqtt": ({"qos", "bindingVersion"}, {"retain"}),
    "servers/*/bindings/mqtt": (
        {"keepAlive", "lastWill", "bindingVersion"},
        {"clientId", "cleanSession"},
    ),
}


def at(*path: str) -> asyncapi.Schema:
    """Go down to one object of the document."""
    here: object = ROOT
    for step in path:
        assert isinstance(here, dict)
        here = here[step]
    assert isinstance(here, dict)
    return here


def every(pattern: str) -> Iterator[asyncapi.Schema]:
    """Find all objects on a path in which `*` stands for any key."""
    found: list[object] = [ROOT]
    for step in pattern.split("/") if pattern else []:
        objects = [here for here in found if isinstance(here, dict)]
        found = [value for here in objects for key, value in here.items() if step in {"*", key}]
    for here in found:
        assert isinstance(here, dict)
        yield here


def references(here: object) -> Iterator[str]:
    match here:
        case dict():
            for key, value in here.items():
                if key == "$ref":
                    yield value
                else:
                    yield from references(value)
        case list():
            for value in here:
                yield from references(value)


def test_the_published_document_is_the_one_that_the_code_makes() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == asyncapi.to_yaml(), "run `make contract`"


def test_the_document_reads_back_and_repeats_nothing_by_alias() -> None:
    text = asyncapi.to_yaml()

    assert yaml.safe_load(text) == ROOT
    assert not re.search(r"[&*]id\d", text)


def test_the_module_prints_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(asyncapi.__file__, run_name="__main__")

    assert capsys.readouterr().out == asyncapi.to_yaml()


@pytest.mark.parametrize("pattern", OBJECTS)
def test_every_object_has_the_keys_of_asyncapi_3_and_no_others(pattern: str) -> None:
    required, allowed = OBJECTS[pattern]
    found = list(every(pattern))

    assert found
    for described in found:
        keys = {key for key in described if not key.startswith("x-")}
        assert required <= keys <= required | allowed


def test_every_reference_leads_somewhere() -> None:
    found = set(references(ROOT))

    assert found
    for reference in found:
        assert at(*reference.removeprefix("#/").split("/"))


def test_every_channel_names_the_parameters_of_its_address() -> None:
    for channel in every("channels/*"):
        named = set(re.findall(r"{(\w+)}", str(channel["address"])))
        assert isinstance(channel["parameters"], dict)
        assert set(channel["parameters"]) == named


@pytest.mark.parametrize("leaf", Leaf)
def test_a_device_s_channel_is_the_topic_that_the_code_uses(leaf: Leaf) -> None:
    channel = at("channels", leaf)
    address = str(channel["address"]).format(jurisdiction="48453", deviceId="btn-0123456789")

    assert topics.parse(address) == topics.Topic("48453", "btn-0123456789", leaf)
    assert channel["x-server-subscribes"] == topics.every(leaf)


def test_the_pulse_s_channel_is_the_topic_that_the_code_uses() -> None:
    channel = at("channels", "pulse")

    address = str(channel["address"]).format(replicaId="server-1")
    assert address == topics.pulse_topic("server-1")
    assert channel["x-server-subscribes"] == topics.PULSES


@pytest.mark.parametrize(
    ("operation", "action", "channel", "qos", "retain"),
    [
        ("buttonSendsPress", "send", "press", 1, False),
        ("serverReceivesPress", "receive", "press", 1, None),
        ("buttonSendsHeartbeat", "send", "heartbeat", 0, False),
        ("serverReceivesHeartbeat", "receive", "heartbeat", 0, None),
        ("buttonSendsStatus", "send", "status", 1, True),
        ("serverReceivesStatus", "receive", "status", 1, None),
        ("serverSendsReceipt", "send", "receipt", 1, False),
        ("buttonReceivesReceipt", "receive", "receipt", 1, None),
        ("serverSendsCommand", "send", "command", 1, False),
        ("buttonReceivesCommand", "receive", "command", 1, None),
        ("serverSendsPulse", "send", "pulse", 0, False),
        ("buttonReceivesPulse", "receive", "pulse", 0, None),
        ("serverReceivesPulse", "receive", "pulse", 0, None),
        ("serverSendsReconfigure", "send", "command", 1, False),
        ("buttonReceivesReconfigure", "receive", "command", 1, None),
        ("serverSendsSuccession", "send", "pulse", 0, False),
        ("buttonReceivesSuccession", "receive", "pulse", 0, None),
    ],
)
def test_each_side_sends_and_receives_as_the_contract_says(
    operation: str, action: str, channel: str, qos: int, retain: bool | None
) -> None:
    described = at("operations", operation)

    assert described["action"] == action
    assert described["channel"] == {"$ref": f"#/channels/{channel}"}
    binding = at("operations", operation, "bindings", "mqtt")
    assert (binding["qos"], binding.get("retain")) == (qos, retain)


def test_there_are_no_operations_besides() -> None:
    assert len(at("operations")) == 17


def test_signed_messages_are_jose_and_the_others_json() -> None:
    for kind in asyncapi.EXAMPLES:
        message = at("components", "messages", kind.__name__)
        if kind in signing.TYPES:
            assert message["contentType"] == "application/jose"
            typ = at("components", "messages", kind.__name__, "x-jose-header", "properties", "typ")
            assert typ == {"const": signing.TYPES[kind]}
        else:
            assert message["contentType"] == "application/json"
            assert message["payload"] == {"$ref": f"#/components/schemas/{kind.__name__}"}


def test_a_signed_message_looks_as_the_document_says() -> None:
    key = signing.SigningKey.generate()
    for kind in signing.TYPES.keys() & asyncapi.EXAMPLES:  # a claim goes over no broker
        payload = at("components", "messages", kind.__name__, "payload")
        signed = key.sign(asyncapi.EXAMPLES[kind]).decode()
        assert re.search(str(payload["pattern"]), signed)


def test_the_examples_are_messages() -> None:
    for kind, example in asyncapi.EXAMPLES.items():
        examples = at("components", "schemas", kind.__name__)["examples"]
        assert isinstance(examples, list)
        assert [messages.decode(kind, json.dumps(each).encode()) for each in examples] == [example]


@pytest.mark.parametrize(
    ("schema", "field", "limits"),
    [
        ("Press", "age_ms", {"minimum": 0, "maximum": messages.AGE_MS_MAX}),
        ("Press", "attempt", {"minimum": 1, "maximum": messages.INT32_MAX}),
        ("Press", "kind", {"maxLength": 40, "examples": list(messages.KINDS)}),
        ("Heartbeat", "open", {"maxItems": messages.OPEN_PRESSES_MAX}),
    ],
)
def test_a_field_s_limits_are_told(schema: str, field: str, limits: dict[str, object]) -> None:
    described = at("components", "schemas", schema, "properties", field)

    assert {key: described[key] for key in limits} == limits


def test_the_limits_of_a_field_that_may_be_null_are_told() -> None:
    temperature = at("components", "schemas", "Heartbeat", "properties", "cpu_temp_c")
    assert temperature["anyOf"] == [
        {"type": "number", "minimum": -100, "maximum": 200},
        {"type": "null"},
    ]

    selftest = at("components", "schemas", "Heartbeat", "properties", "selftest")
    assert selftest["anyOf"] == [
        {"enum": ["ok"]},
        {"type": "array", "items": {"type": "string", "maxLength": 100}, "maxItems": 10},
        {"type": "null"},
    ]
