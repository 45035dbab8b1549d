"""The wire contract as an AsyncAPI 3.0 document, for those who build something else to it.

It is made from the same types that both sides read and write with, so it can't say
anything else. It documents what to send: a receiver clamps what lies outside the
limits and ignores what it doesn't know, except where a field is required.
"""

import inspect
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import msgspec

from tocsin_wire import VERSION, messages, signing, topics
from tocsin_wire.messages import (
    BrokerAddress,
    Command,
    CommandArguments,
    Contacts,
    Heartbeat,
    Message,
    OpenPress,
    Press,
    Pulse,
    Receipt,
    Reconfigure,
    Release,
    ReleaseOffer,
    Status,
    Succession,
    Update,
)
from tocsin_wire.topics import Leaf

KEEPALIVE_S = 10
MQTT_BINDING = "0.2.0"

Schema = dict[str, object]


@dataclass(frozen=True, slots=True)
class Route:
    """How one type of message travels: on which topic, from whom, and how it is delivered."""

    message: type[Message]
    address: str
    filter: str  # what a server subscribes; a button subscribes its own topic
    sender: str
    receivers: tuple[str, ...]
    qos: int
    retained: bool
    summary: str

    @property
    def name(self) -> str:
        """Name the channel as its topic ends."""
        return self.address.rpartition("/")[2]


def _route(
    message: type[Message], leaf: Leaf, sender: str, *, qos: int, retained: bool, summary: str
) -> Route:
    return Route(
        message=message,
        address=f"{topics.ROOT}/{{jurisdiction}}/{{deviceId}}/{leaf}",
        filter=topics.every(leaf),
        sender=sender,
        receivers=("server",) if sender == "button" else ("button",),
        qos=qos,
        retained=retained,
        summary=summary,
    )


ROUTES = (
    _route(
        Press,
        Leaf.PRESS,
        "button",
        qos=1,
        retained=False,
        summary="A press. It is sent again until the server's signed receipt for it arrives.",
    ),
    _route(
        Heartbeat,
        Leaf.HEARTBEAT,
        "button",
        qos=0,
        retained=False,
        summary="How the button is: every 15 s with 20 % jitter, and at once when it changes.",
    ),
    _route(
        Status,
        Leaf.STATUS,
        "button",
        qos=1,
        retained=True,
        summary="Whether the button stands on this broker; the last will says that it doesn't.",
    ),
    _route(
        Receipt,
        Leaf.RECEIPT,
        "server",
        qos=1,
        retained=False,
        summary="What has become of a press; sent only after the database committed.",
    ),
    _route(
        Reconfigure,
        Leaf.COMMAND,
        "server",
        qos=1,
        retained=False,
        summary="Other brokers, signed by the offline key; its number rises for ever.",
    ),
    _route(
        Command,
        Leaf.COMMAND,
        "server",
        qos=1,
        retained=False,
        summary="Something asked of one button, in its present boot only, in rising order.",
    ),
    Route(
        message=Succession,
        address=f"{topics.ROOT}/server/{{replicaId}}/pulse",
        filter=topics.PULSES,
        sender="server",
        receivers=("button",),
        qos=0,
        retained=False,
        summary="Beside a pulse, once the keys of receipts have been rotated: which comes next.",
    ),
    Route(
        message=Pulse,
        address=f"{topics.ROOT}/server/{{replicaId}}/pulse",
        filter=topics.PULSES,
        sender="server",
        receivers=("button", "server"),
        qos=0,
        retained=False,
        summary="Every 10 s while the replica's database commits. The replica hears it as well.",
    ),
)

_PARAMETERS: dict[str, Schema] = {
    "jurisdiction": {
        "description": "A slug, a county's FIPS code for one; never 'server'.",
        "examples": ["48453"],
        "x-pattern": f"^{topics.JURISDICTION.pattern}$",
    },
    "deviceId": {
        "description": "Drawn by the server at the claim; the CN of the device's certificate.",
        "examples": ["btn-0123456789"],
        "x-pattern": f"^{topics.DEVICE_ID.pattern}$",
    },
    "replicaId": {
        "description": "One replica of the server.",
        "examples": ["server-1"],
        "x-pattern": f"^{topics.REPLICA_ID.pattern}$",
    },
}

# Words in use today. Others are kept as they are: a newer side may know more of them.
_WORDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("Press", "kind"): messages.KINDS,
    ("Press", "gesture"): messages.GESTURES,
    ("Heartbeat", "network"): messages.NETWORKS,
    ("Command", "name"): messages.COMMANDS,
    ("Update", "state"): messages.UPDATE_STATES,
}

_PRESS_ID = UUID("01980a2f-3c00-7a5b-8c1d-2e3f4a5b6c7d")
_BOOT_ID = UUID("6a1f0c9e-58d2-4b7c-9e35-0d4c2b1a7f60")
_AT = "2026-11-03T13:00:00.250Z"

