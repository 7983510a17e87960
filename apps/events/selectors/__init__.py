"""Questions about the log, its handlers, the clock and the workers."""

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
from apps.events.selectors.workers import Worker, queue_lengths, workers

__all__ = [
    "Lag",
    "LastRun",
    "Parked",
    "Worker",
    "history",
    "lags",
    "last_runs",
    "offsets_of",
    "oldest_snapshot_seconds",
    "parked",
    "parked_count",
    "queue_lengths",
    "queues_of",
    "workers",
]
