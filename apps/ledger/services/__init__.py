"""What others may ask the ledger to do."""

from apps.ledger.journal import Delivery, PenaltyDay
from apps.ledger.services.accounts import open_client_accounts
from apps.ledger.services.facts import book_facts
from apps.ledger.services.partitions import make_partitions
from apps.ledger.services.posting import Booked, post_entries
from apps.ledger.services.settling import post_deliveries, post_penalties
from apps.ledger.services.transfers import Transfer, transfer_cash

__all__ = [
    "Booked",
    "Delivery",
    "PenaltyDay",
    "Transfer",
    "book_facts",
    "make_partitions",
    "open_client_accounts",
    "post_deliveries",
    "post_entries",
    "post_penalties",
    "transfer_cash",
]
