"""Print RabbitMQ's definitions for a deployment: a user per certificate, and what each may do.

    python3 definitions.py /srv/tocsin > definitions.json

Promise: the same rights as Mosquitto's `acl` beside it. The names are those of the certificates
that `tocsin init` and `tocsin device add` made in the deployment's folder; users have no password,
so a certificate is the only way in. Importing it again, with more buttons, changes nothing else.

Refused: a folder that is no deployment, and a name that RabbitMQ could misread.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

SESSION_BYTES_MAX = 32 * 1024 * 1024  # for a server: some 50,000 presses, as with Mosquitto
BUTTON_MESSAGES_MAX = 1000  # receipts and commands of a button that is away; it asks again anyway

_NAME = re.compile(r"btn-[0-9a-z]{10}|server-[1-9]")

# RabbitMQ writes a topic with dots, and one level of a filter (MQTT's +) as a star.
_LEVEL = r"[^.]+"
_PULSES = rf"server\.{_LEVEL}\.pulse"
_RIGHTS = {
    "btn": {
        "write": rf"^tocsin\.v1\.{_LEVEL}\.{{username}}\.(press|heartbeat|status)$",
        "read": rf"^tocsin\.v1\.({_LEVEL}\.{{username}}\.(receipt|command)|{_PULSES})$",
    },
    "server": {
        "write": rf"^tocsin\.v1\.({_LEVEL}\.{_LEVEL}\.(receipt|command)"
        r"|server\.{username}\.pulse)$",
        "read": rf"^tocsin\.v1\.({_LEVEL}\.{_LEVEL}\.(press|heartbeat|status)|{_PULSES})$",
    },
}


def names(deployment: Path) -> list[str]:
    """Give the name in every client certificate of the folder."""
    found = sorted(certificate.stem for certificate in (deployment / "server").glob("server-*.crt"))
    found += sorted(button.name for button in (deployment / "devices").glob("btn-*"))
    for name in found:
        if not _NAME.fullmatch(name):
            sys.exit(f"{name!r} is no button's and no server's name: take it out of {deployment}")
    if not found:
        sys.exit(f"{deployment} holds no certificates: name the folder that tocsin init made")
    return found


def definitions(users: list[str]) -> dict[str, object]:
    """Say it as `rabbitmqctl import_definitions` reads it."""
    return {
        "vhosts": [{"name": "/"}],
        "users": [{"name": user, "password_hash": "", "tags": ""} for user in users],
        "permissions": [_permission(user) for user in users],
        "topic_permissions": [
            {"user": user, "vhost": "/", "exchange": "amq.topic", **_RIGHTS[user.split("-")[0]]}
            for user in users
        ],
        "policies": list(_policies()),
    }


def _permission(user: str) -> dict[str, str]:
    session = f"mqtt-subscription-{user}qos[01]"
    return {
        "user": user,
        "vhost": "/",
        "configure": f"^{session}$",
        "write": rf"^(amq\.topic|{session})$",
        "read": rf"^(amq\.topic|{session})$",
    }


def _policies() -> Iterator[dict[str, object]]:
    limits = {
        "server": {"max-length-bytes": SESSION_BYTES_MAX},
        "btn": {"max-length": BUTTON_MESSAGES_MAX},
    }
    for kind, limit in limits.items():
        yield {
            "vhost": "/",
            "name": f"sessions-{kind}",
            "pattern": f"^mqtt-subscription-{kind}-",
            "apply-to": "queues",
            "definition": {**limit, "overflow": "drop-head"},
            "priority": 0,
        }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python3 definitions.py DEPLOYMENT > definitions.json")
    print(json.dumps(definitions(names(Path(sys.argv[1]))), indent=1))
