"""The back office's windows on the ledger: the books, and adjustments of them."""

from apps.ledger.admin.adjustments import AdjustmentAdmin
from apps.ledger.admin.books import BreakAdmin, JournalEntryAdmin

__all__ = ["AdjustmentAdmin", "BreakAdmin", "JournalEntryAdmin"]
