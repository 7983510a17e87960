"""Trades booked by hand: psycopg and SQL, the rows that the product writes, no Django.

With 500 trades a call this is the limit that P1 is held against; with one, the peers' job.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from apps.core.ids import uuid7
from apps.events.contracts import partition_of
from benchmarks.market import TENANT

STATEMENTS: Final = dict(
    part.split("\n", 1)
    for part in (Path(__file__).parent / "sql" / "book.sql").read_text().split("-- name: ")[1:]
)
HOUSE: Final = ("STREET:SEC:UNSETTLED", "STREET:CASH:UNSETTLED", "FEE:COMMISSION", "FEE:EXCHANGE")
POSTED: Final = ("entry", "symbol", "sec", "cash", "units", "value", "commission", "exchange")
_FINEST = Decimal("1e-12")
_encode = msgspec.json.Encoder(decimal_format="string").encode
Row = dict[str, Any]


class Booker:
    """Books trades over one connection."""

    def __init__(self, url: str) -> None:
        self._db = psycopg.connect(url, prepare_threshold=0)
        row = self._db.execute("SELECT id FROM tenants_tenant WHERE slug = %s", [TENANT]).fetchone()
        self._tenant = row[0]
        self._accounts = self._named("SELECT number, id::text FROM trading_clientaccount")
        self._instruments = self._named("SELECT symbol, id::text FROM trading_instrument")
        self._ledger = self._named(
            "SELECT code || coalesce(owner::text, ''), id FROM ledger_ledgeraccount"
        )
        self._db.commit()

    def _named(self, query: str) -> dict[str, Any]:
        return dict(self._db.execute(f"{query} WHERE tenant_id = %s", [self._tenant]).fetchall())

    def half(self, which: int) -> list[str]:
        """The accounts of the even or of the odd partitions of the log."""
        return [name for name, uid in self._accounts.items() if partition_of(uid) % 2 == which]

    def book(self, trades: Sequence[Row]) -> None:
        """Book trades in one transaction: two round trips and the commit."""
        rows = [self._row(trade) for trade in trades]
        tenant, text = self._tenant, _encode(rows).decode()
        with self._db.transaction(), self._db.pipeline() as pipeline:
            self._db.execute(STATEMENTS["lock"], [sorted({row["partition"] for row in rows})])
            offsets = self._db.execute(STATEMENTS["append"], [tenant, text])
            held = self._db.execute(STATEMENTS["held"], [_encode(_pairs(rows)).decode()])
            pipeline.sync()
            positions = _fold(rows, held.fetchall(), dict(offsets.fetchall()))
            text = _encode(rows).decode()
            state = _encode(positions).decode()
            self._db.execute(STATEMENTS["trades"], [text, tenant, tenant])
            self._db.execute(STATEMENTS["positions"], [tenant, text, tenant, state])
            self._db.execute(STATEMENTS["entries"], [tenant, text])
            house = [self._ledger[code] for code in HOUSE]
            self._db.execute(STATEMENTS["settlements"], [tenant, text])
            for mine in _by_partition(rows):  # the ledger takes one partition in a statement
                self._db.execute(STATEMENTS["postings"], [tenant, _encode(mine).decode(), *house])

    def _row(self, trade: Row) -> Row:
        """Everything that the statements take from a trade."""
        account = self._accounts[trade["account"]]
        quantity, price = Decimal(trade["quantity"]), Decimal(trade["price"])
        notional = (quantity * price).quantize(_FINEST)
        is_buy = trade["side"] == "buy"
        commission, exchange = (Decimal(fee["amount"]) for fee in trade["fees"])
        row: Row = {
            **trade,
            "trade_id": str(uuid7()),
            "account_id": account,
            "instrument_id": self._instruments[trade["instrument"]],
            "symbol": trade["instrument"],
            "partition": partition_of(account),
            "event": str(uuid7()),
            "entry": str(uuid7()),
            "settlement": str(uuid7()),
            "executed_at": datetime.now(UTC),
            "units": quantity if is_buy else -quantity,
            "value": -notional if is_buy else notional,
            "notional": notional,
            "commission": commission,
            "exchange": exchange,
            "sec": self._ledger[f"SEC:UNSETTLED{account}"],
            "cash": self._ledger[f"CASH:UNSETTLED{account}"],
            "request": _encode(trade).decode(),
        }
        row["data"] = _encode(_fact(row)).decode()
        return row


def _fact(row: Row) -> Row:
    """The event's data."""
    return {
        "trade_id": row["trade_id"], "version_no": 1, "account_id": row["account_id"],
        "account_number": row["account"], "cost_method": "average",
        "instrument_id": row["instrument_id"], "symbol": row["symbol"], "side": row["side"],
        "quantity": row["quantity"], "price": row["price"], "multiplier": "1", "inverse": False,
        "currency": "USD", "notional": row["notional"], "fees": row["fees"],
        "trade_date": row["executed_at"].date(), "settles_on": None,
        "executed_at": row["executed_at"], "source": "api",
    }  # fmt: skip


def _pairs(rows: Sequence[Row]) -> list[Row]:
    pairs = {(row["account_id"], row["instrument_id"]) for row in rows}
    return [{"account_id": account, "instrument_id": instrument} for account, instrument in pairs]


def _by_partition(rows: Sequence[Row]) -> list[list[Row]]:
    """What the postings' statement takes, by partition of the log."""
    found: dict[int, list[Row]] = {}
    for row in rows:
        mine = {name: row[name] for name in POSTED}
        found.setdefault(row["partition"], []).append(mine)
    return list(found.values())


def _fold(rows: Sequence[Row], held: Sequence[Any], offsets: dict[str, int]) -> list[Row]:
    """Work out, in order, what each trade makes of its position; the last states."""
    states = {(account, instrument): state for account, instrument, *state in held}
    last: dict[tuple[str, str], Row] = {}
    for row in rows:
        pair = row["account_id"], row["instrument_id"]
        state = _apply(states.get(pair, [Decimal(0)] * 4 + [0]), row)
        states[pair] = state
        row["offset"] = offsets[row["event"]]
        names = ("position", "cost", "realised_pnl", "paid", "version")
        row.update(zip(names, state, strict=True))
        last[pair] = row
    return [{**row, "quantity": row["position"]} for row in last.values()]


def _apply(state: Sequence[Any], row: Row) -> list[Any]:
    """Average cost: what closes takes its share of the cost with it, what is left over opens."""
    quantity, cost, realised, fees, version = state
    units, notional = row["units"], row["notional"]
    opening = abs(units)
    if quantity and (quantity > 0) != (units > 0):
        closing = min(abs(quantity), opening)
        part = (
            cost if closing == abs(quantity) else (cost * closing / abs(quantity)).quantize(_FINEST)
        )
        value = (notional * closing / opening).quantize(_FINEST)
        realised += value.copy_sign(quantity) - part
        cost -= part
        notional -= value
    cost += notional.copy_sign(units)
    fees += row["commission"] + row["exchange"]
    return [quantity + units, cost, realised, fees, version + 1]
