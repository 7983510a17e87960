"""What settlement has booked: deliveries against payment, and penalties for days of failing."""

from collections.abc import Sequence

from apps.ledger.journal import Delivery, PenaltyDay, entry_for_delivery, entry_for_penalty
from apps.ledger.services.posting import Booked, post_entries


def post_deliveries(parts: Sequence[Delivery], *, partition: int) -> list[Booked]:
    """Book parts of settlements, all or nothing; raises what `post_entries` raises."""
    return post_entries([entry_for_delivery(one) for one in parts], partition=partition)


def post_penalties(days: Sequence[PenaltyDay], *, partition: int) -> list[Booked]:
    """Book days of failing, all or nothing; raises what `post_entries` raises."""
    return post_entries([entry_for_penalty(one) for one in days], partition=partition)
