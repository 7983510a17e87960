"""What must be true of the ledger, checked over all that is booked (`manage.py verify`)."""

from collections.abc import Sequence

from apps.events.invariants import Invariant
from apps.ledger.invariants.chain import archived_months_are_as_archived, blocks_are_as_sealed
from apps.ledger.invariants.daily import look
from apps.ledger.invariants.journal import (
    balances_are_the_sum_of_their_postings,
    entries_balance,
    entries_have_all_their_legs,
    every_asset_sums_to_zero,
    guards_stand,
    marks_are_what_balances_were,
    postings_have_an_entry,
    reversals_negate,
)
from apps.ledger.invariants.trading import (
    cash_is_what_positions_earned,
    entries_of_trades_have_a_trade,
    positions_equal_ledger_units,
    revised_trades_are_reversed,
    trades_have_their_entry,
)

INVARIANTS: Sequence[Invariant] = (
    entries_balance,
    every_asset_sums_to_zero,
    balances_are_the_sum_of_their_postings,
    marks_are_what_balances_were,
    entries_have_all_their_legs,
    postings_have_an_entry,
    reversals_negate,
    blocks_are_as_sealed,
    archived_months_are_as_archived,
    guards_stand,
    trades_have_their_entry,
    entries_of_trades_have_a_trade,
    revised_trades_are_reversed,
    positions_equal_ledger_units,
    cash_is_what_positions_earned,
)

__all__ = ["INVARIANTS", "look"]
