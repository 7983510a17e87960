"""What became of calls: by provider over the last hour or day, and for Prometheus.

Read from the counts by the minute, which hold latencies as histograms (selection.py): so a
percentile of any span is a sum, not a sort. Of what people wrote nothing is read here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from django.db import connection
from django.utils import timezone

from apps.nlu.models import Provider, Turn
from apps.nlu.selection import BUCKETS, bucket_of, percentile_of, seconds_of
from apps.nlu.selectors.breakers import BreakerState, state_of

TURNS_SHOWN: Final = 50
PROVIDERS_MAX: Final = 500
"""Breakers that one scrape asks after."""
LADDER: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0)
"""Seconds: the upper bounds of what programs are told, which read fewer buckets than are kept."""
SAVED: Final = ("cache", "shared")
"""Answers that took no call of their own."""
UNMADE: Final = frozenset({"open", "quota", "crowded"})
"""Attempts that nobody worked on: what a closed door takes says nothing of a provider's speed."""


class Window(StrEnum):
    """How far back is looked."""

    HOUR = "hour"
    DAY = "day"

    @property
    def span(self) -> timedelta:
        """As a time."""
        return timedelta(hours=1) if self is Window.HOUR else timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Seconds; 0 where nothing was counted."""

    p50: float
    p95: float
    p99: float


@dataclass(slots=True)
class ProviderFigures:
    """The calls of one provider. One that was taken out of the registry has neither kind nor breaker."""

    name: str
    kind: str = ""
    enabled: bool = False
    breaker: BreakerState | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    hedge_wins: int = 0
    cost: Decimal = Decimal(0)
    latencies: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    @property
    def percentiles(self) -> Percentiles:
        """Of the calls that went out, failures included: a time-out is slow."""
        return percentiles_of(self.latencies)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a tenant's questions came to."""

    at: datetime
    since: datetime
    answers: Mapping[str, int]
    """Answers by where they came from: provider, cache, shared, local, degraded."""
    percentiles: Percentiles
    providers: Sequence[ProviderFigures]
    turns: Sequence[Turn]

    @property
    def saved(self) -> int:
        """Calls that were not made, because the answer was known or on its way."""
        return sum(self.answers.get(kind, 0) for kind in SAVED)


@dataclass(frozen=True, slots=True)
class Series:
    """Counts of one tenant, provider, role and outcome, over all minutes asked for."""

    tenant: str
    provider: str
    role: str
    outcome: str
    calls: int
    wins: int
    cost: Decimal
    latencies: Sequence[int]


