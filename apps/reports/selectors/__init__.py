"""Questions: every report, and the schedules and files of a tenant."""

from apps.reports.registry import report_of, reports
from apps.reports.selectors import ledger, settlement, trading
from apps.reports.selectors.files import content_of, file_of, files, schedule_of, schedules
from apps.reports.selectors.reading import read_page, read_rows

REPORTS = (trading, ledger, settlement)
"""Importing them registers what they declare."""

__all__ = [
    "REPORTS",
    "content_of",
    "file_of",
    "files",
    "read_page",
    "read_rows",
    "report_of",
    "reports",
    "schedule_of",
    "schedules",
]
