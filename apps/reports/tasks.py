"""What the clock starts in reports."""

from datetime import datetime, timedelta

from apps.events.registry import periodic
from apps.reports import services


@periodic(every=timedelta(minutes=1), catch_up=0, queue="reports")
def make_files(period: datetime) -> None:
    """Make the files of every period that is over, also of those that were missed."""
    services.make_due()


@periodic(every=timedelta(days=1), catch_up=1)
def forget_old_files(period: datetime) -> None:
    """Let files go that were kept long enough."""
    services.forget_old_files(period)
