"""Following, at the broker: what the server revokes, the Mosquitto beside us refuses.

Promise: a second or two after a revocation, `crl.pem` keeps the button from connecting, a block at
the end of `acl` makes the session that it has deaf and mute, and Mosquitto has read both. Nobody
else's session is touched. Files appear whole or not at all; what a hand changes in `acl` outside
that block stays; what goes wrong is said once, and once more when it is over.

Refused: a list that this deployment's authority did not sign, that is older than ours, or over: the
one that holds stays. The broker is never restarted, and a server that is away changes nothing.
"""

import asyncio
import os
import re
import signal
import ssl
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import aiohttp
import msgspec
import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from tocsin_server.fleet import following, revocation_list
from tocsin_server.fleet.certificates import Authority, Certified, CertificateError, DeploymentError
from tocsin_server.fleet.following import SAID_AGAIN_S, Following
from tocsin_server.fleet.revocation_list import LIST_BYTES_MAX, ListRefused, RevocationList

ASK_EVERY_S = 1.0
ANSWER_S_MAX = 3.0
RELOAD_S_MAX = 10.0  # of a command that somebody gave us

_BEGIN = "# --- tocsin broker follow writes from here on; your own lines belong above ---"
_END = "# --- tocsin broker follow wrote until here ---"
_BLOCK = re.compile(rf"^{re.escape(_BEGIN)}\n.*?^{re.escape(_END)}\n?", re.DOTALL | re.MULTILINE)
_MARKS = re.compile(rf"^(?:{re.escape(_BEGIN)}|{re.escape(_END)})\n?", re.MULTILINE)

log = structlog.get_logger()
