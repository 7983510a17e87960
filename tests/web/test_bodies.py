"""Every address of the API reads its body alike, and as its schema says.

Each writing operation of the published schema is sent what can be wrong with a body: the answer is a problem
that names the fields with codes of one short list, and nothing is written.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from apps.conversations import services as conversations
from apps.core.ids import uuid7
from apps.tenants.forms import FAULTS
from apps.tenants.models import Tenant
from apps.tenants.views import WRITING, ApiView
from tests.web.test_queries import ROOT, patterns

JSON: Final = "application/json"
FORM: Final = "multipart/form-data"
SIGNED: Final = ("/api/v1/clearing/", "/api/v1/account-system/")
"""Others tell us there, and sign it: read as their protocols say (tests of settlement and trading)."""
BULK: Final = "/api/v1/trades/bulk"
"""Answers for each of its items (tests of trading)."""
EITHER: Final = {"/api/v1/trades/X/amendment": {"quantity"}}
"""Where one of several fields is required: the first is what is missed."""
WRITES: Final = re.compile(
    r'^\s*(INSERT|UPDATE(?! "tenants_apikey" SET "last_used_at")|DELETE)\b', re.IGNORECASE
)
"""Statements that write, but for when a key was last used."""
PLACES: Final = {"uuid": str(uuid7()), "integer": "1", "string": "X"}
WRONG: Final = {
    "object": {"~": {}}, "array": [[]], "boolean": True, "integer": 5, "number": 1.5, "string": "~",
}  # fmt: skip
"""A value of each type of JSON: no name, no choice, no date."""


class Operation(NamedTuple):
    """A call of the schema that writes."""

    method: str
    path: str
    kind: str  # of content; "" without a body
    body: Mapping[str, Any]
    security: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Schema:
    """The published schema, with its references followed."""

    def __init__(self) -> None:
        self.whole = SchemaGenerator().get_schema(request=None, public=True)

    def operations(self) -> Iterator[Operation]:
        for path, calls in self.whole["paths"].items():
            for method in {"post", "put", "patch", "delete"} & calls.keys():
                if not path.startswith(SIGNED):
                    yield from self._operation(method, path, calls[method])

    def _operation(self, method: str, path: str, call: Any) -> Iterator[Operation]:
        for about in call.get("parameters", []):
            if about["in"] == "path":
                kind = about["schema"].get("format", about["schema"]["type"])
                path = path.replace(f"{{{about['name']}}}", PLACES[kind])
        security = frozenset(name for one in call.get("security", []) for name in one)
        content = call.get("requestBody", {}).get("content", {})
        for kind in content:
            yield Operation(method, path, kind, self.follow(content[kind]["schema"]), security)
        if not content:
            yield Operation(method, path, "", {"properties": {}}, security)

    def follow(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/components/schemas/")
            return self.follow(self.whole["components"]["schemas"][name])
        return schema

    def types(self, schema: Mapping[str, Any]) -> set[str]:
        """The types of JSON that a schema allows; none: it does not say."""
        schema = self.follow(schema)
        for parts in ("oneOf", "anyOf", "allOf"):
            if parts in schema:
                return set().union(*(self.types(part) for part in schema[parts]))
        kind = schema.get("type", [])
        found = {kind} if isinstance(kind, str) else set(kind)
        if "number" in found or schema.get("example") == "12.50":  # an amount may be whole
            found.add("integer")
        return found

    def nested(self, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Where objects are in a body, and a body with one of one strange field there."""
        yield "", {"colour": "red"}
        for name, about in body["properties"].items():
            inner = self.follow(about)
            if inner.get("type") == "array" and "properties" in self.follow(inner["items"]):
                for path, found in self.nested(self.follow(inner["items"])):
                    yield f"{name}.0.{path}", {name: [found]}
            elif "properties" in inner:
                for path, found in self.nested(inner):
                    yield f"{name}.{path}", {name: found}


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema()


@pytest.fixture(scope="module")
def operations(schema: Schema) -> list[Operation]:
    return list(schema.operations())


