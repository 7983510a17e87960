"""What others may ask the ledger to do."""

from apps.ledger.services.accounts import open_client_accounts
from apps.ledger.services.facts import book_facts
from apps.ledger.services.partitions import make_partitions
from apps.ledger.services.posting import Booked, post_entries
from apps.ledger.services.transfers import Transfer, transfer_cash

__all__ = [
    "Booked",
    "Transfer",
    "book_facts",
    "make_partitions",
    "open_client_accounts",
    "post_entries",
    "transfer_cash",
]
