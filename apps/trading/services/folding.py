"""Fold trades into positions: a batch in memory, written with one statement.

A trade that is new goes on top of the position. One that is cancelled or amended lies below others,
so its position is folded again from there (`selectors.history`).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import msgspec
from django.db import connection
from django.utils import timezone

from apps.core.money import ZERO, exact, scale_of
from apps.events.registry import Recorded
from apps.events.services import unit_of_work
from apps.trading.events import (
    PositionChanged,
    SplitApplied,
    TradeAmended,
    TradeCancelled,
    TradeExecuted,
)
from apps.trading.models.positions import ChangeKind
from apps.trading.positions import (
    Fill,
    PositionState,
    Split,
    Terms,
    Told,
    apply_fill,
    apply_split,
    lots_from_json,
    lots_to_json,
)
from apps.trading.selectors import position_cache
from apps.trading.selectors.history import Change, History, split_of
from apps.trading.selectors.position_cache import StoredPosition

LOAD: Final = """
SELECT p.account_id, p.instrument_id, p.version, p.effective_to, p.known_to, p.quantity, p.cost,
       p.realised_pnl, p.fees, p.lots
FROM unnest(%s::uuid[], %s::uuid[]) AS u (account, instrument)
JOIN trading_position p ON p.account_id = u.account AND p.instrument_id = u.instrument
"""
# One JSON text for many rows is parsed faster than a dozen arrays, on both sides.
WRITE: Final = """
WITH mark AS (
    INSERT INTO trading_positionmark (partition, token)
    SELECT p, %(token)s FROM unnest(%(partitions)s::smallint[]) AS u (p)
    ON CONFLICT (partition) DO UPDATE SET token = excluded.token
), history AS (
    INSERT INTO trading_positionchange (partition, "offset", tenant_id, account_id, instrument_id,
        trade_id, kind, place, fill_quantity, fill_price, fill_notional, fill_fees, split_factor,
        version, quantity, cost, realised_pnl, fees, effective_at, booked_at, effective_to)
    SELECT c.partition, c."offset", c.tenant_id, c.account_id, c.instrument_id, c.trade_id,
           c.kind, c.place, c.fill_quantity, c.fill_price, c.fill_notional, c.fill_fees,
           c.split_factor, c.version, c.quantity, c.cost, c.realised_pnl, c.fees, c.effective_at, c.booked_at,
           c.effective_to
    FROM json_to_recordset(%(changes)s::json) AS c (
        partition smallint, "offset" bigint, tenant_id integer, account_id uuid, instrument_id uuid,
        trade_id uuid, kind text, place bigint, fill_quantity numeric, fill_price numeric,
        fill_notional numeric, fill_fees numeric, split_factor numeric, version bigint, quantity numeric, cost numeric,
        realised_pnl numeric, fees numeric, effective_at timestamptz, booked_at timestamptz,
        effective_to timestamptz)
)
INSERT INTO trading_position AS p (tenant_id, account_id, instrument_id, currency, quantity, cost,
    realised_pnl, fees, lots, version, last_offset, effective_to, known_to, updated_at)
SELECT g.tenant_id, g.account_id, g.instrument_id, g.currency, g.quantity, g.cost, g.realised_pnl,
       g.fees, g.lots, g.version, g.last_offset, g.effective_to, g.known_to, %(now)s
FROM json_to_recordset(%(positions)s::json) AS g (
    tenant_id integer, account_id uuid, instrument_id uuid, currency text, quantity numeric,
    cost numeric, realised_pnl numeric, fees numeric, lots jsonb, version bigint,
    last_offset bigint, effective_to timestamptz, known_to timestamptz)
ON CONFLICT (account_id, instrument_id) DO UPDATE SET
    quantity = excluded.quantity, cost = excluded.cost, realised_pnl = excluded.realised_pnl,
    fees = excluded.fees, lots = excluded.lots, version = excluded.version,
    last_offset = excluded.last_offset, effective_to = excluded.effective_to,
    known_to = excluded.known_to, updated_at = excluded.updated_at
