"""The facts that reports tell. Times UTC; the key is the schedule's id."""

from uuid import UUID

from apps.events.contracts import Event, Moment, event


@event("reports.file.ready", topic="analytics")
class ReportReady(Event, frozen=True):
    """The file of a period was made and can be fetched."""

    file_id: UUID
    schedule_id: UUID
    schedule: str  # its name
    report: str
    period_start: Moment
    period_end: Moment  # exclusive
    rows: int
    size: int  # bytes
    sha256: str  # of the bytes, in hex


@event("reports.file.failed", topic="analytics")
class ReportFailed(Event, frozen=True):
    """The file of a period could not be made, after every try."""

    file_id: UUID
    schedule_id: UUID
    schedule: str  # its name
    report: str
    period_start: Moment
    period_end: Moment  # exclusive
    error: str
