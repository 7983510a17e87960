"""What the clock starts in trading."""

from datetime import datetime, timedelta

from apps.events.registry import periodic
from apps.trading import services


@periodic(every=timedelta(days=1), catch_up=1)
def forget_old_keys(period: datetime) -> None:
    """Let idempotency keys go that nobody retries any more."""
    services.forget_old_keys(period)


@periodic(every=timedelta(hours=1), queue="snapshots")
def take_snapshot(period: datetime) -> None:
    """Keep all positions of the hour, and prove them by the hour before."""
    services.take_snapshot(period)


@periodic(every=timedelta(minutes=1), catch_up=0)
def apply_actions(period: datetime) -> None:
    """Apply the corporate actions whose ex-date has begun, and pay the dividends of the day."""
    services.apply_actions(period)


@periodic(every=timedelta(minutes=1), catch_up=0)
def pull_accounts(_period: datetime) -> None:
    """Ask the account system whose status or limits changed."""
    services.pull_accounts()
