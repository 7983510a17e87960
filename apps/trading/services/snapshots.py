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
SELECT run.id, (SELECT count(*) FROM written) FROM run
"""
# Every position that moved since its row of a snapshot before, with the fills between the two.
MOVED: Final = f"""
DECLARE moved NO SCROLL CURSOR FOR
SELECT n.account_id, n.instrument_id, i.symbol, a.cost_method, i.currency, i.multiplier, i.inverse,
       n.version, n.quantity, n.cost, n.realised_pnl, n.fees, n.lots,
       b.last_offset, b.quantity, b.cost, b.realised_pnl, b.fees, b.lots,
       {TOLD}
FROM trading_positionsnapshot n
JOIN trading_clientaccount a ON a.id = n.account_id
JOIN trading_instrument i ON i.id = n.instrument_id
CROSS JOIN LATERAL (
    SELECT * FROM trading_positionsnapshot o
    WHERE o.account_id = n.account_id AND o.instrument_id = n.instrument_id
      AND o.snapshot_id < n.snapshot_id
    ORDER BY o.snapshot_id DESC LIMIT 1
) AS b
LEFT JOIN trading_positionchange c ON c.account_id = n.account_id
    AND c.instrument_id = n.instrument_id AND c.version > b.version AND c.version <= n.version
{SPLITS}
WHERE n.snapshot_id = %s
ORDER BY n.account_id, n.instrument_id, c.version
"""


@dataclass(frozen=True, slots=True)
class _Moved:
    """A position at two snapshots, and what was told between them."""

    account: UUID
    instrument: UUID
    symbol: str
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
    """Keep all positions for an hour (UTC), once; and fold those that moved from the row before.

    Taken late it says so in `taken_at`: it is true of the offsets that it names.
    """
    with unit_of_work(), connection.cursor() as cursor:
        # A timedelta is an interval to the driver; the stubs do not know it.
        params: dict[str, Any] = {"folder": FOLDER, "period": period, "slack": SLACK}
        cursor.execute(TAKE, params)
        taken = cursor.fetchone()
        if taken is not None:
            checked, faults = _check(taken[0])
            cursor.execute(
                """UPDATE trading_snapshot SET positions = %s, checked = %s, faults = %s
                   WHERE id = %s""",
                [taken[1], checked, json.dumps(faults[:FAULTS_KEPT]), taken[0]],
            )
    return Snapshot.objects.get(period=period)


def _check(snapshot: int) -> tuple[int, list[str]]:
    """How many positions were folded from the snapshot before, and which came out otherwise."""
    checked, faults = 0, []
    for one in _moved(snapshot):
        checked += 1
        found = one.folded()
        if found != one.after:
            faults.append(
                f"account {one.account}, {one.symbol}: version {one.version} is"
                f" {_text(one.after)}, but its fills make {_text(found)}"
            )
    return checked, faults


def _moved(snapshot: int) -> Iterator[_Moved]:
    with connection.cursor() as cursor:
        cursor.execute(MOVED, [snapshot])
        for _, rows in groupby(_rows(cursor), key=lambda row: row[:2]):
            first, *others = rows
            account, instrument, symbol, method, currency, multiplier, inverse, version = first[:8]
            yield _Moved(
                account,
                instrument,
                symbol,
                terms_of(currency, multiplier, inverse, method),
                version,
                _state(first[8:13]),
                first[13],
                _state(first[14:19]),
                [told(*row[19:]) for row in (first, *others) if row[19] is not None],
            )
        cursor.execute("CLOSE moved")


def _rows(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while True:
        cursor.execute(f"FETCH {CHUNK} FROM moved")
        found = cursor.fetchall()
        if not found:
            return
        yield from found


def _state(columns: tuple[Any, ...]) -> PositionState:
    *amounts, lots = columns
    return PositionState(*(*amounts, lots_from_json(json.loads(lots)) if lots else ()))


def _text(state: PositionState) -> str:
    amounts = (state.quantity, state.cost, state.realised_pnl, state.fees)
    return " / ".join(map(plain, amounts)) if state != FLAT else "nothing"
