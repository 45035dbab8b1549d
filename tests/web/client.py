"""Somebody with a browser's cookie and nothing else of a browser; and a reader of JSON Schema."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Self

import aiohttp
import msgspec

from tests.parts import PASSWORD, Answer

Json = Mapping[str, object]


class Problem(msgspec.Struct, frozen=True):
    """What an answer that is no success says."""

    code: str
    message: str


class _ErrorBody(msgspec.Struct, frozen=True):
    error: Problem


class Client:
    """One cookie jar."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        data: bytes | None = None,
        content_type: str | None = None,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        """One request below the server's root; JSON, unless raw bytes are given."""
        if json is not None:
            data, content_type = msgspec.json.encode(json), "application/json"
        of_body = {"Content-Type": content_type} if content_type else {}
        async with self.session.request(
            method, f"{self.url}{path}", data=data, headers={**of_body, **headers}
        ) as response:
            return Answer(status=response.status, body=await response.read())

    async def sign_in(self, email: str, password: str = PASSWORD) -> Answer:
        return await self.ask(
            "POST", "/api/v1/session", json={"email": email, "password": password}
        )

    async def signed_in(self, email: str) -> Self:
        assert (await self.sign_in(email)).status == 200
        return self


@asynccontextmanager
async def client(url: str, *, email: str | None = None) -> AsyncIterator[Client]:
    """A new jar, signed in where an address is given."""
    asker = Client(url)
    try:
        yield await asker.signed_in(email) if email else asker
    finally:
        await asker.session.close()


def problem(answer: Answer) -> Problem:
    """What a refusal says. Fails where it isn't a sentence somebody can use."""
    told = msgspec.json.decode(answer.body, type=_ErrorBody).error
    assert re.fullmatch(r"[a-z_]+", told.code), told
    assert len(told.message) > 10, told
    return told


def misfits(value: object, schema: object, document: Json, at: str = "$") -> list[str]:
    """Where a value doesn't fit a schema of the document, as far as OpenAPI 3.1 is used here."""
    if not isinstance(schema, dict) or not schema:
        return []
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix("#/components/schemas/")
        return misfits(value, _schemas(document)[name], document, at)
    if "anyOf" in schema:
        each = [misfits(value, choice, document, at) for choice in schema["anyOf"]]
        return [] if [] in each else [f"{at}: fits none of {len(each)}: {min(each, key=len)}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is none of {schema['enum']}"]
    if "const" in schema and value != schema["const"]:
        return [f"{at}: {value!r} is not {schema['const']!r}"]
    return _misfits_of_type(value, schema, document, at)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "null": (type(None),),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


def _misfits_of_type(value: object, schema: Json, document: Json, at: str) -> list[str]:
    kind = schema.get("type")
    wanted = [str(each) for each in kind] if isinstance(kind, list) else [str(kind)]
    if kind is not None and not any(
        isinstance(value, _TYPES[each]) and (each == "boolean" or not isinstance(value, bool))
        for each in wanted
    ):
        return [f"{at}: {value!r} is no {kind}"]
    if isinstance(value, list):
        return [
            misfit
            for index, item in enumerate(value)
            for misfit in misfits(item, schema.get("items"), document, f"{at}[{index}]")
        ]
    if isinstance(value, dict):
        return _misfits_of_object(value, schema, document, at)
    return []


def _misfits_of_object(value: Json, schema: Json, document: Json, at: str) -> list[str]:
    required, properties = schema.get("required", []), schema.get("properties", {})
    assert isinstance(required, list)
    assert isinstance(properties, dict)
    found = [f"{at}: {name} is missing" for name in required if name not in value]
    for name, item in value.items():
        if name in properties:
            found += misfits(item, properties[name], document, f"{at}.{name}")
        elif "additionalProperties" in schema:
            found += misfits(item, schema["additionalProperties"], document, f"{at}.{name}")
        else:
            found.append(f"{at}: {name} is not described")
    return found


def _schemas(document: Json) -> dict[str, object]:
    components = document["components"]
    assert isinstance(components, dict)
    schemas = components["schemas"]
    assert isinstance(schemas, dict)
    return schemas
