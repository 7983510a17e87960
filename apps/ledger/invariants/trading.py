"""The journal against the log and the positions: I10, I4 and I6.

Positions and ledger are filled by two handlers, each at its own pace. They are compared in one
snapshot, and only where both stand at the same offset: elsewhere one of them is merely late.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from apps.core.money import ZERO, exact, plain
from apps.events.contracts import contract_of, partition_of
from apps.events.invariants import FAILURES_SHOWN, Check, check_by_query
from apps.ledger.invariants.cut import differing, held_accounts, one_snapshot, readers
from apps.ledger.journal import Code, Kind
from apps.ledger.selectors.owners import HANDLER
from apps.trading.events import TradeAmended, TradeCancelled, TradeExecuted

TRADE = contract_of(TradeExecuted)
BOOKED = [TRADE.name, contract_of(TradeAmended).name]
REVISED = [contract_of(TradeAmended).name, contract_of(TradeCancelled).name]

Place = tuple[UUID, str]
"""Account, and asset or currency."""

# What trades moved, before fees, and fractions that splits sold: the street's side of them, which no
# settlement touches, nor the payment of a fraction (its entry has a source of its own).
STREET_CASH = """
SELECT e.owner, p.asset, -sum(p.amount)
FROM ledger_posting p
JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id
JOIN ledger_journalentry e ON e.id = p.entry_id
LEFT JOIN ledger_journalentry o ON o.id = e.reverses_id
WHERE a.tenant_id = coalesce(%s, a.tenant_id) AND a.owner IS NULL AND a.code = %s
  AND e.owner IS NOT NULL
  AND (coalesce(o.kind, e.kind) = %s OR coalesce(o.source, e.source) LIKE 'action:%%:lieu')
GROUP BY e.owner, p.asset
"""
# The same of months that are archived.
ARCHIVED_CASH = """
SELECT b.owner, b.asset, -sum(b.amount)
FROM ledger_archivedbalance b JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
WHERE a.tenant_id = coalesce(%s, a.tenant_id) AND a.owner IS NULL AND a.code = %s
  AND b.owner IS NOT NULL AND b.of_trades
GROUP BY b.owner, b.asset
"""
# An inverse instrument counts the other way: its value was received when it was bought.
EARNED = """
SELECT p.account_id, p.currency,
       sum(p.realised_pnl + CASE WHEN i.inverse THEN p.cost ELSE -p.cost END)
FROM trading_position p JOIN trading_instrument i ON i.id = p.instrument_id
WHERE p.tenant_id = coalesce(%s, p.tenant_id)
GROUP BY p.account_id, p.currency
"""


def trades_have_their_entry(tenant_id: int | None) -> Check:
    """I10: every trade that the ledger has read, and is not held, is booked."""
    read = """
        FROM events_cursor c
        JOIN events_event t ON t.topic = c.topic AND t.partition = c.partition
             AND t."offset" <= c."offset"
        WHERE t.tenant_id = coalesce(%s, t.tenant_id)
          AND c.handler = %s AND c.topic = %s AND t.name = ANY(%s)"""
    return check_by_query(
        "ledger: every trade has its entry (I10)",
        count=f"SELECT count(*) {read}",
        faults=f"""
            SELECT format('trade %%s, offset %%s of partition %%s, is not booked',
                          t.data->>'trade_id', t."offset", t.partition)
            {read}
              AND NOT EXISTS (
                SELECT FROM ledger_journalentry e WHERE e.tenant_id = t.tenant_id AND e.source =
                    'trade:' || (t.data->>'trade_id') || ':' || (t.data->>'version_no'))
              AND NOT EXISTS (
                SELECT FROM events_parkedevent h WHERE h.handler = c.handler
                AND h.topic = t.topic AND h.partition = t.partition AND h."offset" = t."offset")""",
        params=[tenant_id, HANDLER, TRADE.topic, BOOKED],
    )


def revised_trades_are_reversed(tenant_id: int | None) -> Check:
    """I10: every cancellation and amendment that the ledger has read undid the version before it."""
    read = """
        FROM events_cursor c
        JOIN events_event t ON t.topic = c.topic AND t.partition = c.partition
             AND t."offset" <= c."offset"
        WHERE t.tenant_id = coalesce(%s, t.tenant_id)
          AND c.handler = %s AND c.topic = %s AND t.name = ANY(%s)"""
    return check_by_query(
        "ledger: every revised trade is reversed (I10)",
        count=f"SELECT count(*) {read}",
        faults=f"""
            SELECT format('version %%s of trade %%s, offset %%s of partition %%s, undid nothing',
                          t.data->>'version_no', t.data->>'trade_id', t."offset", t.partition)
            {read}
              AND NOT EXISTS (
                SELECT FROM ledger_journalentry o JOIN ledger_journalentry e ON e.reverses_id = o.id
                WHERE o.tenant_id = t.tenant_id AND o.source = format('trade:%%s:%%s',
                    t.data->>'trade_id', (t.data->>'version_no')::integer - 1))
              AND NOT EXISTS (
                SELECT FROM events_parkedevent h WHERE h.handler = c.handler
                AND h.topic = t.topic AND h.partition = t.partition AND h."offset" = t."offset")""",
        params=[tenant_id, HANDLER, TRADE.topic, REVISED],
    )


def entries_of_trades_have_a_trade(tenant_id: int | None) -> Check:
    """I10, the other way: nothing is booked as a trade that was never told."""
    booked = """
        FROM ledger_journalentry e
        WHERE e.tenant_id = coalesce(%(tenant)s, e.tenant_id) AND e.kind = 'TRADE'"""
    return check_by_query(
        "ledger: every trade entry has a trade (I10)",
        count=f"SELECT count(*) {booked}",
        faults=f"""
            WITH untold AS (
                -- a set difference: one pass over each side, whatever the planner thinks of them
                SELECT e.tenant_id, e.source {booked} AND NOT e.owner = ANY(%(forgotten)s::uuid[])
                EXCEPT
                SELECT tenant_id, 'trade:' || (data->>'trade_id') || ':' || (data->>'version_no')
                FROM events_event
                WHERE topic = '{TRADE.topic}' AND name = ANY(%(names)s)
                  AND tenant_id = coalesce(%(tenant)s, tenant_id)
            )
            SELECT format('entry %%s (%%s) has no trade in the log', e.id, e.source)
            FROM untold JOIN ledger_journalentry e
                 ON e.tenant_id = untold.tenant_id AND e.source = untold.source""",
        params={"tenant": tenant_id, "names": BOOKED, "forgotten": _forgotten_owners()},
    )


def _forgotten_owners() -> list[UUID]:
    """Clients in whose partitions the log's older part was archived: there its silence says nothing.

    By the partition of their keys. The one in an entry is that of the drain, which may take several.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number FROM events_partition WHERE topic = %s AND floor > 0", [TRADE.topic]
        )
        floors = {number for (number,) in cursor.fetchall()}
        if not floors:
            return []
        cursor.execute("SELECT DISTINCT owner FROM ledger_ledgeraccount WHERE owner IS NOT NULL")
        return [owner for (owner,) in cursor.fetchall() if partition_of(str(owner)) in floors]


