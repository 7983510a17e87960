"""The ways in which reports say no."""

from typing import ClassVar

from apps.core.exceptions import Conflict, DomainError, NotFound, Rejected


class BadParameters(DomainError):
    """The report cannot be asked for like this; `errors` lists every fault."""

    status: ClassVar[int] = 400


class UnknownReport(NotFound):
    """There is no such report."""


class UnknownSchedule(NotFound):
    """There is no such schedule of reports."""


class UnknownFile(NotFound):
    """There is no such file."""


class FileNotThere(Conflict):
    """The file is not made yet, could not be made, or was kept as long as its schedule says."""


class FileStays(Conflict):
    """Only a file that could not be made is made again."""


class ReportTooLarge(Rejected):
    """The report is larger than one answer may be; narrow it, or ask for a shorter time."""


class ScheduleTaken(Conflict):
    """Another schedule of other terms has this name."""


class ScheduleRefused(Rejected):
    """The schedule is refused; `errors` lists every reason."""
