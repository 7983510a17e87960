"""What the ledger does about facts of trading."""

from apps.events.registry import Batch, Projection, handles
from apps.ledger import services
from apps.trading.events import AccountOpened, TradeExecuted

JOURNAL_OF_TRADES = Projection(
    tables=("ledger_journalentry", "ledger_posting"),
    comparisons={
        "entries": """
            SELECT tenant_id, source, owner, trade_id, leg_count, effective_at
            FROM ledger_journalentry WHERE kind = 'TRADE'""",
        "legs": """
            SELECT e.tenant_id, e.source, p.leg, a.code, a.owner, p.asset, p.amount
            FROM ledger_journalentry e
            JOIN ledger_posting p ON p.entry_id = e.id AND p.booked_at = e.booked_at
            JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id
            WHERE e.kind = 'TRADE'""",
    },
)


@handles(AccountOpened, TradeExecuted, queue="ledger", projection=JOURNAL_OF_TRADES)
def book_trades(batch: Batch) -> None:
    """Open the accounts of new clients, and book trades."""
    services.book_facts(
        ((one.tenant_id, one.event) for one in batch.events), partition=batch.partition
    )
