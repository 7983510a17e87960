"""What trading's facts mean for settlement: a batch of one partition, in its order."""

from collections.abc import Sequence
from itertools import groupby
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
from apps.settlement.services.splitting import split_units
from apps.trading.events import SplitApplied, TradeAmended, TradeCancelled, TradeExecuted

VERSIONS: Final = """
SELECT s.id FROM unnest(%s::uuid[], %s::smallint[]) AS u (trade, version)
JOIN settlement_settlement s
  ON s.trade_id = u.trade AND s.version_no = u.version AND s.kind = 'settlement'
"""
Undone = dict[tuple[UUID, int], str]
"""Trade versions that are no more, and why."""


def take_trades(batch: Sequence[Recorded], *, replaying: bool = False) -> None:
    """Open settlements for new versions of trades, undo those of versions that are no more, and split.

    A replay opens only: it compares terms, which no later fact changes.
    """
    with unit_of_work():
        for are_splits, facts_ in groupby(
            batch, key=lambda one: isinstance(one.event, SplitApplied)
        ):
            if not are_splits:
                _take(list(facts_), replaying=replaying)
            elif not replaying:
                _split(list(facts_))


def _take(batch: Sequence[Recorded], *, replaying: bool) -> None:
    opened: list[tuple[int, TradeExecuted | TradeAmended]] = []
    undone: Undone = {}
    for one in batch:
        fact = one.event
        if isinstance(fact, TradeExecuted | TradeAmended):
            opened.append((one.tenant_id, fact))
        if isinstance(fact, TradeCancelled | TradeAmended):
            word = "cancelled" if isinstance(fact, TradeCancelled) else "amended"
            undone[fact.trade_id, fact.version_no - 1] = f"trade {word}: {fact.reason}"
    if opened:
        open_settlements(opened)
    if undone and not replaying:
        undo(undone)


def _split(batch: Sequence[Recorded]) -> None:
    """One after the other where an account's instrument is split twice."""
    partition = min(one.partition for one in batch)
    groups: list[dict[tuple[UUID, UUID], tuple[int, SplitApplied]]] = [{}]
    for one in batch:
        assert isinstance(one.event, SplitApplied)
        place = one.event.account_id, one.event.instrument_id
        if place in groups[-1]:
            groups.append({})
        groups[-1][place] = one.tenant_id, one.event
    for group in groups:
        split_units(list(group.values()), partition=partition)


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
