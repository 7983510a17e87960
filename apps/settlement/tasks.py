"""What the clock starts in settlement."""

from datetime import datetime, timedelta

from apps.events.registry import periodic
from apps.settlement import services


@periodic(every=timedelta(seconds=2), catch_up=0, queue="settlement-windows")
def drive(period: datetime) -> None:
    """Release what is due, instruct, ask, withdraw; whatever `next_at` says."""
    services.drive()


@periodic(every=timedelta(seconds=30), catch_up=0, queue="settlement-windows")
def exchange_files(period: datetime) -> None:
    """Take the ISO 20022 files that agents have put into their folders."""
    services.exchange_files()


@periodic(
    every=timedelta(days=1), offset=timedelta(hours=6), catch_up=10, queue="settlement-windows"
)
def accrue_penalties(period: datetime) -> None:
    """What failed on the business day that ended has its price."""
    services.accrue_penalties(period.date() - timedelta(days=1))