@pytest.fixture
def told(api: APIClient, tenant: Tenant) -> Any:
    """`told(operation, bytes, kind)` → the answer, once it is clear that nothing was written."""
    widget = conversations.create_widget(tenant.pk, name="Site", origins=["https://site.example"])
    visit = conversations.welcome_visitor(widget.key, token="", origin="", is_ours=True)
    visitor = APIClient(headers={"authorization": f"Visitor {visit.token}"})
    talk = conversations.open_conversation(tenant.pk, external_id="c1").conversation

    def tell(one: Operation, body: Any, kind: str = JSON, *, query: str = "") -> Any:
        client = visitor if "visitor" in one.security or not one.security else api
        client.raise_request_exception = False
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        # A file is not read before it is clear that there is a conversation for it.
        path = one.path.replace(PLACES["uuid"], str(talk.id)) if one.kind == FORM else one.path
        with CaptureQueriesContext(connection) as queries:
            answer = client.generic(
                one.method.upper(), path + query, sent, kind, HTTP_IDEMPOTENCY_KEY="key"
            )
        assert not [sql["sql"] for sql in queries if WRITES.match(sql["sql"])], str(one)
        return answer

    return tell


def errors(answer: Any, status: int = 400) -> dict[str, str]:
    """Field → code of a problem; that it is no such problem is a fault of nobody's field."""
    if (answer.status_code, answer["Content-Type"]) != (status, "application/problem+json"):
        return {"?": str(answer.status_code)}
    found = answer.json().get("errors", [])
    assert {one["code"] for one in found} <= FAULTS.keys(), found
    assert all(one["detail"] for one in found)
    return {one["field"]: one["code"] for one in found}


