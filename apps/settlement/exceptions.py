"""The ways this app says no."""

from apps.core.exceptions import Conflict, Forbidden, NotFound, Rejected


class SettlementNotFound(NotFound):
    """There is no such settlement."""


class NoticeNotFound(NotFound):
    """There is no such notice."""


class UnknownClearingSystem(Rejected):
    """There is no such clearing system here."""


class SignatureRefused(Forbidden):
    """The signature is wrong, or of another time."""


class NotNow(Conflict):
    """The settlement is not in a state that allows this; `state` and `allowed` say more."""


class ReasonMissing(Rejected):
    """A decision needs a reason of 3 to 1,000 characters."""


class AlreadyProposed(Conflict):
    """Somebody has proposed to settle this by hand: a second person approves or refuses."""


class NothingProposed(Conflict):
    """Nobody has proposed to settle this by hand."""


class SecondPersonNeeded(Forbidden):
    """Whoever proposed it may not decide about it: a second person does."""
