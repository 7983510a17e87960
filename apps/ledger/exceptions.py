"""The ways this app says no."""

from apps.core.exceptions import Conflict, Forbidden, NotFound, Rejected, Unavailable


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


class UnknownAsset(NotFound):
    """There is no such currency or instrument in the books."""


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


class MonthArchived(Conflict):
    """The postings of this month are archived: restore them first (`manage.py restore_ledger`)."""


class DayNotThere(Rejected):
    """A day is reconciled when it has begun; this one is still to come."""


class MonthIsOpen(Conflict):
    """A month is archived when it is over, and its last entries are sealed."""


class EarlierMonthFirst(Conflict):
    """Months are archived in their order: an earlier one still has its postings here."""


class NothingToArchive(NotFound):
    """There are no postings of this month."""


class NotArchived(NotFound):
    """This month is not archived."""


class ArchiveMissing(NotFound):
    """The archive's file, or its manifest, is not in this folder."""


class ArchiveDiffers(Conflict):
    """This is not what was archived; nothing was changed."""


class ArchiveBusy(Conflict):
    """Somebody is archiving or restoring at this moment."""


class ArchiveNotWritten(Unavailable):
    """The archive's file could not be written; the month stays where it is."""


class LedgerBusy(Unavailable):
    """Something reads the ledger for too long to detach or attach a month now; try again."""


class AdjustmentRefused(Rejected):
    """The adjustment is not valid; `errors` lists every reason."""


class AdjustmentNotFound(NotFound):
    """There is no such adjustment."""


class AdjustmentIsDecided(Conflict):
    """This adjustment has been decided about."""


class AdjustmentChanged(Conflict):
    """This is not what was proposed."""


class SecondPersonNeeded(Forbidden):
    """Whoever proposed an adjustment does not decide about it; whoever did not, does not withdraw it."""


class IdempotencyKeyUsed(Rejected):
    """This idempotency key was used before, for another proposal; `errors` names what differs."""
