"""Snapshots: every position at one cut of the log, in one statement, and proven by the next one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.core.money import plain
from apps.events.services import unit_of_work
from apps.trading.models import Snapshot
from apps.trading.positions import (
    FLAT,
    PositionState,
    Terms,
    Told,
    effective_fills,
    lots_from_json,
    replay,
)
from apps.trading.selectors.exposure import FOLDER, terms_of
from apps.trading.selectors.history import ALL, SPLITS, TOLD, History, told

SLACK: Final = timedelta(hours=1)
"""Far longer than a batch takes: a position that a transaction was writing while the last snapshot
was taken is written again."""
FAULTS_KEPT: Final = 100
CHUNK: Final = 5_000  # rows read at a time

Row = tuple[Any, ...]

# One statement, one snapshot of the database: the handler moves its cursor and its positions in one
# transaction, so every position is exactly at its partition's offset.
TAKE: Final = """
WITH cut AS (
    SELECT coalesce(json_object_agg(partition, "offset"), '{}') AS offsets
    FROM events_cursor WHERE handler = %(folder)s AND topic = 'trade'
), before AS (
    SELECT max(taken_at) AS taken_at FROM trading_snapshot
), run AS (
    INSERT INTO trading_snapshot (period, taken_at, offsets, positions, checked, faults)
    SELECT %(period)s, statement_timestamp(), cut.offsets, 0, 0, '[]' FROM cut
    ON CONFLICT (period) DO NOTHING RETURNING id
), written AS (
    INSERT INTO trading_positionsnapshot (snapshot_id, tenant_id, account_id, instrument_id,
        quantity, cost, realised_pnl, fees, lots, version, last_offset)
    SELECT run.id, p.tenant_id, p.account_id, p.instrument_id, p.quantity, p.cost, p.realised_pnl,
           p.fees, p.lots, p.version, p.last_offset
    FROM trading_position p, run, before
    WHERE before.taken_at IS NULL OR p.updated_at > before.taken_at - %(slack)s
    RETURNING 1
)
SELECT (SELECT count(*) FROM written), run.id FROM run
"""
# Every position of a snapshot, its row of a snapshot before, and the fills between the two. One that
# is new since then began with nothing. Both bounds of the history are in one subquery, so that its
# index is entered between them: joined apart, all that is older would be read, too.
MOVED: Final = f"""
DECLARE moved NO SCROLL CURSOR FOR
SELECT n.account_id, n.instrument_id, i.symbol, a.cost_method, i.currency, i.multiplier, i.inverse,
       n.version, n.quantity, n.cost, n.realised_pnl, n.fees, n.lots,
       b.last_offset, b.quantity, b.cost, b.realised_pnl, b.fees, b.lots,
       {TOLD}
FROM trading_positionsnapshot n
JOIN trading_clientaccount a ON a.id = n.account_id
JOIN trading_instrument i ON i.id = n.instrument_id
LEFT JOIN LATERAL (
    SELECT * FROM trading_positionsnapshot o
    WHERE o.account_id = n.account_id AND o.instrument_id = n.instrument_id
      AND o.snapshot_id < n.snapshot_id
    ORDER BY o.snapshot_id DESC LIMIT 1
) AS b ON true
LEFT JOIN LATERAL (
    SELECT * FROM trading_positionchange h
    WHERE h.account_id = n.account_id AND h.instrument_id = n.instrument_id
      AND h.version > coalesce(b.version, 0) AND h.version <= n.version
    OFFSET 0
) AS c ON true
{SPLITS}
WHERE n.snapshot_id = %(snapshot)s
  AND EXISTS (SELECT FROM trading_snapshot f WHERE f.id < %(snapshot)s)
