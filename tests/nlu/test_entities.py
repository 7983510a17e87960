"""Entities: what is found, in which form, and that nothing is found twice or out of place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.nlu.entities import entities_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pay $1,250.50 today", [("amount", "1250.50 USD"), ("date", "today")]),
        ("send 20 euros on 2026-03-01", [("amount", "20 EUR"), ("date", "2026-03-01")]),
        ("am 24.12.2026 um acht", [("date", "2026-12-24")]),
        ("meet on 3rd of March, 2027", [("date", "2027-03-03")]),
        ("since May 5", [("date", "--05-05")]),
        ("account number 12345678 please", [("account_number", "12345678")]),
        ("what does ACC-0001 hold", [("account_number", "ACC-0001")]),
        ("where is order #4711", [("order_number", "4711")]),
        ("ord-00917 is late", [("order_number", "ORD-00917")]),
        ("write to Ann.Lee@Example.org", [("email", "ann.lee@example.org")]),
        ("€5 or 5 €", [("amount", "5 EUR"), ("amount", "5 EUR")]),
        ("on 2026-13-45", []),
        ("nothing here", []),
    ],
)
def test_patterns(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(one.kind, one.value) for one in entities_of(text)] == expected


def test_a_tenants_own_words_come_first_and_the_longest_wins() -> None:
    lists = {"product": {"card": "CARD", "debit card": "CARD-DEBIT", "may 5": "FUND-5"}}

    found = entities_of("block my Debit Card since May 5, the card", lists)

    assert [(one.value, one.text) for one in found] == [
        ("CARD-DEBIT", "Debit Card"),
        ("FUND-5", "May 5"),
        ("CARD", "card"),
    ]


@given(st.text(alphabet="0123456789 $€.,-/#abcdefghijklmnopqrstuvwxyzORD@\n", max_size=80))
def test_every_entity_is_where_it_says_and_none_overlap(text: str) -> None:
    found = entities_of(text, {"letter": {"ab": "AB", "b": "B"}})

    end = 0
    for one in found:
        assert one.start is not None
        assert one.end is not None
        assert one.start >= end
        assert text[one.start : one.end] == one.text
        end = one.end
