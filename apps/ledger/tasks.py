"""What the clock starts in the ledger."""

from datetime import datetime, timedelta

from apps.events.registry import periodic
from apps.ledger import services


@periodic(every=timedelta(days=1), catch_up=1)
def make_partitions(period: datetime) -> None:
    """Make the tables of the months to come."""
    services.make_partitions(period)