def positions_equal_ledger_units(tenant_id: int | None) -> Check:
    """I4: a position's quantity is what the ledger holds in units, settled and unsettled.

    At one cut of the log: a handler that lags, or runs ahead, makes no difference.
    """
    with one_snapshot():
        checked, wrong, _ = differing(tenant_id)
    failures = [
        f"account {account}, {asset}: {plain(position)} by the position, {plain(ledger)} by the ledger"
        for (account, asset), position, ledger in wrong[:FAILURES_SHOWN]
    ]
    return Check("ledger: positions equal ledger units (I4)", not failures, checked, failures)


def cash_is_what_positions_earned(tenant_id: int | None) -> Check:
    """I6: what trades paid and received, before fees, is profit realised less cost still open."""
    with one_snapshot():
        ready = _ready_partitions()
        held = held_accounts()
        street = Code.STREET_CASH_UNSETTLED.value
        cash = _sums(STREET_CASH, [tenant_id, street, Kind.TRADE.value])
        for place, amount in _sums(ARCHIVED_CASH, [tenant_id, street]).items():
            with exact():
                cash[place] = cash.get(place, ZERO) + amount
        earned = _sums(EARNED, [tenant_id])
    return _compare("ledger: cash is what positions earned (I6)", earned, cash, ready, held)


@dataclass
class _Tally:
    checked: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)


def _compare(
    name: str,
    positions: Mapping[Place, Decimal],
    ledger: Mapping[Place, Decimal],
    ready: frozenset[int],
    held: frozenset[str],
) -> Check:
    tally = _Tally()
    for place in sorted({*positions, *ledger}, key=str):
        account, asset = place
        if partition_of(str(account)) not in ready or str(account) in held:
            tally.skipped += 1
            continue
        tally.checked += 1
        one, other = positions.get(place, ZERO), ledger.get(place, ZERO)
        if one != other and len(tally.failures) < FAILURES_SHOWN:
            tally.failures.append(
                f"account {account} {asset}: positions say {plain(one)}, ledger {plain(other)}"
            )
    late = f", {tally.skipped} not compared: a handler is behind" if tally.skipped else ""
    return Check(name + late, not tally.failures, tally.checked, tally.failures)


def _ready_partitions() -> frozenset[int]:
    """Partitions in which ledger and positions have read equally far."""
    by = readers()
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT partition FROM events_cursor WHERE topic = %s AND handler = ANY(%s)
               GROUP BY partition HAVING count(*) = %s AND min("offset") = max("offset")""",
            [TRADE.topic, by, len(by)],
        )
        return frozenset(number for (number,) in cursor.fetchall())


def _sums(query: str, params: Sequence[Any]) -> dict[Place, Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return {(owner, asset): amount for owner, asset, amount in cursor.fetchall()}
