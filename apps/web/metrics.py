"""`/metrics`: the log's lag, the handlers' work and language understanding, asked for at every scrape.

Flower is not the source of lag (it knows messages, not events); this is.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from apps.agents import selectors as agents
from apps.events import selectors as events
from apps.nlu import selectors as nlu
from apps.web import selectors

PLACE = ("handler", "topic", "partition")
PROVIDER = ("tenant", "provider")
BREAKER = {"closed": 0, "half_open": 1, "open": 2}


class LogCollector(Collector):
    """Everything about the log, in six queries; and about language understanding, in two."""

    def collect(self) -> Iterator[Metric]:
        """Families for one scrape."""
        lags = events.lags()
        yield from _lag(lags)
        yield from _work(lags)
        parked = GaugeMetricFamily(
            "lockstep_parked_keys", "Keys that a handler cannot get past.", labels=("handler",)
        )
        for handler, count in events.parked_count().items():
            parked.add_metric((handler,), count)
        yield parked
        yield GaugeMetricFamily(
            "lockstep_oldest_xmin_age_seconds",
            "Age of the oldest transaction that holds back vacuum.",
            value=events.oldest_snapshot_seconds(),
        )
        drift = GaugeMetricFamily(
            "lockstep_matching_drift",
            "Copies in Redis that differed from the tables at the newest comparison.",
            labels=("tenant",),
        )
        for tenant, drifted, _ in agents.drifts():
            drift.add_metric((tenant,), drifted)
        yield drift
        yield from _line()
        yield from _machinery(selectors.machinery_of(lags))
        yield from _understanding()


def exposition() -> bytes:
    """The text for Prometheus."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LogCollector())
    return generate_latest(registry)


def _line() -> Iterator[Metric]:
    names = {
        "lockstep_line_waiting": "Conversations that wait for an agent.",
        "lockstep_line_longest_wait_seconds": "How long the first of them has waited.",
        "lockstep_agents_online": "Agents who take conversations.",
    }
    gauges = [GaugeMetricFamily(name, said, labels=("tenant",)) for name, said in names.items()]
    for one in agents.standings():
        for gauge, value in zip(
            gauges, (one.waiting, one.longest_wait_seconds, one.online), strict=True
        ):
            gauge.add_metric((one.tenant,), value)
    yield from gauges


def _lag(lags: Sequence[events.Lag]) -> Iterator[Metric]:
    seconds = GaugeMetricFamily(
        "lockstep_lag_seconds", "Age of the oldest event not yet taken.", labels=PLACE
    )
    count = GaugeMetricFamily("lockstep_lag_events", "Events not yet taken.", labels=PLACE)
    worst = GaugeMetricFamily(
        "lockstep_handler_lag_seconds", "The worst of a handler's partitions.", labels=("handler",)
    )
    total = GaugeMetricFamily(
        "lockstep_handler_lag_events", "Over all of a handler's partitions.", labels=("handler",)
    )
    for handler, places in groupby(lags, key=lambda lag: lag.handler):
        rows = list(places)
        worst.add_metric((handler,), max(lag.seconds for lag in rows))
        total.add_metric((handler,), sum(lag.events for lag in rows))
        for lag in rows:
            if lag.head:  # a partition that never held an event has no lag, and needs no series
                place = (handler, lag.topic, str(lag.partition))
                seconds.add_metric(place, lag.seconds)
                count.add_metric(place, lag.events)
    yield from (seconds, count, worst, total)


def _work(lags: Sequence[events.Lag]) -> Iterator[Metric]:
    families = {
        "events_total": ("lockstep_events", "Events taken."),
        "batches_total": ("lockstep_batches", "Batches committed."),
        "busy_seconds_total": ("lockstep_drain_seconds", "Seconds spent in batches."),
        "rescues_total": ("lockstep_sweeper_rescues", "Times that the sweep had to wake it."),
    }
    for column, (name, text) in families.items():
        family = CounterMetricFamily(name, text, labels=("handler",))
        for handler, places in groupby(lags, key=lambda lag: lag.handler):
            family.add_metric((handler,), sum(getattr(lag, column) for lag in places))
        yield family
    stopped = GaugeMetricFamily(
        "lockstep_stopped_partitions", "Partitions that stand still.", labels=("handler",)
    )
    failing = GaugeMetricFamily(
        "lockstep_failing_partitions", "Partitions that meet outages.", labels=("handler",)
    )
    for handler, places in groupby(lags, key=lambda lag: lag.handler):
        rows = list(places)
        stopped.add_metric((handler,), sum(lag.state == "stopped" for lag in rows))
        failing.add_metric((handler,), sum(bool(lag.failures) for lag in rows))
    yield from (stopped, failing)


def _machinery(found: selectors.Machinery) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "lockstep_redis_up", "Whether Redis answers.", value=float(found.redis_answers)
    )
    if not found.redis_answers:
        return
    yield GaugeMetricFamily(
        "lockstep_workers_online",
        "Workers heard of lately.",
        value=sum(one.online for one in found.workers),
    )
    yield GaugeMetricFamily(
        "lockstep_unserved_queues", "Queues without a worker.", value=len(found.unserved)
    )
    waiting = GaugeMetricFamily(
        "lockstep_queue_messages", "Messages (wakes) that wait.", labels=("queue",)
    )
    for queue, count in found.queues.items():
        waiting.add_metric((queue,), count)
    yield waiting


def _understanding() -> Iterator[Metric]:
    """Counts since the beginning of the hour: they fall to 0 then, as after a restart."""
    series = nlu.series_since(timezone.now().replace(minute=0, second=0, microsecond=0))
    answers = CounterMetricFamily(
        "lockstep_nlu_answers", "Questions by whence the answer came.", labels=("tenant", "kind")
    )
    for one in series:
        if not one.provider:
            answers.add_metric((one.tenant, one.outcome), one.calls)
    yield answers
    yield from _calls([one for one in series if one.provider])
    breakers = GaugeMetricFamily(
        "lockstep_nlu_breaker", "0 closed, 1 being tried, 2 open.", labels=PROVIDER
    )
    for tenant, provider, state in nlu.breakers_of_all():
        breakers.add_metric((tenant, provider), BREAKER[state])
    yield breakers


def _calls(series: Sequence[nlu.Series]) -> Iterator[Metric]:
    calls = CounterMetricFamily(
        "lockstep_nlu_calls", "Calls to providers.", labels=(*PROVIDER, "role", "outcome")
    )
    wins = CounterMetricFamily(
        "lockstep_nlu_hedge_wins", "Second calls that were of use.", labels=PROVIDER
    )
    cost = CounterMetricFamily("lockstep_nlu_cost", "What calls cost.", labels=PROVIDER)
    took = HistogramMetricFamily("lockstep_nlu_call_seconds", "What calls took.", labels=PROVIDER)
    for one in series:
        calls.add_metric((one.tenant, one.provider, one.role, one.outcome), one.calls)
    for place, rows in groupby(series, key=lambda one: (one.tenant, one.provider)):
        mine = list(rows)
        wins.add_metric(place, sum(one.wins for one in mine if one.role == "hedge"))
        cost.add_metric(place, float(sum(one.cost for one in mine)))
        buckets, seconds = nlu.histogram_of(mine)
        took.add_metric(place, buckets, seconds)
    yield from (calls, wins, cost, took)
