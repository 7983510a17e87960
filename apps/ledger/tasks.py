"""What the clock starts in the ledger."""

from datetime import datetime, timedelta

from apps.events.registry import periodic
from apps.ledger import invariants, services
from apps.tenants.selectors import tenant_ids


@periodic(every=timedelta(days=1), catch_up=1)
def make_partitions(period: datetime) -> None:
    """Make the tables of the months to come."""
    services.make_partitions(period)


@periodic(every=timedelta(days=1), offset=timedelta(hours=2), catch_up=7, queue="reconciliation")
def reconcile(period: datetime) -> None:
    """At 02:00 UTC, which every day has once: look at the day before, tenant by tenant."""
    day = period.date() - timedelta(days=1)
    for tenant in tenant_ids():
        services.reconcile(tenant, day, invariants.look, by="the clock")


@periodic(every=timedelta(minutes=1), catch_up=0)
def seal_blocks(period: datetime) -> None:
    """Seal what was booked a while ago."""
    services.seal_blocks()
