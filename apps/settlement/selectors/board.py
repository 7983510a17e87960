"""What a person wants to see at a glance: by state and due date, fails and their age, throughput."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.settlement.clearing import breaker
from apps.settlement.clearing.breaker import BreakerState
from apps.settlement.clearing.connections import ADAPTERS
from apps.settlement.models import ClearingNotice, NoticeState, Proposal, Settlement
from apps.settlement.saga import State
from apps.tenants.selectors import names_of

# Settled ones are counted for a while only: what is open is what the page is about.
BY_DAY: Final = """
SELECT due_on, state, count(*) FROM settlement_settlement
WHERE tenant_id = %s AND state NOT IN ('settled', 'cancelled', 'compensated')
GROUP BY 1, 2
UNION ALL
SELECT due_on, state, count(*) FROM settlement_settlement
WHERE tenant_id = %s AND state IN ('settled', 'cancelled', 'compensated') AND due_on >= %s
GROUP BY 1, 2
ORDER BY 1, 2
"""
PER_MINUTE: Final = """
SELECT date_trunc('minute', settled_at), count(*),
       percentile_cont(0.95) WITHIN GROUP
           (ORDER BY extract(epoch FROM settled_at - greatest(window_at, opened_at)))
FROM settlement_settlement WHERE tenant_id = %s AND settled_at >= %s
GROUP BY 1 ORDER BY 1
"""
AGES: Final = """
SELECT least(%s::date - due_on, 6), count(*) FROM settlement_settlement
WHERE tenant_id = %s AND state IN ('failed', 'manual', 'compensation_failed', 'instructed',
                                   'retrying', 'confirmed')
  AND due_on < %s GROUP BY 1 ORDER BY 1
"""
REASONS: Final = """
SELECT code, count(*) FROM settlement_settlement
WHERE tenant_id = %s AND attention_at IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 8
"""
MINUTES: Final = 60
DAYS_BACK: Final = 5


@dataclass(frozen=True, slots=True)
class Minute:
    """What settled in a minute, and how long it took from due to settled (seconds, p95)."""

    at: datetime
    settled: int
    p95_seconds: float


@dataclass(frozen=True, slots=True)
class Board:
    """A tenant's settlements at a glance."""

    at: datetime
    by_day: Sequence[tuple[date | None, str, int]]
    per_minute: Sequence[Minute]
    ages: Sequence[tuple[int, int]]
    """Days late (6: six or more), and how many."""
    reasons: Sequence[tuple[str, int]]
    needing_person: Sequence[Settlement]
    proposals: Mapping[UUID, Proposal]
    """Of those: what one person has said and a second one has to decide."""
    names: Mapping[str, str]
    """Of who proposed them."""
    suspended: int
    breakers: Sequence[BreakerState]


def board(tenant: int) -> Board:
    """What the page shows, in eight questions at most."""
    now = timezone.now()
    today = now.date()
    with connection.cursor() as cursor:
        cursor.execute(BY_DAY, [tenant, tenant, today - timedelta(days=DAYS_BACK)])
        by_day = cursor.fetchall()
        cursor.execute(PER_MINUTE, [tenant, now - timedelta(minutes=MINUTES)])
        minutes = [Minute(*row) for row in cursor.fetchall()]
        cursor.execute(AGES, [today, tenant, today])
        ages = cursor.fetchall()
        cursor.execute(REASONS, [tenant])
        reasons = cursor.fetchall()
    waiting = Settlement.objects.for_tenant(tenant).filter(attention_at__isnull=False)
    people = list(waiting.order_by("attention_at")[:50])
    proposals = Proposal.objects.for_tenant(tenant).filter(
        settlement_id__in=[one.pk for one in people], is_approved=None
    )
    proposed = {one.settlement_id: one for one in proposals}
    suspended = ClearingNotice.objects.for_tenant(tenant).filter(state=NoticeState.SUSPENDED)
    return Board(
        now,
        by_day,
        minutes,
        ages,
        reasons,
        people,
        proposed,
        names_of(tenant, [one.proposed_by for one in proposed.values()]),
        suspended.count(),
        breaker.states(tenant, sorted(ADAPTERS)),
    )


def due_count(tenant: int | None, due: date) -> int:
    """How many wait for their date, and are due up to a day."""
    found = Settlement.objects.filter(state=State.AWAITING_DATE, due_on__lte=due)
    return (found if tenant is None else found.for_tenant(tenant)).count()
