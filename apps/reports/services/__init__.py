"""Verbs: schedules are made, paused and resumed; files are made, again where that failed, and let go."""

from apps.reports.services.making import make_due, make_file
from apps.reports.services.retention import forget_old_files
from apps.reports.services.schedules import (
    ScheduleTerms,
    make_again,
    make_schedule,
    pause,
    resume,
)

__all__ = [
    "ScheduleTerms",
    "forget_old_files",
    "make_again",
    "make_due",
    "make_file",
    "make_schedule",
    "pause",
    "resume",
]
