"""Questions about the log, its handlers, the clock and the workers."""

from apps.events.selectors.feed import Offsets, Page, Told, events_at, heads, next_page, read_on
from apps.events.selectors.heartbeats import Worker, queue_lengths, workers
from apps.events.selectors.log import (
    Lag,
    LastRun,
    Parked,
    history,
    lags,
    last_runs,
    offsets_of,
    oldest_snapshot_seconds,
    parked,
    parked_count,
    queues_of,
)

__all__ = [
    "Lag",
    "LastRun",
    "Offsets",
    "Page",
    "Parked",
    "Told",
    "Worker",
    "events_at",
    "heads",
    "history",
    "lags",
    "last_runs",
    "next_page",
    "offsets_of",
    "oldest_snapshot_seconds",
    "parked",
    "parked_count",
    "queue_lengths",
    "queues_of",
    "read_on",
    "workers",
]
