"""Settlements between the table and the saga: read and locked in one order, written in one statement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.core.money import ZERO, exact, round_to, scale_of
from apps.events.contracts import partition_of
from apps.settlement.saga import Saga, State

_WRITTEN: Final = {
    "due_on": "date",
    "window_at": "timestamptz",
    "is_late": "boolean",
    "state": "text",
    "settled": "numeric",
    "pending": "numeric",
    "parts": "smallint",
    "open_units": "numeric",
    "done_units": "numeric",
    "posted_units": "numeric",
    "tries": "smallint",
    "may_be_out": "boolean",
    "is_unwanted": "boolean",
    "is_gone": "boolean",
    "is_returned": "boolean",
    "round": "smallint",
    "instruction_id": "uuid",
    "reference": "text",
    "code": "text",
    "detail": "text",
    "by_hand_id": "uuid",
    "next_at": "timestamptz",
    "attention_at": "timestamptz",
    "assigned_to": "text",
    "instructed_at": "timestamptz",
    "settled_at": "timestamptz",
}
"""What changes in a settlement, with its type; everything else is its terms."""

UPDATE: Final = f"""
UPDATE settlement_settlement AS s
SET {", ".join(f"{name} = n.{name}" for name in _WRITTEN)},
    version = s.version + 1, changed_at = %s
FROM json_to_recordset(%s::json) AS n (
    id uuid, {", ".join(f"{name} {kind}" for name, kind in _WRITTEN.items())})
WHERE s.id = n.id
"""
_TERMS: Final = {
    "id": "uuid",
    "tenant_id": "integer",
    "kind": "text",
    "trade_id": "uuid",
    "version_no": "smallint",
    "original_id": "uuid",
    "account_id": "uuid",
    "account_number": "text",
    "instrument_id": "uuid",
    "symbol": "text",
    "counterparty": "text",
    "movement": "text",
    "quantity": "numeric",
    "currency": "text",
    "amount": "numeric",
    "client_cash": "jsonb",
    "trade_date": "date",
    "market": "text",
    "clearing": "text",
    "opened_at": "timestamptz",
}
_INSERTED: Final = _TERMS | _WRITTEN
INSERT: Final = f"""
INSERT INTO settlement_settlement ({", ".join(_INSERTED)}, version)
SELECT {", ".join(f"n.{name}" for name in _INSERTED)}, 1
FROM json_to_recordset(%s::json) AS n (
    {", ".join(f"{name} {kind}" for name, kind in _INSERTED.items())})
ON CONFLICT (trade_id, version_no, kind) DO NOTHING
RETURNING id
"""


COLUMNS: Final = (*_INSERTED, "version")
SELECT: Final = f"SELECT {', '.join(f's.{one}' for one in COLUMNS)} FROM settlement_settlement s"
# By id, everywhere: two writers of the same settlements wait for each other, but not in a circle.
LOCK: Final = f"{SELECT} WHERE s.id = ANY(%s::uuid[]) ORDER BY s.id FOR UPDATE"


@dataclass(slots=True)
class Row:
    """A settlement as it is in the table; changed in memory, then written."""

    id: UUID
    tenant_id: int
    kind: str
    trade_id: UUID
    version_no: int
    original_id: UUID | None
    account_id: UUID
    account_number: str
    instrument_id: UUID
    symbol: str
    counterparty: str | None
    movement: str
    quantity: Decimal
    currency: str
    amount: Decimal
    client_cash: dict[str, Decimal]
    trade_date: date
    market: str
    clearing: str
    opened_at: datetime
    due_on: date | None
    window_at: datetime | None
    is_late: bool
    state: State
    settled: Decimal = ZERO
    pending: Decimal = ZERO
    parts: int = 0
    open_units: Decimal | None = None
    done_units: Decimal | None = None
    posted_units: Decimal | None = None
    tries: int = 0
    may_be_out: bool = False
    is_unwanted: bool = False
    is_gone: bool = False
    is_returned: bool = False
    round: int = 0
    instruction_id: UUID | None = None
    reference: str = ""
    code: str = ""
    detail: str = ""
    by_hand_id: UUID | None = None
    next_at: datetime | None = None
    attention_at: datetime | None = None
    assigned_to: str = ""
    instructed_at: datetime | None = None
    settled_at: datetime | None = None
    version: int = 1

    @property
    def saga(self) -> Saga:
        """What decides about its next step."""
        return Saga(
            self.state,
            self.quantity,
            self.amount,
            scale_of(self.currency),
            self.settled,
            self.pending,
            self.tries,
            self.may_be_out,
            is_internal=not self.clearing,
            is_unwanted=self.is_unwanted,
        )

    def units(self, quantity: Decimal) -> Decimal:
        """What a part of the open quantity, in the trade's units, is in units of today.

        In as many decimals as the open units have; the last part takes all that is left of them.
        """
        if self.open_units is None:
            return quantity
        with exact():
            rest = self.quantity - self.settled
            if quantity == rest:
                return self.open_units
            exponent = self.open_units.normalize().as_tuple().exponent
            scale = max(0, -exponent) if isinstance(exponent, int) else 0
            return round_to(self.open_units * quantity / rest, scale)

    @property
    def units_to_move(self) -> Decimal:
        """All that is open, in units of today."""
        with exact():
            return self.quantity - self.settled if self.open_units is None else self.open_units

    @property
    def units_moved(self) -> Decimal:
        """All that has settled, in units of today."""
        return self.settled if self.done_units is None else self.done_units

    def move(self, units: Decimal) -> None:
        """Take units from what is open to what has settled."""
        with exact():
            if self.open_units is not None and self.done_units is not None:
                self.open_units -= units
                self.done_units += units

    @property
    def is_receipt(self) -> bool:
        """Whether the client receives the securities."""
        return self.movement == "receive"

    @property
    def partition(self) -> int:
        """Of its account, in every topic."""
        return partition_of(str(self.account_id))


_encode = msgspec.json.Encoder(decimal_format="string").encode


def read(query: str, params: Sequence[Any]) -> list[Row]:
    """The settlements that a query over all columns finds."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return [_row(found) for found in cursor.fetchall()]


def lock(ids: Iterable[UUID]) -> dict[UUID, Row]:
    """Settlements by id, locked until the transaction ends."""
    wanted = sorted(set(ids))
    return {one.id: one for one in read(LOCK, [wanted])} if wanted else {}


def insert(new: Sequence[Row]) -> set[UUID]:
    """Write new settlements; the ids of those that were not there before."""
    if not new:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [_json(new, _INSERTED)])
        return {uid for (uid,) in cursor.fetchall()}


def update(changed: Sequence[Row], now: datetime) -> None:
    """Write what changed in settlements that are locked."""
    if not changed:
        return
    with connection.cursor() as cursor:
        cursor.execute(UPDATE, [now, _json(changed, {"id": "", **_WRITTEN})])
    for one in changed:
        one.version += 1


def _json(rows: Sequence[Row], names: Iterable[str]) -> str:
    chosen = tuple(names)
    return _encode([{name: getattr(one, name) for name in chosen} for one in rows]).decode()


def _row(found: Sequence[Any]) -> Row:
    values = dict(zip(COLUMNS, found, strict=True))
    values["state"] = State(values["state"])
    cash = msgspec.json.decode(values.pop("client_cash"))
    return Row(client_cash={name: Decimal(text) for name, text in cash.items()}, **values)
