"""Twilio's resources as JSON, and the pages in which it lists them.

Source: Twilio's API reference for Message, Call, Balance, IncomingPhoneNumber and Lookup v2, its
page on API responses and paging.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from tocsin_server.demo.account import Account
from tocsin_server.demo.call import Call, CallStatus
from tocsin_server.demo.handset import Phone
from tocsin_server.demo.sms import Sms, segments

Resource = dict[str, object]

PAGE_DEFAULT = 50
PAGE_MAX = 1000
NATIONAL_DIGITS = 10  # of a number of the United States


class HasSid(Protocol):
    """What can be listed."""

    @property
    def sid(self) -> str: ...


Listed = TypeVar("Listed", bound=HasSid)


class BadFilter(Exception):
    """A list was asked for with a filter that can't be read."""


def message(account: Account, sms: Sms) -> Resource:
    """The Message resource."""
    uri = f"{_root(account)}/Messages/{sms.sid}"
    inbound = sms.direction == "inbound"
    return {
        "account_sid": account.sid,
        "api_version": "2010-04-01",
        "body": sms.body,
        "date_created": format_datetime(sms.at),
        "date_sent": _date(sms.sent_at),
        "date_updated": format_datetime(sms.changed_at or sms.at),
        "direction": sms.direction,
        "error_code": sms.error_code,
        "error_message": None,
        "from": sms.number if inbound else sms.system_number,
        "messaging_service_sid": None,
        "num_media": "0",
        "num_segments": str(segments(sms.body)),
        "price": None,
        "price_unit": "USD",
        "sid": sms.sid,
        "status": sms.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": sms.system_number if inbound else sms.number,
        "uri": f"{uri}.json",
    }


def call(account: Account, made: Call) -> Resource:
    """The Call resource; a call that was initiated is still queued here."""
    uri = f"{_root(account)}/Calls/{made.sid}"
    status = CallStatus.QUEUED if made.status is CallStatus.INITIATED else made.status
    return {
        "account_sid": account.sid,
        "annotation": None,
        "answered_by": made.answered_by,
        "api_version": "2010-04-01",
        "caller_name": None,
        "date_created": format_datetime(made.created_at),
        "date_updated": format_datetime(made.ended_at or made.answered_at or made.created_at),
        "direction": "outbound-api",
        "duration": str(made.duration_s) if made.is_over else None,
        "end_time": _date(made.ended_at),
        "forwarded_from": None,
        "from": account.from_number,
        "from_formatted": _formatted(account.from_number),
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": _number_sid(account),
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": made.sid,
        "start_time": _date(made.started_at),
        "status": str(status),
        "subresource_uris": {"events": f"{uri}/Events.json"},
        "to": made.number,
        "to_formatted": _formatted(made.number),
        "trunk_sid": None,
        "uri": f"{uri}.json",
    }


def account(own: Account) -> Resource:
    """The Account resource."""
    return {
        "auth_token": "",
        "date_created": format_datetime(own.created_at),
        "date_updated": format_datetime(own.created_at),
        "friendly_name": "Tocsin demo",
        "owner_account_sid": own.sid,
        "sid": own.sid,
        "status": own.status,
        "subresource_uris": {},
        "type": "Full",
        "uri": f"{_root(own)}.json",
    }


def balance(account: Account) -> Resource:
    """The Balance resource."""
    return {"account_sid": account.sid, "balance": account.balance, "currency": "USD"}


def number(account: Account) -> Resource:
    """The IncomingPhoneNumber resource: the account's only number."""
    return {
        "account_sid": account.sid,
        "address_requirements": "none",
        "api_version": "2010-04-01",
        "beta": False,
        "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
        "date_created": format_datetime(account.created_at),
        "date_updated": format_datetime(account.created_at),
        "friendly_name": _formatted(account.from_number),
        "origin": "twilio",
        "phone_number": account.from_number,
        "sid": _number_sid(account),
        "sms_method": "POST",
        "sms_url": account.inbound_url or "",
        "status": "in-use",
        "status_callback": "",
        "status_callback_method": "POST",
        "uri": f"{_root(account)}/IncomingPhoneNumbers/{_number_sid(account)}.json",
        "voice_method": "POST",
        "voice_url": "",
    }


