"""What the clock starts."""

from datetime import datetime, timedelta
from typing import Final

from apps.events.registry import periodic
from apps.webhooks import services

SLICE_SECONDS: Final = 3.0


@periodic(every=timedelta(seconds=2), catch_up=1, queue="webhooks")
def tell_endpoints(period: datetime) -> None:
    """Read on in the log and call endpoints with what is due."""
    services.collect()
    services.call_due(seconds=SLICE_SECONDS)


@periodic(every=timedelta(days=1), catch_up=1)
def forget_deliveries(period: datetime) -> None:
    """Remove deliveries that have been over for long."""
    services.forget_deliveries(period)
