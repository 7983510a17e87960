"""What happens to a settlement."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class WindowOpened:
    """Its date and its market's window have come."""


@dataclass(frozen=True, slots=True)
class Valid:
    """It can be instructed."""


@dataclass(frozen=True, slots=True)
class NotYetValid:
    """Our own books are not so far."""


@dataclass(frozen=True, slots=True)
class Invalid:
    """It cannot be instructed as it is."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Clearing has the instruction."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Clearing will not settle it."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Clearing certainly did not take it: nobody answered the door."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nobody knows whether clearing took it: it has to be asked."""


@dataclass(frozen=True, slots=True)
class Calling:
    """Clearing is being called with the instruction."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The worker that called clearing died with the answer."""


@dataclass(frozen=True, slots=True)
class Held:
    """Clearing is not to be called before then: its breaker is open."""

    for_: timedelta


@dataclass(frozen=True, slots=True)
class Absent:
    """Clearing, asked, has never seen the instruction."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Clearing has moved this much against this much."""

    quantity: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Contradicted:
    """What clearing says cannot be right, whatever the saga's state."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Clearing has it and waits, for the date, say."""


@dataclass(frozen=True, slots=True)
class Failing:
    """Clearing has it and could not settle it."""


@dataclass(frozen=True, slots=True)
class SilenceEnded:
    """It is time to ask clearing."""


@dataclass(frozen=True, slots=True)
class DateMissed:
    """The business day on which it was due is over."""


@dataclass(frozen=True, slots=True)
class Posted:
    """The ledger has what was pending."""


@dataclass(frozen=True, slots=True)
class PostingDelayed:
    """The ledger does not have the trade yet."""


@dataclass(frozen=True, slots=True)
class PostingRefused:
    """The ledger refuses; after the pivot a person finds out why, and it goes forward."""


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Its trade was cancelled or amended, or a person decided that it be undone."""


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Clearing has taken the instruction back."""


@dataclass(frozen=True, slots=True)
class NotWithdrawn:
    """Clearing refuses to take it back."""


@dataclass(frozen=True, slots=True)
class RetryDecided:
    """A person wants it tried again."""


@dataclass(frozen=True, slots=True)
class SettledByHand:
    """Two people say that it has settled."""


Fact = (
    WindowOpened | Valid | NotYetValid | Invalid | Accepted | Refused | NotTaken | NoAnswer | Lost | Calling
    | Held | Absent | Confirmed | Contradicted | Pending | Failing | SilenceEnded | DateMissed
    | Posted | PostingDelayed | PostingRefused | Unwanted | Withdrawn | NotWithdrawn
    | RetryDecided | SettledByHand
)  # fmt: skip
