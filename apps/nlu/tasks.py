"""What the clock starts here."""

from datetime import datetime, timedelta

from apps.events.registry import periodic
from apps.nlu import services


@periodic(every=timedelta(days=1), catch_up=1)
def forget_old_turns(period: datetime) -> None:
    """Remove turns of more than 30 days ago, and figures of more than 400."""
    services.forget_old(period)
