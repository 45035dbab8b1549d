"""A deployment's folder: what `tocsin init` and `tocsin device add` write.

Promise: a folder that `create_deployment` returns from runs as it stands: certificates, keys,
broker and server configuration. Nothing that exists is ever overwritten, and what was begun and
failed is taken away again. Secrets are readable by the folder's owner alone.

Refused: a folder that isn't empty; names that a certificate, an ACL or a topic could misread;
server replicas beyond those the ACL knows.
"""

import ipaddress
import re


class DeploymentError(Exception):
    """The deployment can't be made or changed so; the text says what to do."""


_LISTENER = re.compile(r"(?m)^listener[ \t].*$")


def configure_listener(text: str, *, port: int, bind: str | None = None) -> str:
    """A mosquitto.conf with its one listener line changed, and nothing else.

    `bind`: an IP address, or None for all of them.
    """
    if not 0 < port < 65536:
        raise DeploymentError(f"{port} is no TCP port: give one between 1 and 65535")
    if bind is not None:
        try:
            ipaddress.ip_address(bind)
        except ValueError:
            raise DeploymentError(f"{bind!r} is no IP address to listen on") from None
    if (lines := len(_LISTENER.findall(text))) != 1:
        raise DeploymentError(f"expected one `listener` line in mosquitto.conf, found {lines}")
    line = f"listener {port}" if bind is None else f"listener {port} {bind}"
    return _LISTENER.sub(line, text)