# One pass: the counts of a place, and its histogram added up bucket by bucket. Each row of the
# inner query is a bucket of a place, so the totals of a place are taken from its first bucket.
COUNTED: Final = """
SELECT {who}, provider, role, outcome,
       sum(calls) FILTER (WHERE bucket = 1), sum(wins) FILTER (WHERE bucket = 1),
       sum(cost) FILTER (WHERE bucket = 1),
       array_agg(bucket::int), array_agg(count::bigint)
FROM (
    SELECT tenant_id, provider, role, outcome, bucket, sum(c.calls) AS calls, sum(c.wins) AS wins,
           sum(c.cost) AS cost, sum(count) AS count
    FROM nlu_callminute AS c, unnest(c.latencies) WITH ORDINALITY AS l (count, bucket)
    WHERE {where} AND (count > 0 OR bucket = 1)
    GROUP BY tenant_id, provider, role, outcome, bucket
) AS counted {join}
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
OF_TENANT: Final = COUNTED.format(
    who="tenant_id::text", where="c.tenant_id = %s AND c.minute >= %s", join=""
)
OF_ALL: Final = COUNTED.format(
    who="t.slug", where="c.minute >= %s", join="JOIN tenants_tenant AS t ON t.id = tenant_id"
)


def figures(tenant: int, window: Window, *, provider: str = "") -> Figures:
    """The figures of a tenant, and its newest turns; of one provider, if it is named.

    Three queries, and a look at each provider's breaker.
    """
    now = timezone.now()
    since = now - window.span
    answers: Counter[str] = Counter()
    whole = [0] * BUCKETS
    found: dict[str, ProviderFigures] = _registered(tenant)
    for one in _series(OF_TENANT, [tenant, since]):
        if one.provider:
            _add(found.setdefault(one.provider, ProviderFigures(one.provider)), one)
        else:
            answers[one.outcome] += one.calls
            whole = _sum(whole, one.latencies)
    turns = _turns(tenant, since, provider)
    return Figures(now, since, answers, percentiles_of(whole), list(found.values()), turns)


def series_since(moment: datetime) -> list[Series]:
    """The counts of all tenants since a moment, for programs that watch."""
    return _series(OF_ALL, [moment])


def breakers_of_all() -> list[tuple[str, str, str]]:
    """(tenant's slug, provider, state) of the providers that may be asked."""
    rows = Provider.objects.filter(enabled=True).order_by("tenant", "order", "name")
    return [
        (slug, name, state_of(tenant, name).state)
        for tenant, slug, name in rows.values_list("tenant_id", "tenant__slug", "name")[
            :PROVIDERS_MAX
        ]
    ]


def histogram_of(series: Sequence[Series]) -> tuple[list[tuple[str, float]], float]:
    """Latencies of calls that went out as (upper bound, calls up to it), and their sum in seconds.

    Both are as fine as the buckets in which they were counted: right to 4 %.
    """
    counts = [0] * BUCKETS
    for one in series:
        if one.outcome not in UNMADE:
            counts = _sum(counts, one.latencies)
    buckets = [(str(bound), float(sum(counts[: bucket_of(bound)]))) for bound in LADDER]
    total = sum(count * seconds_of(place) for place, count in enumerate(counts))
    return [*buckets, ("+Inf", float(sum(counts)))], total


def percentiles_of(counts: Sequence[int]) -> Percentiles:
    """The percentiles of a histogram."""
    return Percentiles(*(percentile_of(counts, part) for part in (0.5, 0.95, 0.99)))


def _registered(tenant: int) -> dict[str, ProviderFigures]:
    rows = Provider.objects.for_tenant(tenant).order_by("order", "name")
    return {
        name: ProviderFigures(name, kind, enabled, state_of(tenant, name))
        for name, kind, enabled in rows.values_list("name", "kind", "enabled")
    }


def _series(query: str, values: Sequence[int | datetime]) -> list[Series]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        rows = cursor.fetchall()
    return [
        Series(who, provider, role, outcome, int(calls), int(wins), cost, _spread(buckets, counts))
        for who, provider, role, outcome, calls, wins, cost, buckets, counts in rows
    ]


def _spread(buckets: Sequence[int], counts: Sequence[int]) -> list[int]:
    spread = [0] * BUCKETS
    for bucket, count in zip(buckets, counts, strict=True):
        spread[bucket - 1] = count
    return spread


def _add(found: ProviderFigures, one: Series) -> None:
    found.outcomes[one.outcome] += one.calls
    found.roles[one.role] += one.calls
    found.cost += one.cost
    if one.role == "hedge":
        found.hedge_wins += one.wins
    if one.outcome not in UNMADE:
        found.latencies = _sum(found.latencies, one.latencies)


def _sum(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [first + second for first, second in zip(one, other, strict=True)]


def _turns(tenant: int, since: datetime, provider: str) -> list[Turn]:
    """The newest turns, without what was written and what was answered."""
    rows = Turn.objects.for_tenant(tenant).filter(at__gte=since, latency_ms__isnull=False)
    if provider:
        rows = rows.filter(attempts__contains=[{"provider": provider}])
    return list(rows.defer("text", "result").order_by("-at")[:TURNS_SHOWN])