def lookup(phone: Phone, *, line_type: bool) -> Resource:
    """The Lookup v2 resource, with the line type where it was asked for."""
    return {
        "calling_country_code": "1",
        "country_code": "US",
        "phone_number": phone.number,
        "national_format": _formatted(phone.number),
        "valid": True,
        "validation_errors": [],
        "caller_name": None,
        "sim_swap": None,
        "call_forwarding": None,
        "line_type_intelligence": {
            "type": phone.line_type,
            "carrier_name": "Tocsin demo",
            "mobile_country_code": "310",
            "mobile_network_code": "000",
            "error_code": None,
        }
        if line_type
        else None,
        "line_status": None,
        "identity_match": None,
        "reassigned_number": None,
        "sms_pumping_risk": None,
        "url": f"https://lookups.twilio.com/v2/PhoneNumbers/{phone.number}",
    }


def page(
    account: Account,
    name: str,
    listed: Iterable[Listed],
    query: Mapping[str, str],
    resource: Callable[[Account, Listed], Resource],
) -> Resource:
    """One page of a list, newest first. A page begins after the last one of the page before it."""
    size = min(_whole(query, "PageSize", PAGE_DEFAULT) or PAGE_DEFAULT, PAGE_MAX)
    n = _whole(query, "Page", 0)
    rest = list(listed)
    if token := query.get("PageToken"):
        after = [at for at, item in enumerate(rest) if f"PA{item.sid}" == token]
        if not after:
            raise BadFilter(f"PageToken {token[:40]} is none of this list's")
        rest = rest[after[0] + 1 :]
    shown = rest[:size]
    path = f"{_root(account)}/{name}.json"
    kept = {key: query[key] for key in query if key not in {"Page", "PageSize", "PageToken"}}

    def uri(page_n: int, **token: str) -> str:
        return f"{path}?{urlencode(kept | {'PageSize': size, 'Page': page_n} | token)}"

    return {
        "end": n * size + max(len(shown) - 1, 0),
        "first_page_uri": uri(0),
        "next_page_uri": uri(n + 1, PageToken=f"PA{shown[-1].sid}") if rest[size:] else None,
        "page": n,
        "page_size": size,
        "previous_page_uri": None,
        "start": n * size,
        "uri": f"{path}?{urlencode(dict(query))}",
        _KEYS[name]: [resource(account, item) for item in shown],
    }


_KEYS = {
    "Messages": "messages",
    "Calls": "calls",
    "IncomingPhoneNumbers": "incoming_phone_numbers",
}


def within(query: Mapping[str, str], name: str) -> Callable[[datetime | None], bool]:
    """What passes the filters `name=` (a day), `name<=` and `name>=`. Raises BadFilter.

    A client writes the last two as `name<` and `name>`; both include the time itself. A resource
    shows whole seconds, so these are compared.
    """
    day, latest, earliest = (_time(query, f"{name}{sign}") for sign in ("", "<", ">"))

    def passes(at: datetime | None) -> bool:
        if at is None:
            return not (day or latest or earliest)
        second = at.replace(microsecond=0)
        return (
            (day is None or second.date() == day.date())
            and (latest is None or second <= latest)
            and (earliest is None or second >= earliest)
        )

    return passes


def _time(query: Mapping[str, str], name: str) -> datetime | None:
    if not (text := query.get(name)):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadFilter(f"{name} is a date or a time in ISO 8601, not {text[:40]}") from None
    return time.replace(tzinfo=time.tzinfo or UTC)


def _whole(query: Mapping[str, str], name: str, otherwise: int) -> int:
    text = query.get(name, "")
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise BadFilter(f"{name} is a number, not {text[:40]}")
    return int(text)


def _root(account: Account) -> str:
    return f"/2010-04-01/Accounts/{account.sid}"


def _number_sid(account: Account) -> str:
    return f"PN{account.sid.removeprefix('AC')}"


def _date(at: datetime | None) -> str | None:
    return None if at is None else format_datetime(at)


def _formatted(number: str) -> str:
    digits = number[-NATIONAL_DIGITS:]
    return f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
