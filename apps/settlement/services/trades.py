"""What trading's facts mean for settlement: a batch of one partition, in its order."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.events.registry import Recorded
from apps.events.services import unit_of_work
from apps.settlement.saga import Action, facts
from apps.settlement.services import rows
from apps.settlement.services.moving import Moves, Record
from apps.settlement.services.opening import open_settlements
from apps.settlement.services.returning import open_return
from apps.trading.events import TradeAmended, TradeCancelled, TradeExecuted

VERSIONS: Final = """
SELECT s.id FROM unnest(%s::uuid[], %s::smallint[]) AS u (trade, version)
JOIN settlement_settlement s
  ON s.trade_id = u.trade AND s.version_no = u.version AND s.kind = 'settlement'
"""
Undone = dict[tuple[UUID, int], str]
"""Trade versions that are no more, and why."""


def take_trades(batch: Sequence[Recorded], *, replaying: bool = False) -> None:
    """Open settlements for new versions of trades, and undo those of versions that are no more.

    A replay opens only: it compares terms, which no later fact changes.
    """
    opened: list[tuple[int, TradeExecuted | TradeAmended]] = []
    undone: Undone = {}
    for one in batch:
        fact = one.event
        if isinstance(fact, TradeExecuted | TradeAmended):
            opened.append((one.tenant_id, fact))
        if isinstance(fact, TradeCancelled | TradeAmended):
            word = "cancelled" if isinstance(fact, TradeCancelled) else "amended"
            undone[fact.trade_id, fact.version_no - 1] = f"trade {word}: {fact.reason}"
    with unit_of_work():
        if opened:
            open_settlements(opened)
        if undone and not replaying:
            undo(undone)


def undo(undone: Undone) -> None:
    """Their trades are gone: what is out is withdrawn, what has settled goes back."""
    trades, versions = zip(*undone, strict=True)
    with unit_of_work() as work:
        moves = Moves(work, timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(VERSIONS, [list(trades), list(versions)])
            ids = [uid for (uid,) in cursor.fetchall()]
        for row in rows.lock(ids).values():
            why = undone[row.trade_id, row.version_no]
            row.is_gone = True
            actions = moves.tell(row, facts.Unwanted(), Record("undo", detail=why))
            if Action.RETURN in actions:
                open_return(moves, row)
        moves.write()
