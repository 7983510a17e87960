"""Keyset pages: what may be asked, and how a page says that there is another one."""

import pytest
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from apps.core.problems import Malformed
from apps.tenants.pagination import PAGE_DEFAULT, PAGE_MAX, PageAsk, page, page_asked

FILTERS = ("account", "state")


def asked(**query: str) -> PageAsk:
    return page_asked(Request(APIRequestFactory().get("/", query)), filters=FILTERS)


def test_without_a_wish_it_is_the_first_page() -> None:
    assert asked() == PageAsk(after=None, limit=PAGE_DEFAULT)
    assert asked(after="") == PageAsk(after=None, limit=PAGE_DEFAULT)


def test_a_wish_is_heard() -> None:
    assert asked(after="c2", limit=str(PAGE_MAX), account="ACC-1") == PageAsk("c2", PAGE_MAX)


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"limit": "0"}, "limit", "out_of_range"),
        ({"limit": str(PAGE_MAX + 1)}, "limit", "out_of_range"),
        ({"limit": "-1"}, "limit", "out_of_range"),
        ({"limit": "ten"}, "limit", "out_of_range"),
        ({"limit": "٣"}, "limit", "out_of_range"),
        ({"limit": "9" * 5_000}, "limit", "out_of_range"),
        ({"after": "x" * 201}, "after", "invalid"),
        ({"after": "a\x00"}, "after", "invalid"),
        ({"account": "a\x00"}, "account", "bad_characters"),
        ({"acount": "ACC-1"}, "acount", "unknown_parameter"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_name(
    query: dict[str, str], field: str, code: str
) -> None:
    with pytest.raises(Malformed) as refused:
        asked(**query)

    assert [(one["field"], one["code"]) for one in refused.value.facts["errors"]] == [(field, code)]


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(Malformed) as refused:
        asked(limit="0", after="\n", other="1")

    assert len(refused.value.facts["errors"]) == 3


def test_one_row_more_than_are_shown_makes_a_next_page() -> None:
    ask = PageAsk(after=None, limit=2)

    more = page([1, 2, 3], ask, cursor=lambda row: f"c{row}", render=str)
    last = page([3], ask, cursor=lambda row: f"c{row}", render=str)

    assert more == {"results": ["1", "2"], "next": "c2"}
    assert last == {"results": ["3"], "next": None}
    assert page([], ask, cursor=str, render=str) == {"results": [], "next": None}
