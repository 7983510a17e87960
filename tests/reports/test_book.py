"""Every report over a book whose figures were computed by hand (`cast.py`)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from rest_framework.test import APIClient

from apps.ledger import selectors as ledger
from apps.tenants.models import Tenant
from tests.reports.cast import Book, deal, price, revise, take
from tests.trading import cast

Ask = Callable[..., Any]

PROFIT = {
    "account": [
        ("A-1", "", "USD", "750", "25", "725", "1500", 1, 0),
        ("A-2", "", "EUR", "0", "0", "0", "100", 1, 0),
        ("A-2", "", "USD", "250", "3", "247", "75", 1, 0),
    ],
    "instrument": [
        ("", "EUX", "EUR", "0", "0", "0", "100", 1, 0),
        ("", "XYZ", "USD", "1000", "28", "972", "1575", 2, 0),
    ],
    "tenant": [
        ("", "", "EUR", "0", "0", "0", "100", 1, 0),
        ("", "", "USD", "1000", "28", "972", "1575", 2, 0),
    ],
}
EXPOSURE = {
    "instrument": [
        ("EUX", "EUR", "0", "500", "500", "-500", 1, 0),
        ("XYZ", "USD", "10075", "0", "10075", "10075", 2, 0),
    ],
    "asset": [
        ("equity", "USD", "10075", "0", "10075", "10075", 2, 0),
        ("etf", "EUR", "0", "500", "500", "-500", 1, 0),
    ],
    "account": [
        ("A-1", "USD", "9750", "0", "9750", "9750", 1, 0),
        ("A-2", "EUR", "0", "500", "500", "-500", 1, 0),
        ("A-2", "USD", "325", "0", "325", "325", 1, 0),
    ],
}


class TestProfitAndExposure:
    def test_profit_by_account_instrument_and_in_all(self, book: Book, ask: Ask) -> None:
        assert {by: ask("profit", by=by) for by in PROFIT} == PROFIT
        assert ask("profit", by="position", account="A-2", instrument="XYZ") == [
            ("A-2", "XYZ", "USD", "250", "3", "247", "75", 1, 0)
        ]

    def test_exposure_by_instrument_asset_and_account(self, book: Book, ask: Ask) -> None:
        assert {by: ask("exposure", by=by) for by in EXPOSURE} == EXPOSURE

    def test_as_of_now_is_now(self, book: Book, ask: Ask) -> None:
        at = book.ended.isoformat()
        assert {by: ask("profit", by=by, as_of=at) for by in PROFIT} == PROFIT
        assert {by: ask("exposure", by=by, known_at=at) for by in EXPOSURE} == EXPOSURE

    def test_as_of_then_counts_what_was_dealt_by_then_at_the_marks_of_then(
        self, book: Book, ask: Ask
    ) -> None:
        half = book.half.isoformat()
        assert ask("profit", by="account", as_of=half) == [
            ("A-1", "", "USD", "0", "10", "-10", "500", 1, 0),
            ("A-2", "", "USD", "0", "0", "0", "150", 1, 0),
        ]
        assert ask("exposure", by="tenant", as_of=half) == [
            ("", "USD", "6050", "0", "6050", "6050", 2, 0)
        ]

    def test_what_was_known_then_is_not_changed_by_what_came_later(
        self, book: Book, ask: Ask, tenant: Tenant
    ) -> None:
        (first,) = (row[2] for row in ask("blotter", to=book.half.isoformat(), account="A-1"))
        revise(tenant, first)
        take()
        at = book.ended.isoformat()
        assert ask("profit", by="account", as_of=at, known_at=at) == PROFIT["account"]
        # As we know it now, A-1 bought 100 at 60 and sold 50 of them at 70 only: 500.
        assert ask("profit", by="account", as_of=at, account="A-1") == [
            ("A-1", "", "USD", "500", "15", "485", "250", 1, 0)
        ]

    def test_what_has_no_price_is_counted_and_not_valued_at_nothing(
        self, book: Book, ask: Ask, tenant: Tenant
    ) -> None:
        cast.list_instrument(tenant.pk, "NEW")
        deal(tenant, ("A-1", "NEW", "buy", "3", "7"))
        take()
        assert ask("profit", instrument="NEW") == [("A-1", "", "USD", "0", "0", "0", "0", 1, 1)]
        assert ask("exposure", instrument="NEW") == [("NEW", "USD", "21", "0", "21", "21", 1, 1)]

    def test_an_inverse_contract_counts_in_its_coin(
        self, book: Book, ask: Ask, tenant: Tenant
    ) -> None:
        terms = {"kind": "future", "currency": "BTC", "multiplier": Decimal(100), "inverse": True}
        cast.list_instrument(tenant.pk, "INV", **terms)
        deal(tenant, ("A-1", "INV", "buy", "40", "10000"))  # 0.4 BTC
        price(tenant, INV="12500")  # worth 0.32 BTC, so 0.08 BTC were earned
        take()
        assert ask("profit", instrument="INV") == [("A-1", "", "BTC", "0", "0", "0", "0.08", 1, 0)]
        assert ask("exposure", instrument="INV") == [
            ("INV", "BTC", "0.32", "0", "0.32", "0.32", 1, 0)
        ]

    def test_an_empty_book_has_no_rows(self, tenant: Tenant, ask: Ask) -> None:
        for name in ("profit", "exposure", "blotter", "volumes", "cash", "fees", "breaks",
                     "reconciliations", "settlement-efficiency", "settlement-fails"):  # fmt: skip
            assert ask(name) == [], name


class TestPositionsAndBalances:
    def test_what_is_held_and_what_it_is_worth(self, book: Book, ask: Ask) -> None:
        rows = ask("positions")
        assert [(row[0], row[1], row[3], row[4], row[8], row[9]) for row in rows] == [
            ("A-1", "XYZ", "150", "8250", "9750", "1500"),
            ("A-2", "EUX", "-20", "-600", "-500", "100"),
            ("A-2", "XYZ", "5", "250", "325", "75"),
        ]
        assert ask("positions", account="A-2", instrument="XYZ") == rows[2:]
        assert ask("positions", as_of=book.ended.isoformat()) == rows

    def test_what_was_held_then(self, book: Book, ask: Ask) -> None:
        half = book.half.isoformat()
        found = ask("positions", as_of=half)
        assert [(row[0], row[9]) for row in found] == [("A-1", "500"), ("A-2", "150")]
        units = {
            row[0]: row[2] for row in ask("balances", account="A-1", as_of=half) if row[1] == "XYZ"
        }
        assert units == {"SEC:UNSETTLED": found[0][3]}

    def test_balances_are_the_ledgers(self, book: Book, ask: Ask, tenant: Tenant) -> None:
        owner = ledger.owner_of(tenant.pk, "A-1").id
        expected = [(one.account, one.asset) for one in ledger.balances(tenant.pk, owner)]
        now = ask("balances", account="A-1")
        assert [row[:2] for row in now] == expected
        assert ("SEC:UNSETTLED", "XYZ", "150") in [row[:3] for row in now]
        then = ask("balances", account="A-1", known_at=book.ended.isoformat())
        assert [row[:3] for row in then] == [row[:3] for row in now]


class TestBlotter:
    def test_every_version_is_a_line_newest_first(self, book: Book, ask: Ask) -> None:
        rows = ask("blotter")
        told = [(row[3], row[4], row[5], row[7], row[8], row[12], row[18]) for row in rows]
        assert told == [
            (2, "amended", "A-2", "sell", "20", "0", "keyed in wrongly"),
            (2, "cancelled", "A-1", "buy", "1000", "7", "keyed in wrongly"),
            (1, "executed", "A-2", "sell", "25", "0", ""),
            (1, "executed", "A-1", "buy", "1000", "7", ""),
            (1, "executed", "A-2", "sell", "15", "3", ""),
            (1, "executed", "A-2", "buy", "10", "0", ""),
            (1, "executed", "A-1", "sell", "50", "5", ""),
            (1, "executed", "A-1", "buy", "100", "10", ""),
            (1, "executed", "A-2", "buy", "10", "0", ""),
            (1, "executed", "A-1", "buy", "100", "10", ""),
        ]

    def test_filters(self, book: Book, ask: Ask) -> None:
        for query, count in (
            ({"versions": "newest"}, 8),
            ({"state": "cancelled"}, 1),
            ({"state": "executed", "versions": "newest"}, 6),
            ({"account": "A-2"}, 5),
            ({"instrument": "EUX"}, 2),
            ({"account": "A-1", "instrument": "EUX"}, 0),
        ):
            assert len(ask("blotter", **query)) == count, query

    def test_a_range_is_cut_where_it_says(self, book: Book, ask: Ask) -> None:
        half, began, ended = (at.isoformat() for at in (book.half, book.began, book.ended))
        assert len(ask("blotter", from_=began, to=half)) == 2
        assert len(ask("blotter", from_=half, to=ended)) == 8

    def test_pages_meet_without_a_gap(self, book: Book, ask: Ask, api: APIClient) -> None:
        whole, found, after = ask("blotter"), [], ""
        to = book.ended.isoformat()
        while after is not None:
            page = api.get("/api/v1/reports/blotter", {"limit": 3, "after": after, "to": to}).json()
            found += [tuple(row.values()) for row in page["results"]]
            after = page["next"]
        assert found == whole


class TestCashAndFees:
    def test_cash_is_told_by_what_moved_it(self, book: Book, ask: Ask) -> None:
        rows = {(row[0], row[1], row[2]): row[3:11] for row in ask("cash")}
        assert rows == {
            ("A-1", "CASH:SETTLED", "USD"):
                ("0", "20000", "0", "0", "0", "0", "0", "20000"),
            ("A-1", "CASH:UNSETTLED", "USD"):
                ("0", "0", "-7525", "0", "0", "0", "0", "-7525"),
            ("A-2", "CASH:UNSETTLED", "EUR"):
                ("0", "0", "600", "0", "0", "0", "0", "600"),
            ("A-2", "CASH:UNSETTLED", "USD"):
                ("0", "0", "-3", "0", "0", "0", "0", "-3"),
            ("", "FEE:COMMISSION", "USD"):
                ("0", "0", "25", "0", "0", "0", "0", "25"),
            ("", "NOSTRO", "USD"):
                ("0", "-20000", "0", "0", "0", "0", "0", "-20000"),
            ("", "STREET:CASH:UNSETTLED", "EUR"):
                ("0", "0", "-600", "0", "0", "0", "0", "-600"),
            ("", "STREET:CASH:UNSETTLED", "USD"):
                ("0", "0", "7500", "0", "0", "0", "0", "7500"),
            ("", "TAX", "USD"):
                ("0", "0", "3", "0", "0", "0", "0", "3"),
        }  # fmt: skip

    def test_what_came_before_is_the_opening_and_what_comes_after_does_not_count(
        self, book: Book, ask: Ask, tenant: Tenant
    ) -> None:
        ended = book.ended.isoformat()
        deal(tenant, ("A-1", "XYZ", "sell", "150", "65"))
        take()
        before = {row[:3]: row for row in ask("cash", to=ended)}
        after = {row[:3]: row for row in ask("cash", from_=ended)}
        place = ("A-1", "CASH:UNSETTLED", "USD")
        assert (before[place][3], before[place][10]) == ("0", "-7525")
        assert (after[place][3], after[place][5], after[place][10]) == ("-7525", "9750", "2225")
        assert {key: row[10] for key, row in before.items()} == {
            key: row[3] for key, row in after.items()
        }

    def test_closing_balances_are_the_trial_balance(
        self, book: Book, ask: Ask, tenant: Tenant
    ) -> None:
        rows = [(row[2], Decimal(row[10])) for row in ask("cash")]
        trial = {one.asset: one for one in ledger.trial_balance(tenant.pk)}
        for currency in ("USD", "EUR"):
            amounts = [amount for asset, amount in rows if asset == currency]
            assert sum(amounts) == 0
            debit = sum(amount for amount in amounts if amount > 0)
            assert debit == trial[currency].debit == trial[currency].credit

    def test_fees_are_what_clients_were_charged(self, book: Book, ask: Ask) -> None:
        assert ask("fees") == [
            ("A-1", "FEE:COMMISSION", "USD", "25", 5),
            ("A-2", "TAX", "USD", "3", 1),
        ]
        assert ask("fees", account="A-2") == [("A-2", "TAX", "USD", "3", 1)]

    def test_the_statement_ends_with_the_balances(
        self, book: Book, ask: Ask, api: APIClient
    ) -> None:
        rows = ask("statement", account="A-1")
        last = {(row[4], row[5]): row[7] for row in rows}
        assert last == {
            ("CASH:SETTLED", "USD"): "20000",
            ("CASH:UNSETTLED", "USD"): "-7525",
            ("SEC:UNSETTLED", "XYZ"): "150",
        }
        found, after = [], ""
        while after is not None:
            query = {"account": "A-1", "limit": 4, "after": after, "to": "2999-01-01", "from": "2998-12-01"}  # fmt: skip
            page = api.get("/api/v1/reports/statement", query).json()
            found, after = found + page["results"], page["next"]
        assert found == []
        asked = api.get("/api/v1/reports/statement", {"account": "A-1", "limit": 4}).json()
        rest = api.get(
            "/api/v1/reports/statement", {"account": "A-1", "limit": 99, "after": asked["next"]}
        ).json()
        assert [tuple(row.values()) for row in asked["results"] + rest["results"]] == rows


class TestVolumes:
    def test_hours_and_days_count_what_was_booked(self, book: Book, ask: Ask) -> None:
        for by in ("hour", "day"):
            found: dict[str, list[Decimal]] = {}
            for _, currency, *figures in ask("volumes", by=by):
                sums = found.setdefault(currency, [Decimal(0)] * 7)
                found[currency] = [a + Decimal(b) for a, b in zip(sums, figures, strict=True)]
            assert {key: [int(one) for one in row] for key, row in found.items()} == {
                "EUR": [1, 0, 1, 750, 1, 0, 0],
                "USD": [7, 5, 2, 17_300, 0, 1, 0],
            }

    def test_what_was_refused_is_counted(self, book: Book, ask: Ask, tenant: Tenant) -> None:
        outcomes = cast.book(
            tenant.pk,
            cast.ask(account="A-1", quantity="-1"),
            cast.ask(account="A-1", instrument="NONE"),
        )
        assert all(one.error for one in outcomes)
        rows = ask("volumes", by="day")
        assert sum(row[8] for row in rows if row[1] == "USD") == 1
        assert sum(row[8] for row in rows if row[1] == "") == 1
