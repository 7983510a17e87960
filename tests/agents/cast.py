"""The cast of these tests: agents, and work for them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.agents import services
from apps.agents.models import Agent, RoutingPolicy
from apps.core.ids import uuid7


def make_agent(tenant: int, user: str = "anna", *, status: str = "", **terms: Any) -> Agent:
    """An agent; with a status, in it (and believed to be there, as over HTTP)."""
    row = services.create_agent(tenant, services.AgentTerms(user=user, **terms))[0]
    if status:
        row = services.set_status(tenant, row.pk, status, leased=True)
    return row


def queue(tenant: int, *, ago: float = 0, channel: str = "web", **terms: Any) -> UUID:
    """Work that has waited for so many seconds; its id."""
    work = terms.pop("work_id", None) or uuid7()
    since: datetime = timezone.now() - timedelta(seconds=ago)
    terms.setdefault("queued_at", since)
    services.queue_work(tenant, services.WorkTerms(work_id=work, channel=channel, **terms))
    return work


def policy(tenant: int, **values: Any) -> RoutingPolicy:
    """The tenant's policy, changed."""
    return RoutingPolicy.objects.update_or_create(tenant_id=tenant, defaults=values)[0]
