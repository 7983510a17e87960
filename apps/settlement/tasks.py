"""What the clock starts in settlement."""

from datetime import datetime, timedelta

from apps.events.registry import periodic
from apps.settlement import services


@periodic(every=timedelta(seconds=2), catch_up=0, queue="settlement-windows")
def drive(period: datetime) -> None:
    """Release what is due, instruct, ask, withdraw; whatever `next_at` says."""
    services.drive()
