"""The tables of reports."""

from apps.reports.models.files import FilePart, FileState, ReportFile
from apps.reports.models.schedules import Schedule, ScheduleState

__all__ = ["FilePart", "FileState", "ReportFile", "Schedule", "ScheduleState"]
