"""Trades, drafts and raw SQL: plain functions that the ledger's tests share."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection

from apps.core.ids import uuid7
from apps.core.money import round_to, scale_of
from apps.ledger import services
from apps.ledger.journal import Code, EntryDraft, Kind, Leg
from apps.ledger.services import Booked
from apps.trading.events import Fee, TradeAmended, TradeCancelled, TradeExecuted, TradeTerms

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ACCOUNT = UUID("0190c0de-0000-7000-8000-000000000001")


def make_trade(**terms: Any) -> TradeExecuted:
    """A trade: 100 XYZ bought at 50.00 USD, unless said otherwise."""
    side, quantity = terms.pop("side", "buy"), Decimal(terms.pop("quantity", "100"))
    price, multiplier = Decimal(terms.pop("price", "50.00")), Decimal(terms.pop("multiplier", "1"))
    inverse, currency = terms.pop("inverse", False), terms.pop("currency", "USD")
    worth = quantity * multiplier / price if inverse else price * quantity * multiplier
    given: dict[str, Any] = {
        "trade_id": uuid7(),
        "version_no": 1,
        "account_id": ACCOUNT,
        "account_number": "ACC-1",
        "cost_method": "average",
        "instrument_id": uuid7(),
        "symbol": "XYZ",
        "notional": round_to(worth, scale_of(currency)),
        "fees": (),
        "trade_date": date(2026, 3, 2),
        "settles_on": date(2026, 3, 3),
        "executed_at": NOON,
        "source": "test",
    }
    return TradeExecuted(
        side=side,
        quantity=quantity,
        price=price,
        multiplier=multiplier,
        inverse=inverse,
        currency=currency,
        **given | terms,
    )


def cancelled(trade: TradeExecuted | TradeAmended) -> TradeCancelled:
    """The cancellation of a trade in its newest version."""
    terms = {name: getattr(trade, name) for name in TradeExecuted.__struct_fields__}
    return TradeCancelled(**{**terms, "version_no": trade.version_no + 1}, reason="wrong")


def amended(trade: TradeExecuted | TradeAmended, quantity: str) -> TradeAmended:
    """The next version of a trade: of another quantity."""
    terms = {name: getattr(trade, name) for name in TradeExecuted.__struct_fields__}
    units = Decimal(quantity)
    changed = {
        "version_no": trade.version_no + 1, "quantity": units, "notional": units * trade.price,
    }  # fmt: skip
    previous = TradeTerms(
        quantity=trade.quantity, price=trade.price, notional=trade.notional, fees=trade.fees
    )
    return TradeAmended(**{**terms, **changed}, reason="wrong", previous=previous)


def make_fee(kind: str, amount: str, currency: str = "USD") -> Fee:
    """A charge."""
    return Fee(kind=kind, amount=Decimal(amount), currency=currency)


def make_draft(tenant: int, *legs: tuple[str, UUID | None, str, str], **given: Any) -> EntryDraft:
    """An entry of these legs (code, owner, asset, amount); without any, cash that came in."""
    lines = legs or (
        (Code.CASH_SETTLED, ACCOUNT, "USD", "100"),
        (Code.NOSTRO, None, "USD", "-100"),
    )
    terms: dict[str, Any] = {
        "kind": Kind.FEE,
        "source": f"test:{uuid7()}",
        "tenant": tenant,
        "effective_at": NOON,
        "owner": ACCOUNT,
        "owner_number": "ACC-1",
    }
    return EntryDraft(legs=tuple(Leg(c, o, a, Decimal(x)) for c, o, a, x in lines), **terms | given)


def post(*drafts: EntryDraft, at: datetime | None = None, partition: int = 3) -> list[Booked]:
    """Book drafts."""
    return services.post_entries(drafts, partition=partition, booked_at=at)


def leg_texts(legs: Any) -> list[tuple[str, str, str]]:
    """Legs as (code, asset, amount) in text, to compare at a glance."""
    return [(str(leg.code), leg.asset, f"{leg.amount:f}") for leg in legs]


@contextmanager
def refused(rule: str) -> Iterator[None]:
    """The database must refuse what happens inside, by this rule."""
    with pytest.raises(IntegrityError) as caught:
        yield
    assert caught.value.__cause__.diag.constraint_name == rule, str(caught.value)


def sql(statement: str, params: Any = None) -> list[tuple[Any, ...]]:
    """What raw SQL answers."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def at_once(calls: Sequence[Callable[[], object]]) -> list[BaseException | None]:
    """Run calls at the same time, each on a connection of its own; what each of them raised."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        try:
            gate.wait(timeout=300)
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.exception() for future in [pool.submit(run, call) for call in calls]]


@contextmanager
def guards_off(table: str) -> Iterator[None]:
    """A database administrator who knows what to switch off."""
    sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    try:
        yield
    finally:
        sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        for (name,) in sql(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"
            " AND tgname NOT LIKE '%%truncated'", [table]
        ):  # fmt: skip
            sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
