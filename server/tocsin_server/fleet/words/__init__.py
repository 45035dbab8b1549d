"""Words of the printed papers: one catalogue for each language, checked by its type.

Promise: English says what docs/poll_worker.md says, in the same words; every other language has
the same statements and the same numbers.
"""

from typing import Literal

from tocsin_server.fleet.words.catalogue import LampState, LampWords, WalkWords, Words
from tocsin_server.fleet.words.en import ENGLISH
from tocsin_server.fleet.words.es import SPANISH

Language = Literal["en", "es"]

LANGUAGES: dict[Language, Words] = {"en": ENGLISH, "es": SPANISH}

__all__ = ["LANGUAGES", "LampState", "LampWords", "Language", "WalkWords", "Words"]
