"""Undo what is settled, by the only way there is: an opposite settlement."""

from dataclasses import replace
from decimal import Decimal

from apps.core.ids import uuid7
from apps.core.money import ZERO, scale_of
from apps.settlement.models import Kind, Movement
from apps.settlement.saga import State, cash_for
from apps.settlement.services import opening, rows
from apps.settlement.services.moving import Moves
from apps.settlement.services.rows import Row


def open_return(moves: Moves, original: Row) -> None:
    """Open the return of all that has settled of a settlement; it is due at once."""
    back = _return_of(original, moves)
    if original.done_units is not None:  # in units of today
        back.open_units, back.done_units = original.done_units, ZERO
    if rows.insert([back]):
        opening.tell_opened(moves.work, [back])
        original.is_returned = True
        moves.touch(original)


def _return_of(original: Row, moves: Moves) -> Row:
    def share(total: Decimal, currency: str) -> Decimal:
        return cash_for(
            original.settled,
            of=original.quantity,
            total=total,
            before=ZERO,
            scale=scale_of(currency),
        )

    cash = {
        currency: share(total, currency).copy_negate()
        for currency, total in original.client_cash.items()
    }
    return replace(
        original,
        id=uuid7(),
        kind=Kind.RETURN,
        original_id=original.id,
        movement=Movement.DELIVER if original.is_receipt else Movement.RECEIVE,
        quantity=original.settled,
        amount=share(original.amount, original.currency),
        client_cash={currency: amount for currency, amount in cash.items() if amount},
        opened_at=moves.now,
        due_on=moves.now.date(),
        window_at=moves.now,
        is_late=False,
        state=State.AWAITING_DATE,
        settled=ZERO,
        pending=ZERO,
        parts=0,
        posted_units=None,
        tries=0,
        may_be_out=False,
        is_unwanted=False,
        is_gone=False,
        is_returned=False,
        round=0,
        instruction_id=None,
        reference="",
        code="",
        detail=f"returns settlement {original.id}",
        by_hand_id=None,
        next_at=moves.now,
        attention_at=None,
        assigned_to="",
        instructed_at=None,
        settled_at=None,
        version=1,
    )