EXAMPLES: dict[type[Message], Message] = {
    Press: Press(
        press_id=_PRESS_ID,
        device_id="btn-0123456789",
        kind="duress",
        boot_id=_BOOT_ID,
        seq=1,
        age_ms=4,
        age_exact=True,
        device_clock=_AT,
    ),
    Heartbeat: Heartbeat(
        boot_id=_BOOT_ID,
        connection=1,
        uptime_s=86400,
        firmware="0.1.0",
        outbox_depth=1,
        open=[OpenPress(press_id=_PRESS_ID, state="stored", drill=False)],
        network="ethernet",
        cpu_temp_c=48.3,
        undervoltage=False,
        clock_synced=True,
        contacts=Contacts(no_closed=False, nc_closed=True),
        selftest="ok",
    ),
    Status: Status(online=False, boot_id=_BOOT_ID, connection=1),
    Receipt: Receipt(
        press_id=_PRESS_ID,
        device_id="btn-0123456789",
        alert_id=UUID("01980a2f-3c64-7b21-9f00-112233445566"),
        state="stored",
        at=_AT,
    ),
    Command: Command(
        command_id=UUID("01980a30-0000-7c00-8000-aabbccddeeff"),
        device_id="btn-0123456789",
        boot_id=_BOOT_ID,
        command_seq=1,
        name="identify",
    ),
    Reconfigure: Reconfigure(
        number=29_922_546,
        jurisdiction="48453",
        brokers=[BrokerAddress(url="mqtts://broker-a.county.example:8883")],
        at=_AT,
    ),
    Release: Release(version="0.2.0", sha256=bytes(range(32)), size_bytes=1_530_725, at=_AT),
    Pulse: Pulse(replica_id="server-1", at=_AT),
    Succession: Succession(next_key=bytes(range(32)), at=_AT),
}


def document() -> Schema:
    """Describe the whole contract; every value can be written as JSON or YAML."""
    described: Schema = {
        "asyncapi": "3.0.0",
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {route.name: _channel(route) for route in ROUTES},
        "operations": dict(_operations()),
        "components": {
            "schemas": _schemas(),
            "messages": {kind.__name__: _message(kind) for kind in EXAMPLES},
            "parameters": _PARAMETERS,
            "securitySchemes": {
                "clientCertificate": {
                    "type": "X509",
                    "description": "Issued by the deployment's own CA. The CN is the device id, "
                    "or the replica's name, and the broker takes the client id from it.",
                }
            },
        },
    }
    # Once through JSON: no object is then in two places, which YAML would write as an alias.
    plain: Schema = json.loads(json.dumps(described))
    return plain


