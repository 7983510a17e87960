"""The ways this app says no."""

from apps.core.exceptions import Conflict, NotFound, Rejected, Unavailable


class UnknownEvent(Unavailable):
    """The log holds an event that this release does not know: a newer release is running."""


class UnknownHandler(NotFound):
    """There is no handler of this name."""


class UnknownSubject(NotFound):
    """There is no event, or no version of it, whose schema this would be."""


class BeyondTheLog(Conflict):
    """This place is beyond the end of the log, which was restored from a backup; begin anew."""


class NotParked(NotFound):
    """This key is not parked."""


class StillFailing(Conflict):
    """The key was replayed up to the event that fails again; the error is kept with it."""


class Busy(Unavailable):
    """Another worker is at this place; try again shortly."""


class NotRebuildable(Rejected):
    """This handler declares no projection that could be rebuilt or compared."""
