"""What the ledger does about facts of trading."""

from apps.events.registry import Batch, Projection, handles
from apps.ledger import services
from apps.trading.events import (
    AccountChanged,
    AccountOpened,
    CashInLieuPaid,
    DividendApplied,
    DividendPaid,
    SplitApplied,
    TradeAmended,
    TradeCancelled,
    TradeExecuted,
)

# Entries of trades, and the reversals that trading asked for; and of corporate actions, but for what
# settlement moves of them.
WHOSE = (
    "(coalesce(o.kind, e.kind) = 'TRADE'"
    " OR e.kind = 'CORPORATE_ACTION' AND e.source NOT LIKE 'action:%:settled')"
)
FROM_JOURNAL = "FROM ledger_journalentry e LEFT JOIN ledger_journalentry o ON o.id = e.reverses_id"
OF_TRADES = f"{FROM_JOURNAL} WHERE {WHOSE}"
OF_TRADES_AND_LEGS = f"""
    {FROM_JOURNAL}
    JOIN ledger_posting p ON p.entry_id = e.id AND p.booked_at = e.booked_at
    JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id WHERE {WHOSE}
      -- Legs that are in a file are compared with the seals of their blocks (verify_archive).
      AND NOT EXISTS (SELECT FROM ledger_archivedentry z
                      WHERE z.tenant_id = e.tenant_id AND z.source = coalesce(o.source, e.source))"""
JOURNAL_OF_TRADES = Projection(
    tables=("ledger_journalentry", "ledger_posting"),
    # A reversal is named after the id of its entry, which differs at every filling.
    comparisons={
        "entries": f"""
            SELECT e.tenant_id, coalesce('reversal of ' || o.source, e.source), e.owner, e.trade_id,
                   e.leg_count, e.effective_at {OF_TRADES}""",
        "legs": f"""
            SELECT e.tenant_id, coalesce('reversal of ' || o.source, e.source), a.code, a.owner,
                   p.asset, p.amount
            {OF_TRADES_AND_LEGS}""",
    },
)


@handles(
    AccountOpened,
    AccountChanged,
    TradeExecuted,
    TradeCancelled,
    TradeAmended,
    SplitApplied,
    DividendApplied,
    DividendPaid,
    CashInLieuPaid,
    queue="ledger",
    projection=JOURNAL_OF_TRADES,
)
def book_trades(batch: Batch) -> None:
    """Open and close clients' accounts; book trades, their revisions, and corporate actions."""
    services.book_facts(
        ((one.tenant_id, one.event) for one in batch.events),
        partition=min(one.partition for one in batch.events),
        replaying=batch.replaying,
    )
