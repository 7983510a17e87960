"""Keyset pages: what may be asked, and how the answer says that there is more."""

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from apps.core.problems import Malformed
from apps.tenants.pagination import PAGE_DEFAULT, PageAsk, page, page_asked


def request(query: str) -> Request:
    return Request(APIRequestFactory().get(f"/things?{query}"))


def test_a_page_is_the_first_hundred_unless_said() -> None:
    assert page_asked(request("")) == PageAsk(None, PAGE_DEFAULT)
    assert page_asked(request("after=ACC-7&limit=3")) == PageAsk("ACC-7", 3)
    assert page_asked(request("after=")) == PageAsk(None, PAGE_DEFAULT)


def test_filters_that_are_known_are_allowed() -> None:
    assert page_asked(request("status=open&format=json"), filters=["status"]).limit == PAGE_DEFAULT


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0&after=a%00b&colour=red", {"limit", "after", "colour"}),
        ("limit=-1", {"limit"}),
        ("limit=1001", {"limit"}),
        ("limit=1e2", {"limit"}),
        ("limit=%D9%A3", {"limit"}),
        ("limit=" + "9" * 5000, {"limit"}),
        ("status=%00", {"status"}),
        ("after=" + "x" * 201, {"after"}),
    ],
)
def test_every_fault_is_named(query: str, fields: set[str]) -> None:
    with pytest.raises(Malformed) as caught:
        page_asked(request(query), filters=["status"])
    errors = caught.value.facts["errors"]
    assert isinstance(errors, list)
    assert {one["field"] for one in errors} == fields


def test_one_row_too_many_says_that_there_is_more() -> None:
    ask = PageAsk(None, 2)
    shown = page([1, 2, 3], ask, cursor=str, render=lambda row: row * 10)
    assert shown == {"results": [10, 20], "next": "2"}
    assert page([1, 2], ask, cursor=str, render=int) == {"results": [1, 2], "next": None}
    assert page([], ask, cursor=str, render=int) == {"results": [], "next": None}
