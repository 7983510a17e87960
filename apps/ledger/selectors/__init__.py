"""Questions to the ledger. Every one is about one tenant, and counts its queries."""

from apps.ledger.selectors.adjustments import adjustment_of, adjustments
from apps.ledger.selectors.archives import (
    archived_months,
    archives,
    how_to_restore,
    months_here,
    postings_of,
    refuse_archived,
    refuse_archived_entry,
)
from apps.ledger.selectors.balances import (
    Balance,
    Moment,
    TrialRow,
    account_balances,
    balance,
    balances,
    balances_of_owners,
    trial_balance,
)
from apps.ledger.selectors.cut import balances_at_cut
from apps.ledger.selectors.entries import (
    Entry,
    LegView,
    Page,
    booked_sources,
    booked_trades,
    entries,
    entry,
    entry_of_source,
    legs_of,
)
from apps.ledger.selectors.health import partition_problems
from apps.ledger.selectors.owners import Owner, asset_kinds, closed_owners, is_currency, owner_of
from apps.ledger.selectors.past import balances_at
from apps.ledger.selectors.reconciliation import break_of, breaks, breaks_of, run_of, runs
from apps.ledger.selectors.statements import Line, Statement, statement, statement_lines

__all__ = [
    "Balance",
    "Entry",
    "LegView",
    "Line",
    "Moment",
    "Owner",
    "Page",
    "Statement",
    "TrialRow",
    "account_balances",
    "adjustment_of",
    "adjustments",
    "archived_months",
    "archives",
    "asset_kinds",
    "balance",
    "balances",
    "balances_at",
    "balances_at_cut",
    "balances_of_owners",
    "booked_sources",
    "booked_trades",
    "break_of",
    "breaks",
    "breaks_of",
    "closed_owners",
    "entries",
    "entry",
    "entry_of_source",
    "how_to_restore",
    "is_currency",
    "legs_of",
    "months_here",
    "owner_of",
    "partition_problems",
    "postings_of",
    "refuse_archived",
    "refuse_archived_entry",
    "run_of",
    "runs",
    "statement",
    "statement_lines",
    "trial_balance",
]