def form_of(values: Mapping[str, str]) -> tuple[bytes, str]:
    """A form of HTML."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in values.items()
    ]
    return ("".join(parts) + "--b--\r\n").encode(), f"{FORM}; boundary=b"


def with_body(operations: list[Operation], kind: str = JSON) -> list[Operation]:
    return [one for one in operations if one.kind == kind]


def test_every_address_that_writes_is_published_and_strict(schema: Schema) -> None:
    found = set()
    for where, pattern, _ in patterns(get_resolver()):
        view = getattr(pattern.callback, "view_class", None)
        if view is None or not where.startswith(ROOT):
            continue
        path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", where)
        verbs = {verb.lower() for verb in WRITING if hasattr(view, verb.lower())}
        assert not verbs or issubclass(view, ApiView), path
        found |= {(verb, path) for verb in verbs}
    published = {
        (verb, path)
        for path, calls in schema.whole["paths"].items()
        for verb in calls.keys() & {"post", "put", "patch", "delete"}
    }
    assert found == published


def test_the_schema_says_that_bodies_have_no_other_fields(
    schema: Schema, operations: list[Operation]
) -> None:
    assert len(operations) > 80
    open_ones = [
        str(one) for one in operations if one.kind and one.body.get("additionalProperties", True)
    ]
    assert open_ones == []


def test_what_is_no_json_is_refused_everywhere(told: Any, operations: list[Operation]) -> None:
    for one in operations:
        if one.kind == FORM:
            continue
        for body in (b'{"a": ', b"\xff", b'{"a": 1, "a": 2}', b'{"a":' * 20_000):
            answer = told(one, body)
            assert (answer.status_code, answer.json()["code"]) == (400, "parse_error"), str(one)


def test_what_is_no_object_is_refused_everywhere(told: Any, operations: list[Operation]) -> None:
    silent = [
        (str(one), body)
        for one in operations
        if one.kind != FORM
        for body in (["a"], 5, None)
        if not set(errors(told(one, body)).values()) <= {"invalid", "required"}
    ]
    assert not silent, silent


def test_another_kind_of_content_is_refused_everywhere(
    told: Any, operations: list[Operation]
) -> None:
    for one in operations:
        for kind in ("text/xml", "application/x-www-form-urlencoded"):
            if not one.kind and kind != "text/xml":
                continue
            answer = told(one, b"<a/>", kind)
            assert answer.status_code == 415, str(one)
            assert answer.json()["code"] == "unsupported_media_type", str(one)


def test_an_empty_form_is_no_body_and_one_with_fields_is_refused(
    told: Any, operations: list[Operation]
) -> None:
    for one in with_body(operations, ""):
        for body, kind in (form_of({}), (b"", "application/x-www-form-urlencoded")):
            assert told(one, body, kind).status_code in {201, 403, 404, 409}, str(one)
        for body, kind in (form_of({"a": "1"}), (b"a=1", "application/x-www-form-urlencoded")):
            assert errors(told(one, body, kind)) == {"a": "unknown_field"}, str(one)


def test_too_much_is_refused_everywhere(
    told: Any, operations: list[Operation], settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    for one in operations:
        body, kind = form_of({"a": "a" * 1_001}) if one.kind == FORM else (b"[" * 1_001, JSON)
        answer = told(one, body, kind)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large"), str(one)


def test_unknown_fields_are_refused_everywhere(
    told: Any, schema: Schema, operations: list[Operation]
) -> None:
    silent = []
    for one in operations:
        for path, body in schema.nested(one.body):
            if path and (one.path == BULK or one.kind == FORM):
                continue
            sent, kind = form_of({"colour": "red"}) if one.kind == FORM else (body, JSON)
            found = errors(told(one, sent, kind))
            if found.get(f"{path}colour") != "unknown_field":
                silent.append((str(one), path, found))
    assert not silent, silent


def test_unknown_parameters_are_refused_by_every_writing_call(
    told: Any, operations: list[Operation]
) -> None:
    silent = [
        str(one)
        for one in operations
        if (found := told(one, b"", query="?colour=red").json().get("errors"))
        != [{"field": "colour", "code": "unknown_parameter",
             "detail": "There is no such parameter here."}]
        or not found
    ]  # fmt: skip
    assert not silent, silent


def test_what_is_required_is_missed_and_nothing_else(
    told: Any, operations: list[Operation]
) -> None:
    wrong = []
    for one in operations:
        if required := set(one.body.get("required", [])):
            body, kind = form_of({}) if one.kind == FORM else (b"{}", JSON)
            found = errors(told(one, body, kind))
            missed = {name for name, code in found.items() if code == "required"}
            if required != missed - EITHER.get(one.path, set()):
                wrong.append((str(one), found))
    assert not wrong, wrong


@pytest.mark.parametrize("kind", WRONG)
def test_another_type_is_refused_by_every_field(
    told: Any, schema: Schema, operations: list[Operation], kind: str
) -> None:
    silent = []
    for one in with_body(operations):
        names = [
            name
            for name, about in one.body["properties"].items()
            if (types := schema.types(about)) and kind not in types
        ]
        if not names:
            continue
        found = errors(told(one, dict.fromkeys(names, WRONG[kind])))
        fields = {path.split(".")[0] for path in found}
        silent += [(str(one), name, found) for name in names if name not in fields]
    assert not silent, silent


def test_a_number_beyond_all_bounds_is_refused_by_every_field(
    told: Any, schema: Schema, operations: list[Operation]
) -> None:
    silent = []
    for one in with_body(operations):
        names = [
            name
            for name, about in one.body["properties"].items()
            if "integer" in (types := schema.types(about)) and "string" not in types
        ]
        for number in (10**30, -(10**30)) if names else ():
            found = errors(told(one, dict.fromkeys(names, number)))
            silent += [(str(one), name, found) for name in names if name not in found]
    assert not silent, silent


def test_nul_is_refused_by_every_text(
    told: Any, schema: Schema, operations: list[Operation]
) -> None:
    silent = []
    for one in operations:
        names = [
            name
            for name, about in one.body["properties"].items()
            if "string" in schema.types(about) and schema.follow(about).get("format") != "binary"
        ]
        if not names:
            continue
        values = dict.fromkeys(names, "a\0b")
        body, kind = form_of(values) if one.kind == FORM else (values, JSON)
        found = errors(told(one, body, kind))
        silent += [(str(one), name, found) for name in names if name not in found]
    assert not silent, silent


def test_nul_is_refused_in_every_name(
    told: Any, schema: Schema, operations: list[Operation]
) -> None:
    """Of an object that may have any names; and a name that is unknown is shown in plain ASCII.

    What a skill may be called is a matter of services, which come later.
    """
    for one in with_body(operations):
        body = {
            name: {"a\0b": "a\0b"}
            for name, about in one.body["properties"].items()
            if "object" in schema.types(about) and name != "skills"
        }
        found = errors(told(one, {"c\0d": 1, **body}))
        assert found.pop("c\\x00d") == "unknown_field", str(one)
        assert {path.split(".")[0] for path in found} >= body.keys(), (str(one), found)
