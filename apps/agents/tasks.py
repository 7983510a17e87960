"""What the clock starts for agents, and what their alarms do."""

from datetime import datetime, timedelta
from uuid import UUID

from apps.agents import services
from apps.events.registry import alarm, periodic


@alarm(queue="matching")
def look(subject: str) -> None:
    """Something of a tenant is due: an offer, a wrap-up, a step of relaxation."""
    services.look(int(subject))


@alarm(queue="matching")
def look_after(subject: str) -> None:
    """An agent (`tenant:agent`) may be gone."""
    tenant, _, agent = subject.partition(":")
    services.look_after(int(tenant), UUID(agent))


@periodic(every=timedelta(seconds=30), catch_up=0)
def sweep(period: datetime) -> None:
    """The net under alarms and copies: whatever is due, gone, or not as the tables say."""
    services.sweep()
