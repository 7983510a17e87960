"""What others may ask the ledger to do."""

from apps.ledger.journal import Delivery, PenaltyDay
from apps.ledger.services.accounts import open_client_accounts
from apps.ledger.services.actions import post_splits
from apps.ledger.services.adjusting import (
    approve_adjustment,
    propose_adjustment,
    reject_adjustment,
    withdraw_adjustment,
)
from apps.ledger.services.adjustment_checks import AdjustmentTerms, Line
from apps.ledger.services.archive_files import Progress as ArchiveProgress
from apps.ledger.services.archiving import archive_month, restore_month, verify_archive
from apps.ledger.services.facts import book_facts
from apps.ledger.services.partitions import make_partitions
from apps.ledger.services.posting import Booked, post_entries
from apps.ledger.services.reconciling import (
    balances_of,
    change_break,
    read_statement,
    receive_statement,
    reconcile,
)
from apps.ledger.services.sealing import seal_blocks
from apps.ledger.services.settling import post_deliveries, post_penalties
from apps.ledger.services.transfers import Transfer, transfer_cash

__all__ = [
    "AdjustmentTerms",
    "ArchiveProgress",
    "Booked",
    "Delivery",
    "Line",
    "PenaltyDay",
    "Transfer",
    "approve_adjustment",
    "archive_month",
    "balances_of",
    "book_facts",
    "change_break",
    "make_partitions",
    "open_client_accounts",
    "post_deliveries",
    "post_entries",
    "post_penalties",
    "post_splits",
    "propose_adjustment",
    "read_statement",
    "receive_statement",
    "reconcile",
    "reject_adjustment",
    "restore_month",
    "seal_blocks",
    "transfer_cash",
    "verify_archive",
    "withdraw_adjustment",
]