"""
MARKS: Final = """
SELECT partition, token FROM trading_positionmark WHERE partition = ANY(%s::smallint[])
"""

BEGINNING: Final = datetime(1, 1, 1, tzinfo=UTC)
Pair = tuple[UUID, UUID]
"""Account and instrument."""
Deal = TradeExecuted | TradeAmended | TradeCancelled
Fact = Deal | SplitApplied
_KINDS: Final[dict[type[Deal], str]] = {
    TradeExecuted: ChangeKind.EXECUTED.value,
    TradeAmended: ChangeKind.AMENDED.value,
    TradeCancelled: ChangeKind.CANCELLED.value,
}


@dataclass(slots=True)
class Held:
    """A position on its way through a batch."""

    state: PositionState = field(default_factory=PositionState)
    version: int = 0
    effective_to: datetime = BEGINNING
    known_to: datetime = BEGINNING
    last: Recorded | None = None
    changes: list[Change] = field(default_factory=list)


_encode = msgspec.json.Encoder(decimal_format="string").encode


def fold_trades(trades: Sequence[Recorded]) -> None:
    """Bring positions up to date with trades and splits, in the order of each account.

    A trade that was folded before is refused by the history's primary key. Raises `ValueError`
    where a stored position contradicts itself.
    """
    with unit_of_work() as work:
        held = _load([_pair(one) for one in trades])
        changes = [_fold(held, one) for one in trades]
        partitions = sorted({one.partition for one in trades})
        before, now, token = _marks(partitions), timezone.now(), uuid4()
        touched = [one for one in held.values() if one.last is not None]
        _write(token, partitions, now, changes, touched)
        for one in touched:
            work.publish(_changed(one), tenant=_last(one).tenant_id, key=_last(one).key)
        by_partition = _by_partition(touched, now)
        work.after_commit(lambda: position_cache.follow(before, token, by_partition))


def _pair(one: Recorded) -> Pair:
    fact = _fact(one)
    return fact.account_id, fact.instrument_id


def _fact(one: Recorded) -> Fact:
    assert isinstance(one.event, TradeExecuted | TradeAmended | TradeCancelled | SplitApplied)
    return one.event


def _last(one: Held) -> Recorded:
    assert one.last is not None
    return one.last


def _load(pairs: Sequence[Pair]) -> dict[Pair, Held]:
    """Where every position of these pairs stands."""
    wanted = list(dict.fromkeys(pairs))
    with connection.cursor() as cursor:
        cursor.execute(LOAD, [[one[0] for one in wanted], [one[1] for one in wanted]])
        rows = cursor.fetchall()
    held = {pair: Held() for pair in wanted}
    for account, instrument, version, effective_to, known_to, *amounts, lots in rows:
        kept = lots_from_json(json.loads(lots)) if lots else ()
        state = PositionState(*(*amounts, kept))
        held[account, instrument] = Held(state, version, effective_to, known_to)
    return held


def _marks(partitions: Sequence[int]) -> dict[int, UUID]:
    """The marks of these partitions, of the batch before this one."""
    with connection.cursor() as cursor:
        cursor.execute(MARKS, [list(partitions)])
        return dict(cursor.fetchall())


def _fold(held: dict[Pair, Held], one: Recorded) -> Change:
    fact, pair = _fact(one), _pair(one)
    position = held[pair]
    if isinstance(fact, SplitApplied):
        return _split(position, one, fact)
    trade = fact
    terms = _terms(trade.multiplier, trade.inverse, trade.cost_method, trade.currency)
    if isinstance(trade, TradeExecuted):
        place = one.offset
        fill: Fill | None = _fill(trade, place)
        position.state, _ = apply_fill(position.state, _fill(trade, place), terms)
    else:
        history = History(*pair, position.changes)
        place = history.place_of(trade.trade_id)
        fill = _fill(trade, place) if isinstance(trade, TradeAmended) else None
        position.state = history.refold(Told(one.offset, place, fill), terms)
    _advance(position, one, trade.executed_at)
    made = _Made(
        trade.trade_id,
        _KINDS[type(trade)],
        place,
        fill.quantity if fill else ZERO,
        trade.price,
        fill.notional if fill else ZERO,
        fill.fees if fill else ZERO,
    )
    return _changed_by(made, one, position, trade.executed_at)


def _split(position: Held, one: Recorded, split: SplitApplied) -> Change:
    before = position.state.quantity
    terms = _terms(split.multiplier, False, split.cost_method, split.currency)
    price = split.cash_in_lieu_price
    told = split_of(split.new_units, split.old_units, split.lot_size, price, split.currency)
    position.state, cash = apply_split(position.state, told, terms)
    _advance(position, one, split.effective_at)
    with exact():
        units = position.state.quantity - before
    kind = ChangeKind.SPLIT.value
    paid = (price or ZERO, cash, ZERO)
    made = _Made(split.action_id, kind, one.offset, units, *paid, split.factor)
    return _changed_by(made, one, position, split.effective_at, told)


def _advance(position: Held, one: Recorded, effective_at: datetime) -> None:
    position.version += 1
    position.last = one
    position.effective_to = max(position.effective_to, effective_at)
    position.known_to = max(position.known_to, one.recorded_at)


class _Made(NamedTuple):
    """What a fact says of its trade, or split."""

    trade_id: UUID
    kind: str
    place: int
    quantity: Decimal
    price: Decimal
    notional: Decimal
    fees: Decimal
    split_factor: Decimal | None = None


def _changed_by(
    made: _Made,
    one: Recorded,
    position: Held,
    effective_at: datetime,
    split: Split | None = None,
) -> Change:
    fact, state = _fact(one), position.state
    change = Change(
        one.partition,
        one.offset,
        one.tenant_id,
        fact.account_id,
        fact.instrument_id,
        *made,
        position.version,
        state.quantity,
        state.cost,
        state.realised_pnl,
        state.fees,
        effective_at,
        position.known_to,
        position.effective_to,
        split,
    )
    position.changes.append(change)
    return change


@lru_cache(maxsize=4_096)
def _terms(multiplier: Decimal, inverse: bool, cost_method: str, currency: str) -> Terms:
    return Terms(multiplier, inverse, cost_method, scale_of(currency))


def _fill(trade: Deal, offset: int) -> Fill:
    is_buy = trade.side == "buy"
    quantity = trade.quantity if is_buy else trade.quantity.copy_negate()
    fees = ZERO
    if trade.fees:
        with exact():
            fees = sum((fee.amount for fee in trade.fees), ZERO)
    return Fill(quantity, trade.price, trade.notional, fees, offset)


def _write(
    token: UUID,
    partitions: Sequence[int],
    now: datetime,
    changes: Sequence[Change],
    touched: Sequence[Held],
) -> None:
    params: dict[str, Any] = {
        "token": token,
        "partitions": list(partitions),
        "now": now,
        "changes": _encode(changes).decode(),
        "positions": _encode([_row(one) for one in touched]).decode(),
    }
    with connection.cursor() as cursor:
        cursor.execute(WRITE, params)


def _row(one: Held) -> dict[str, Any]:
    trade, state = _fact(_last(one)), one.state
    return {
        "tenant_id": _last(one).tenant_id,
        "account_id": trade.account_id,
        "instrument_id": trade.instrument_id,
        "currency": trade.currency,
        "quantity": state.quantity,
        "cost": state.cost,
        "realised_pnl": state.realised_pnl,
        "fees": state.fees,
        "lots": lots_to_json(state.lots) if state.lots else None,
        "version": one.version,
        "last_offset": _last(one).offset,
        "effective_to": one.effective_to,
        "known_to": one.known_to,
    }


def _changed(one: Held) -> PositionChanged:
    trade, state = _fact(_last(one)), one.state
    return PositionChanged(
        account_id=trade.account_id,
        instrument_id=trade.instrument_id,
        symbol=trade.symbol,
        currency=trade.currency,
        quantity=state.quantity,
        cost=state.cost,
        realised_pnl=state.realised_pnl,
        fees=state.fees,
        version_no=one.version,
    )


def _by_partition(
    touched: Iterable[Held], now: datetime
) -> dict[int, dict[tuple[int, UUID], list[StoredPosition]]]:
    found: dict[int, dict[tuple[int, UUID], list[StoredPosition]]] = {}
    for one in touched:
        last, trade, state = _last(one), _fact(_last(one)), one.state
        accounts = found.setdefault(last.partition, {})
        accounts.setdefault((last.tenant_id, trade.account_id), []).append(
            StoredPosition(
                trade.symbol,
                trade.instrument_id,
                trade.currency,
                state.quantity,
                state.cost,
                state.realised_pnl,
                state.fees,
                one.version,
                now,
            )
        )
    return found
