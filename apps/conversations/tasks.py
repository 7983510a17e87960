"""What the clock starts in the conversations."""

from datetime import datetime, timedelta

from django.utils import timezone

from apps.conversations import services
from apps.events.registry import periodic


@periodic(every=timedelta(seconds=30), catch_up=1)
def end_silent_sessions(period: datetime) -> None:
    """End sessions whose device gave no sign of life."""
    services.end_silent_sessions(timezone.now())


@periodic(every=timedelta(seconds=30), catch_up=1)
def tell_undelivered(period: datetime) -> None:
    """Tell of messages that wait for customers who are away."""
    services.tell_undelivered(timezone.now())


@periodic(every=timedelta(minutes=5), catch_up=1)
def resume_erasures(period: datetime) -> None:
    """Finish erasures that were stopped half-way."""
    services.resume_erasures()


@periodic(every=timedelta(days=1), offset=timedelta(hours=3), catch_up=1)
def retire_conversations(period: datetime) -> None:
    """Delete what tenants no longer keep."""
    services.retire_conversations(period)