def _info() -> Schema:
    return {
        "title": "Tocsin wire contract",
        "version": f"{VERSION}.0.0",
        "description": (
            "What a duress button and a server say to each other. It needs MQTT 3.1.1 with QoS 0 "
            "and 1, retained messages and last wills, nothing more.\n\n"
            "A broker's PUBACK proves only that the broker has a message: a button keeps a press "
            "until a signed receipt for it arrives. Unknown fields are ignored, unknown kinds are "
            "shown as they are, numbers outside their limits are clamped and texts are cut.\n\n"
            f"A message is UTF-8 JSON of at most {messages.MESSAGE_BYTES_MAX} bytes; a signed one "
            f"is at most {signing.JWS_BYTES_MAX} bytes as it travels."
        ),
        "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    }


def _servers() -> Schema:
    will = messages.encode(EXAMPLES[Status]).decode()
    bindings = {
        "mqtt": {
            "cleanSession": True,
            "keepAlive": KEEPALIVE_S,
            "lastWill": {
                "topic": f"{topics.ROOT}/{{jurisdiction}}/{{deviceId}}/{Leaf.STATUS}",
                "qos": 1,
                "retain": True,
                "message": will,
            },
            "bindingVersion": MQTT_BINDING,
        }
    }
    common: Schema = {
        "protocolVersion": "3.1.1",
        "variables": {"broker": {"description": "One of the deployment's brokers."}},
        "security": [{"$ref": "#/components/securitySchemes/clientCertificate"}],
        "bindings": bindings,
    }
    return {
        "direct": {
            "host": "{broker}:8883",
            "protocol": "secure-mqtt",
            "description": "A button holds a connection to every broker at once and publishes "
            "each attempt on all of them. Only a button has a last will.",
            **common,
        },
        "proxy": {
            "host": "{broker}:443",
            "protocol": "wss",
            "description": "The same over WebSocket, through a proxy that lets only 443 out.",
            **common,
        },
    }


def _channel(route: Route) -> Schema:
    """Describe a topic, by the last of the messages that it carries."""
    names = [each.message.__name__ for each in ROUTES if each.address == route.address]
    return {
        "address": route.address,
        "summary": route.summary,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "parameters": {
            parameter: {"$ref": f"#/components/parameters/{parameter}"}
            for parameter in _PARAMETERS
            if f"{{{parameter}}}" in route.address
        },
        "x-server-subscribes": route.filter,
    }


def _operations() -> Iterator[tuple[str, Schema]]:
    for route in ROUTES:
        name = route.message.__name__
        sent = {"qos": route.qos, "retain": route.retained, "bindingVersion": MQTT_BINDING}
        received = {"qos": route.qos, "bindingVersion": MQTT_BINDING}
        yield f"{route.sender}Sends{name}", _operation(route, "send", route.sender, sent)
        for receiver in route.receivers:
            yield f"{receiver}Receives{name}", _operation(route, "receive", receiver, received)


def _operation(route: Route, action: str, side: str, binding: Schema) -> Schema:
    return {
        "action": action,
        "summary": route.summary,
        "tags": [{"name": side}],
        "channel": {"$ref": f"#/channels/{route.name}"},
        "messages": [{"$ref": f"#/channels/{route.name}/messages/{route.message.__name__}"}],
        "bindings": {"mqtt": binding},
    }


def _message(kind: type[Message]) -> Schema:
    name = kind.__name__
    body = {"$ref": f"#/components/schemas/{name}"}
    typ = signing.TYPES.get(kind)
    if typ is None:
        return {
            "name": name,
            "contentType": "application/json",
            "payload": body,
            "x-bytes-max": messages.MESSAGE_BYTES_MAX,
        }
    return {
        "name": name,
        "contentType": "application/jose",
        "description": f"A JWS in compact serialization (RFC 7515) of a {name}.",
        "payload": {
            "type": "string",
            "maxLength": signing.JWS_BYTES_MAX,
            "pattern": "^[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]{85}[AQgw]$",
        },
        "x-jose-header": {
            "type": "object",
            "properties": {
                "alg": {"const": signing.ALGORITHM},
                "typ": {"const": typ},
                "kid": {
                    "type": "string",
                    "pattern": "^[A-Za-z0-9_-]{43}$",
                    "description": "The RFC 7638 thumbprint of the sender's Ed25519 key.",
                },
            },
            "required": ["alg", "typ", "kid"],
            "not": {"required": ["crit"]},
        },
        "x-signed-body": body,
        "x-bytes-max": signing.JWS_BYTES_MAX,
    }


def _schemas() -> Schema:
    types: list[type[msgspec.Struct]] = [
        *EXAMPLES,
        CommandArguments,
        OpenPress,
        Contacts,
        BrokerAddress,
        ReleaseOffer,
        Update,
    ]
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    for type_ in types:
        schema = schemas[type_.__name__]
        schema["description"] = inspect.cleandoc(schema["description"])
        for field, described in schema["properties"].items():
            words = _WORDS.get((type_.__name__, field))
            if words:
                described["examples"] = list(words)
            limits = type_.LIMITS if issubclass(type_, Message) else {}
            parts = described.get("anyOf", [described])
            parts.sort(
                key=lambda part: part.get("type") == "null"
            )  # else msgspec's versions differ
            for part in parts:
                _limit(part, *limits.get(field, (0, messages.INT32_MAX)))
        if issubclass(type_, Message) and type_ in EXAMPLES:
            schema["examples"] = [json.loads(messages.encode(EXAMPLES[type_]))]
    schemas["Heartbeat"]["properties"]["open"]["maxItems"] = messages.OPEN_PRESSES_MAX
    sentence = schemas["Update"]["properties"]["because"]["anyOf"][0]
    sentence["maxLength"] = messages.SENTENCE_CHARS_MAX
    return schemas


def _limit(part: Schema, low: int, high: int) -> None:
    """Write a field's limits into its schema, as the type itself clamps and cuts them."""
    match part.get("type"):
        case "integer" | "number":
            part.update(minimum=low, maximum=high)
        case "string" if not {"format", "pattern", "contentEncoding"} & part.keys():
            part["maxLength"] = messages.WORD_CHARS_MAX
        case "array" if part["items"] == {"type": "string"}:
            part["items"] = {"type": "string", "maxLength": messages.SENTENCE_CHARS_MAX}
            part["maxItems"] = messages.SELFTEST_FAILURES_MAX


def to_yaml() -> str:
    """Write the document as YAML."""
    import yaml  # noqa: PLC0415  # a development dependency, which no button has

    text: str = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=96)
    return "# Made from firmware_py/tocsin_wire by `make contract`: edit the types there.\n" + text


def main() -> None:
    """Print the document as YAML."""
    sys.stdout.write(to_yaml())


if __name__ == "__main__":
    main()
