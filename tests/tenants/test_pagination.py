"""Queries and keyset pages: what may be asked, and how the answer says that there is more."""

from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from apps.core.problems import Malformed
from apps.tenants.forms import (
    AsOfField,
    DayCursor,
    IdCursor,
    NameCursor,
    NameField,
    NumberField,
    PageQuery,
    PlaceCursor,
    Query,
    TimeField,
    read_query,
)
from apps.tenants.pagination import PAGE_DEFAULT, PageAsk, page, page_asked


class ThingsQuery(PageQuery):
    """What things may be asked."""

    after = NameCursor()
    status = serializers.ChoiceField(["open", "closed"], required=False)
    since = TimeField(required=False)


def asked(query: str, form: type[Query] = ThingsQuery) -> dict[str, Any]:
    return read_query(form, Request(APIRequestFactory().get(f"/things?{query}")))


def faults(query: str, form: type[Query] = ThingsQuery) -> set[tuple[str, str]]:
    with pytest.raises(Malformed) as caught:
        asked(query, form)
    errors = caught.value.facts["errors"]
    assert isinstance(errors, list)
    return {(one["field"], one["code"]) for one in errors}


def test_a_page_is_the_first_hundred_unless_said() -> None:
    assert page_asked(asked("")) == (PageAsk(None, PAGE_DEFAULT), {})
    assert page_asked(asked("after=ACC-7&limit=3")) == (PageAsk("ACC-7", 3), {})
    assert page_asked(asked("after=&status=")) == (PageAsk(None, PAGE_DEFAULT), {})


def test_filters_that_are_known_are_read() -> None:
    assert page_asked(asked("status=open&format=json"))[1] == {"status": "open"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("limit=0&after=a%00b&colour=red",
         {("limit", "out_of_range"), ("after", "bad_characters"), ("colour", "unknown_parameter")}),
        ("limit=-1", {("limit", "out_of_range")}),
        ("limit=1001", {("limit", "out_of_range")}),
        ("limit=1e2", {("limit", "invalid")}),
        ("limit=%D9%A3", {("limit", "invalid")}),
        ("limit=" + "9" * 5000, {("limit", "invalid")}),
        ("status=%00", {("status", "bad_characters")}),
        ("status=ajar", {("status", "invalid_choice")}),
        ("status=open&status=closed", {("status", "repeated")}),
        ("since=yesterday", {("since", "invalid")}),
        ("since=", {("since", "invalid")}),
        ("since=0001-01-01", {("since", "out_of_range")}),
        ("after=" + "x" * 201, {("after", "invalid")}),
        ("after=%23", {("after", "invalid")}),
        ("%C3%A4%00=1", {(r"\xe4\x00", "unknown_parameter")}),
    ],
)  # fmt: skip
def test_every_fault_is_named(query: str, found: set[tuple[str, str]]) -> None:
    assert faults(query) == found


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        (IdCursor(), "018f2f3e-0000-7000-8000-000000000000", "ACC-7"),
        (PlaceCursor(), "7", "-7"),
        (DayCursor(), "2026-03-02", "2026-02-30"),
        (NameField(), "BRK/B", "no\u2026"),
        (NumberField(), "12", "1_2"),
    ],
)
def test_what_is_none_of_ours_is_invalid(field: Any, good: str, bad: str) -> None:
    form = type("OneQuery", (Query,), {"one": field})

    assert "one" in asked(f"one={good}", form)
    assert faults(f"one={bad}", form) == {("one", "invalid")}


def test_a_plus_that_was_lost_is_found_again() -> None:
    (found,) = (asked("since=2026-03-02T12:00:00+02:00")["since"],)
    assert found.isoformat() == "2026-03-02T10:00:00+00:00"


def test_as_of_a_date_is_as_of_its_end() -> None:
    form = type("OneQuery", (Query,), {"one": AsOfField()})
    assert asked("one=2026-03-02", form)["one"].isoformat() == "2026-03-02T23:59:59.999999+00:00"
    assert asked("one=2026-03-02T01:00:00Z", form)["one"].isoformat() == "2026-03-02T01:00:00+00:00"
    assert faults("one=2026-02-30", form) == {("one", "invalid")}


def test_one_row_too_many_says_that_there_is_more() -> None:
    ask = PageAsk(None, 2)
    shown = page([1, 2, 3], ask, cursor=str, render=lambda row: row * 10)
    assert shown == {"results": [10, 20], "next": "2"}
    assert page([1, 2], ask, cursor=str, render=int) == {"results": [1, 2], "next": None}
    assert page([], ask, cursor=str, render=int) == {"results": [], "next": None}
