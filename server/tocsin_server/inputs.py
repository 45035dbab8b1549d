"""What people type in, checked once at the edge, with an error that says what to write.

Refused: control characters, and texts that no screen has room for. Spaces are tidied, because
names and addresses are pasted from everywhere.
"""

import re
from datetime import time
from ipaddress import IPv6Address, ip_address
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin_server.errors import Invalid

TEXT_CHARS_MAX = 200  # two lines on a phone; longer ones hide what stands behind them
EMAIL_CHARS_MAX = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164
_PHONE_WRITTEN = str.maketrans("", "", " .-()")
_TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def text(what: str, given: str) -> str:
    """Give a name or a sentence in one tidy line. Raises Invalid."""
    tidy = " ".join(given.split())
    if not tidy:
        raise Invalid(f"{what} is empty: write at least one character")
    if len(tidy) > TEXT_CHARS_MAX:
        raise Invalid(f"{what} is {len(tidy)} characters long; {TEXT_CHARS_MAX} is the most")
    if not tidy.isprintable():
        raise Invalid(f"{what} holds characters that can't be shown: type it anew")
    return tidy


def optional_text(what: str, given: str | None) -> str | None:
    """Give the tidy line, or None where nothing is known. Raises Invalid."""
    return None if given is None or not given.strip() else text(what, given)


def phone(given: str) -> str:
    """Give a number as E.164 (ITU-T) writes it: a plus, the country, digits. Raises Invalid."""
    number = given.translate(_PHONE_WRITTEN)
    if not _PHONE.fullmatch(number):
        raise Invalid(
            f"{given!r} is no phone number to send to: write it with its country, as +15125550100"
        )
    return number


def email(given: str) -> str:
    """Give an address without the spaces around it. Raises Invalid."""
    address = given.strip()
    if len(address) > EMAIL_CHARS_MAX or not address.isprintable() or not _EMAIL.fullmatch(address):
        raise Invalid(f"{given!r} is no e-mail address: write it as dana@example.org")
    return address


def time_zone(given: str) -> str:
    """Give a zone that the time zone database knows. Raises Invalid."""
    try:
        ZoneInfo(given)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(
            f"{given!r} is no time zone: write one of the IANA names, as America/Chicago"
        ) from None
    return given


def time_of_day(given: str) -> time:
    """Give the time that is written as 22:00. Raises Invalid."""
    written = _TIME_OF_DAY.fullmatch(given.strip())
    if written is None:
        raise Invalid(f"{given!r} is no time of day: write it as 22:00")
    return time(int(written[1]), int(written[2]))


def weekdays(given: str) -> list[int]:
    """Give the days of Mon-Fri, of Sat, Sun and the like; 0 is Monday. Raises Invalid."""
    days: list[int] = []
    for part in given.split(","):
        first, dash, last = (each.strip().capitalize() for each in part.partition("-"))
        if first not in DAYS or (dash and last not in DAYS):
            raise Invalid(f"{part.strip()!r} is no day of the week: write {', '.join(DAYS)}")
        begins = DAYS.index(first)
        ends = DAYS.index(last) if dash else begins
        # Fri-Mon goes over the week's end.
        days += [(begins + n) % len(DAYS) for n in range((ends - begins) % len(DAYS) + 1)]
    return days


def source_of(address: str) -> str:
    """Name who asks. Whoever has one IPv6 address has the 2**64 beside it (RFC 4291, 2.5.4)."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address[:60]
    return str(IPv6Address(int(ip) >> 64 << 64)) if isinstance(ip, IPv6Address) else str(ip)
