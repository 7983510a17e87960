"""Accounts, instruments and trades: plain functions that trading's tests share."""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.core.ids import uuid7
from apps.events.contracts import PARTITIONS
from apps.events.services import drain
from apps.trading import services
from apps.trading.models import ClientAccount, Instrument
from apps.trading.selectors.exposure import FOLDER
from apps.trading.services import AccountTerms, FeeRequest, InstrumentTerms, Outcome, TradeRequest

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CLIENT = "key:test"


def open_account(tenant: int, number: str = "ACC-1", **terms: Any) -> ClientAccount:
    """An account in dollars, average cost, without limits, unless said otherwise."""
    given = {"name": f"Client {number}", "base_currency": "USD"}
    return services.open_account(tenant, AccountTerms(number=number, **given | terms))[0]


def list_instrument(tenant: int, symbol: str = "XYZ", **terms: Any) -> Instrument:
    """An equity in dollars, any lot, any tick, unless said otherwise."""
    given: dict[str, Any] = {"name": symbol, "kind": "equity", "currency": "USD"}
    return services.list_instrument(tenant, InstrumentTerms(symbol=symbol, **given | terms))[0]


def ask(**terms: Any) -> TradeRequest:
    """A request: 100 XYZ bought for ACC-1 at 50, with a key of its own, unless said otherwise."""
    fees = tuple(FeeRequest(kind=kind, amount=amount) for kind, amount in terms.pop("fees", ()))
    given = {
        "account": "ACC-1",
        "instrument": "XYZ",
        "side": "buy",
        "quantity": "100",
        "price": "50",
        "idempotency_key": str(uuid7()),
    }
    return TradeRequest(fees=fees, **given | terms)


def book(tenant: int, *requests: TradeRequest, **options: Any) -> list[Outcome]:
    """Send requests as one call."""
    given = {"client": CLIENT, "now": datetime.now(UTC)}
    return services.execute_trades(requests, tenant=tenant, **given | options)


def codes(outcome: Outcome) -> list[tuple[str, str]]:
    """(field, code) of every reason of a refusal."""
    assert outcome.error is not None
    errors = outcome.error.facts["errors"]
    assert isinstance(errors, list)
    return [(one["field"], one["code"]) for one in errors]


def fold(*partitions: int) -> None:
    """Let the handler take everything that is there (in these partitions)."""
    for partition in partitions or range(PARTITIONS):
        drain(FOLDER, "trade", partition)


def query(sql: str, *params: object) -> list[tuple[Any, ...]]:
    """Rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall() if cursor.description else []


def count(table: str) -> int:
    """Rows in a table."""
    return int(query(f"SELECT count(*) FROM {table}")[0][0])


def held(account: ClientAccount) -> dict[str, tuple[Decimal, Decimal, Decimal, Decimal, int]]:
    """(quantity, cost, realised, fees, version) by symbol, as the table has it."""
    rows = query(
        """SELECT i.symbol, p.quantity, p.cost, p.realised_pnl, p.fees, p.version
           FROM trading_position p JOIN trading_instrument i ON i.id = p.instrument_id
           WHERE p.account_id = %s""",
        account.pk,
    )
    return {symbol: tuple(rest) for symbol, *rest in rows}


def in_threads(calls: Sequence[Callable[[], Any]], timeout: float = 300.0) -> list[Any]:
    """Run calls at the same time, each on a connection of its own; results or errors, in order."""
    results: list[Any] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(index: int) -> None:
        try:
            gate.wait(timeout)
            results[index] = calls[index]()
        except Exception as error:  # noqa: BLE001 - the caller looks at it
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[index]) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        assert not thread.is_alive()
    return results