ORDER BY n.account_id, n.instrument_id, c.version
"""
COUNTED: Final = "UPDATE trading_snapshot SET positions = %s WHERE id = %s"
# Whoever comes second waits here, and finds nothing left to do.
UNPROVEN: Final = (
    "SELECT id FROM trading_snapshot WHERE proven_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE"
)
PROVEN: Final = """
UPDATE trading_snapshot SET checked = %s, faults = %s, proven_at = clock_timestamp() WHERE id = %s
"""


@dataclass(frozen=True, slots=True)
class _Moved:
    """A position at two snapshots, and what was told between them."""

    account: UUID
    instrument: UUID
    terms: Terms
    version: int
    after: PositionState
    offset: int
    before: PositionState
    told: list[Told]

    def folded(self) -> PositionState:
        """What the row before makes with the fills since."""
        if any(one.place <= self.offset < one.offset for one in self.told):
            history = History(self.account, self.instrument, ())
            return history.from_nothing(self.version, ALL[1], self.terms)
        return replay(effective_fills(self.told), self.terms, self.before)


def take_snapshot(period: datetime) -> Snapshot:
    """Keep all positions for an hour (UTC), once; and prove them by the snapshot before.

    Taken late it says so in `taken_at`: it is true of the offsets that it names. It stands before it
    is proven; one whose proof was cut short is proven with the next.
    """
    keep_positions(period)
    prove_snapshots()
    return Snapshot.objects.get(period=period)


def keep_positions(period: datetime) -> None:
    """Keep all positions for an hour (UTC), once; those that did not move stand in an earlier one."""
    with unit_of_work(), connection.cursor() as cursor:
        # A timedelta is an interval to the driver; the stubs do not know it.
        params: dict[str, Any] = {"folder": FOLDER, "period": period, "slack": SLACK}
        cursor.execute(TAKE, params)
        taken = cursor.fetchone()
        if taken is not None:
            cursor.execute(COUNTED, taken)


def prove_snapshots() -> None:
    """Fold the positions of every unproven snapshot from the one before it, the oldest first."""
    while _prove_next():
        pass


def _prove_next() -> bool:
    """Fold the positions of the oldest unproven snapshot; False where none is left."""
    with unit_of_work(), connection.cursor() as cursor:
        cursor.execute(UNPROVEN)
        oldest = cursor.fetchone()
        if oldest is None:
            return False
        checked, faults = 0, []
        for rows in _moved(oldest[0]):
            checked += 1
            if fault := _fault(rows):
                faults.append(fault)
        cursor.execute(PROVEN, [checked, json.dumps(faults[:FAULTS_KEPT]), oldest[0]])
    return True


def _moved(snapshot: int) -> Iterator[list[Row]]:
    """The rows of each position."""
    with connection.cursor() as cursor:
        cursor.execute(MOVED, {"snapshot": snapshot})
        for _, rows in groupby(_rows(cursor), key=lambda row: row[:2]):
            yield list(rows)
        cursor.execute("CLOSE moved")


def _fault(rows: list[Row]) -> str:
    """What is wrong with a position; nothing where the row before and the fills since make it."""
    account, _, symbol, *_, version = rows[0][:8]
    where = f"account {account}, {symbol}: version {version}"
    try:
        moved = _read(rows)
        found = moved.folded()
    except (ValueError, ArithmeticError, TypeError, LookupError) as error:
        # What is kept of it is no position; the others are proven all the same.
        return f"{where} cannot be folded: {type(error).__name__}: {error}"
    if found == moved.after:
        return ""
    return f"{where} is {_text(moved.after)}, but its fills make {_text(found)}"


def _read(rows: list[Row]) -> _Moved:
    account, instrument, _, method, currency, multiplier, inverse, version = rows[0][:8]
    offset = rows[0][13]
    return _Moved(
        account,
        instrument,
        terms_of(currency, multiplier, inverse, method),
        version,
        _state(rows[0][8:13]),
        offset or 0,
        _state(rows[0][14:19]) if offset else FLAT,
        [told(*row[19:]) for row in rows if row[19] is not None],
    )


def _rows(cursor: Any) -> Iterator[Row]:
    while True:
        cursor.execute(f"FETCH {CHUNK} FROM moved")
        found = cursor.fetchall()
        if not found:
            return
        yield from found


def _state(columns: Row) -> PositionState:
    *amounts, lots = columns
    return PositionState(*(*amounts, lots_from_json(json.loads(lots)) if lots else ()))


def _text(state: PositionState) -> str:
    amounts = (state.quantity, state.cost, state.realised_pnl, state.fees)
    return " / ".join(map(plain, amounts)) if state != FLAT else "nothing"
