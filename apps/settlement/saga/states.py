"""States, commands, and what decides about the next step."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from apps.core.money import ZERO, exact


class State(StrEnum):
    """Where a settlement stands."""

    AWAITING_DATE = "awaiting_date"
    VALIDATING = "validating"
    INSTRUCTING = "instructing"  # a call to clearing is under way
    INSTRUCTED = "instructed"  # clearing has it and has not settled it (all of it) yet
    RETRYING = "retrying"
    CONFIRMED = "confirmed"  # settled outside, and not yet in the ledger
    SETTLED = "settled"
    FAILED = "failed"  # refused by clearing, or not settled on its date; it ages
    MANUAL = "manual"
    COMPENSATING = "compensating"  # being withdrawn at clearing
    COMPENSATED = "compensated"
    COMPENSATION_FAILED = "compensation_failed"
    CANCELLED = "cancelled"


FINAL: Final = frozenset({State.SETTLED, State.COMPENSATED, State.CANCELLED})
PERSONS: Final = frozenset({State.MANUAL, State.FAILED, State.COMPENSATION_FAILED})
"""States in which a person has the next word; clearing may still have one, too."""
CLOCKS: Final = frozenset(State) - FINAL - PERSONS


class Action(StrEnum):
    """What is to be done because of a fact."""

    VALIDATE = "validate"
    INSTRUCT = "instruct"
    ASK = "ask"
    WITHDRAW = "withdraw"
    POST = "post"  # what is confirmed, to the ledger
    SUSPEND = "suspend"  # the notice: it goes to a person, never to the ledger
    RETURN = "return"  # what is settled, by an opposite settlement


TRIES_MAX: Final = 3
CHECKS_MAX: Final = 20
"""Tries of a validation that only waits for our own books."""
PAUSE: Final = timedelta(seconds=2)
PAUSE_MAX: Final = timedelta(minutes=5)
ANSWER_IN: Final = timedelta(seconds=60)
"""A call that has not come back after this long was lost with its worker."""
CONFIRMATION_IN: Final = timedelta(minutes=2)
"""How long clearing may be silent before it is asked."""
AGED_ASK: Final = timedelta(minutes=15)
"""How often clearing is asked about what has failed and may still settle."""
NOW: Final = timedelta(0)


@dataclass(frozen=True, slots=True)
class Saga:
    """What decides about the next step."""

    state: State
    quantity: Decimal
    amount: Decimal
    """The cash that clearing moves against the quantity; 0: free of payment."""
    scale: int
    """Decimals of the cash's currency."""
    settled: Decimal = ZERO
    pending: Decimal = ZERO
    """Confirmed by clearing and not yet posted."""
    tries: int = 0
    """Failed tries of the present step, one after the other."""
    may_be_out: bool = False
    """An instruction of ours is, or may be, at clearing."""
    is_internal: bool = False
    """It settles in our own books: nobody else confirms it."""
    is_unwanted: bool = False
    """Its trade is gone, or a person wants it undone."""

    @property
    def open(self) -> Decimal:
        """What is neither settled nor confirmed."""
        with exact():
            return self.quantity - self.settled - self.pending
