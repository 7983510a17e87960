"""The ways in which calendars say no."""

from apps.core.exceptions import Conflict, NotFound, Rejected


class UnknownCalendar(NotFound):
    """There is no calendar of this name."""


class BeyondCalendar(Rejected):
    """The calendar does not reach that far; a date is not guessed."""


class UnknownException(NotFound):
    """There is no such exception of a calendar."""


class DayRefused(Rejected):
    """This day cannot be closed or opened."""


class DayDecided(Conflict):
    """The day is closed or opened already, for another reason."""


class RuleRefused(Rejected):
    """These terms cannot be a market's rule."""


class SpanRefused(Rejected):
    """These are no days that can be shown at once."""
