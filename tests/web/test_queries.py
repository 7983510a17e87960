"""Every address of the API reads its query alike.

What it does not know, what cannot be and what is out of bounds is refused, each fault with its field and a
code of one short list: a filter that is ignored answers another question than was asked.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework import serializers
from rest_framework.test import APIClient

from apps.conversations import services as conversations
from apps.core.ids import uuid7
from apps.tenants.forms import LimitQuery, Query
from apps.tenants.models import Tenant
from apps.tenants.views import ApiView

ROOT = "api/v1/"
NONSENSE = "~no such thing~"
CODES = {
    "unknown_parameter", "repeated", "required", "invalid", "invalid_choice", "out_of_range",
    "bad_characters",
}  # fmt: skip
PLACES = re.compile(r"<(\w+):\w+>")
SAMPLES = {"uuid": str(uuid7()), "int": "1", "str": "X", "path": "X"}
FREE = {"q", "external_id", "key", ("reports/schedules", "after")}
"""Texts of the outside, of which none is nonsense."""


class Route(NamedTuple):
    """An address that can be read, and its view."""

    path: str
    view: type[ApiView]

    @property
    def form(self) -> Query:
        assert self.view.query is not None, self.path
        return self.view.query()


def patterns(
    resolver: URLResolver, before: str = ""
) -> Iterator[tuple[str, URLPattern, dict[str, Any]]]:
    for one in resolver.url_patterns:
        where = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from patterns(one, where)
        else:
            yield where, one, one.pattern.converters


def routes() -> list[Route]:
    """Every address of the API that answers GET; ids and names in it are of nothing that there is."""
    found = []
    for where, pattern, converters in patterns(get_resolver()):
        view = getattr(pattern.callback, "view_class", None)
        if not where.startswith(ROOT) or view is None or not hasattr(view, "get"):
            continue
        path = PLACES.sub(lambda place: SAMPLES[place[1]], where)
        assert len(PLACES.findall(where)) == len(converters)
        found.append(Route(f"/{path}", view))
    return found


@pytest.fixture
def ask(api: APIClient, tenant: Tenant) -> Any:
    """`ask(route, query)` → the answer, as whoever may read there."""
    widget = conversations.create_widget(tenant.pk, name="Site", origins=["https://site.example"])
    visit = conversations.welcome_visitor(widget.key, token="", origin="", is_ours=True)
    visitor = APIClient(headers={"authorization": f"Visitor {visit.token}"})

    def asked(route: Route, **query: str) -> Any:
        schemes = {one.__name__ for one in route.view.authentication_classes}
        client = visitor if schemes == {"VisitorAuthentication"} else api
        return client.get(route.path, query)

    return asked


def faults(answer: Any) -> list[dict[str, str]]:
    """The faults of a problem; none where it is no such problem."""
    if answer.status_code not in {400, 422}:
        return []
    if answer["Content-Type"] != "application/problem+json":
        return []
    found: list[dict[str, str]] = answer.json().get("errors", [])
    return [one for one in found if one["code"] in CODES and one["detail"]]


def told(answer: Any, name: str) -> bool:
    """Whether something is wrong with this parameter, other than that it is missing."""
    return any(one["field"] == name and one["code"] != "required" for one in faults(answer))


def sample(field: serializers.Field[Any, Any, Any, Any]) -> str:
    return SAMPLES["uuid"] if isinstance(field, serializers.UUIDField) else "X"


def test_there_are_addresses_and_all_of_them_read_their_query() -> None:
    found = routes()
    assert len(found) > 80
    assert [one.path for one in found if not issubclass(one.view, ApiView)] == []
    assert [one.path for one in found if one.view.query is None] == []


def test_what_means_nothing_is_refused_everywhere(ask: Any) -> None:
    silent = [
        one.path for one in routes()
        if [(fault["field"], fault["code"]) for fault in faults(ask(one, colour="red"))
            if fault["code"] != "required"] != [("colour", "unknown_parameter")]
    ]  # fmt: skip
    assert silent == []


def test_a_format_that_nobody_writes_is_refused_everywhere(ask: Any) -> None:
    assert [one.path for one in routes() if not told(ask(one, format="xls"), "format")] == []


def test_nonsense_is_refused_by_every_filter(ask: Any) -> None:
    silent = []
    for one in routes():
        for name, field in one.form.fields.items():
            if {name, (one.path.removeprefix(f"/{ROOT}"), name)} & FREE:
                continue
            rest = {
                other: sample(about)
                for other, about in one.form.fields.items()
                if about.required and other != name
            }
            if not told(ask(one, **{name: NONSENSE}, **rest), name):
                silent.append((one.path, name, type(field).__name__))
    assert silent == []


def test_what_cannot_be_printed_is_refused_by_every_filter(ask: Any) -> None:
    silent = [
        (one.path, name)
        for one in routes()
        for name in one.form.fields
        if not told(ask(one, **{name: "\x01"}), name)
    ]
    assert silent == []


def test_a_page_has_its_bounds_everywhere(ask: Any) -> None:
    paged = [one for one in routes() if isinstance(one.form, LimitQuery)]
    assert len(paged) > 20
    silent = [
        (one.path, limit)
        for one in paged
        for limit in ("0", "-1", "1001", "ten", "1e2", "9" * 50)
        if not told(ask(one, limit=limit), "limit")
    ]
    assert silent == []


def test_a_cursor_of_the_right_kind_is_read(ask: Any) -> None:
    uid = SAMPLES["uuid"]
    cursors = {
        "IdCursor": uid, "PlaceCursor": "1", "DayCursor": "2026-03-02", "NameCursor": "X", "Cursor": "X",
        "MomentCursor": f"0_{uid}_0", "FeedCursor": "trade.5-0",
    }  # fmt: skip
    broken = []
    for one in routes():
        for name in {"after"} & one.form.fields.keys():
            rest = {
                other: sample(about) for other, about in one.form.fields.items() if about.required
            }
            cursor = cursors[type(one.form.fields[name]).__name__]
            answer = ask(one, after=cursor, limit="1", **rest)
            # A report looks closer than its form: what it does not know is malformed, too.
            if answer.status_code not in {200, 404} and not one.path.startswith("/api/v1/reports/"):
                broken.append((one.path, answer.status_code))
            assert answer.status_code < 500, one.path
    assert broken == []


def test_no_list_answers_a_page_it_does_not_have(ask: Any) -> None:
    """Who cannot go on from a cursor has no `after`: then it is unknown, and not ignored."""
    silent = [
        one.path for one in routes()
        if "after" not in one.form.fields and not told(ask(one, after=SAMPLES["uuid"]), "after")
    ]  # fmt: skip
    assert silent == []
