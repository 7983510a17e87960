"""The ways this app says no."""

from apps.core.exceptions import Conflict, Forbidden, NotFound, Rejected


class EntryRefused(Rejected):
    """The journal refuses this entry; `rule` names the rule that it breaks."""


class Unbalanced(EntryRefused):
    """The legs of an entry do not sum to zero in every asset."""


class TooFewLegs(EntryRefused):
    """An entry has at least two legs."""


class AmountRefused(EntryRefused):
    """An amount is finite, not zero, below 1e20 and within its asset's decimals."""


class BalanceLimitReached(EntryRefused):
    """A ledger account may not go where this entry takes it."""


class NotReversible(EntryRefused):
    """A reversal undoes one whole entry, exactly, and is never reversed itself."""


class AlreadyReversed(Conflict):
    """This entry has been reversed before."""


class SourceTaken(Conflict):
    """This source was booked before, with other content; `field` names what differs."""


class ReferenceTaken(Conflict):
    """This reference was used before for another transfer; `field` names what differs."""


class AppendOnly(Forbidden):
    """What is booked stays as it is: book a reversal instead."""


class InsufficientFunds(Rejected):
    """The account's settled cash does not cover this withdrawal."""


class TransferRefused(Rejected):
    """The transfer is not valid; `errors` lists every reason."""


class UnknownOwner(NotFound):
    """There is no such account."""


class EntryNotFound(NotFound):
    """There is no such journal entry."""


class UnknownBreak(NotFound):
    """There is no such break."""


class UnknownRun(NotFound):
    """There is no such reconciliation."""


class BreakStays(Conflict):
    """A break does not go there from where it is."""


class StatementRefused(Rejected):
    """The statement is not well formed; `errors` lists every fault."""


class StatementDiffers(Conflict):
    """This source has already stated other balances of that day."""


class StatementTooLong(Rejected):
    """The period has too many postings for a printed statement: take the CSV, or a shorter one."""
