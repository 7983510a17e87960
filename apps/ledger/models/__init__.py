"""The ledger's tables."""

from apps.ledger.models.adjustments import Adjustment, AdjustmentState
from apps.ledger.models.archives import Archive, ArchivedBalance
from apps.ledger.models.chain import Block
from apps.ledger.models.fields import ExactField
from apps.ledger.models.journal import (
    Asset,
    Balance,
    BalanceMark,
    JournalEntry,
    LedgerAccount,
    Posting,
)
from apps.ledger.models.reconciliation import Break, ExternalStatement, ReconciliationRun

__all__ = [
    "Adjustment",
    "AdjustmentState",
    "Archive",
    "ArchivedBalance",
    "Asset",
    "Balance",
    "BalanceMark",
    "Block",
    "Break",
    "ExactField",
    "ExternalStatement",
    "JournalEntry",
    "LedgerAccount",
    "Posting",
    "ReconciliationRun",
]
