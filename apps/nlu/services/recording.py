"""What became of each question: counted by the minute, and kept as turns for a while.

A question does not wait for its record: records are gathered and written together, about once a
second. What a process had gathered when it was killed is lost, and is missed only in the figures;
turns of a conversation are written at once (turns.py).
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from django.utils import timezone

from apps.nlu.facade.plan import Answer, Attempt
from apps.nlu.models import Turn
from apps.nlu.selection import BUCKETS, bucket_of

log = structlog.get_logger(__name__)
KEPT_MAX = 5_000
"""Turns that wait to be written; the oldest are let go while the database is away."""

COUNT = """
INSERT INTO nlu_callminute AS t
    (tenant_id, minute, provider, role, outcome, calls, wins, cost, latencies)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, minute, provider, role, outcome) DO UPDATE SET
    calls = t.calls + excluded.calls, wins = t.wins + excluded.wins, cost = t.cost + excluded.cost,
    latencies = ARRAY(SELECT a + b FROM unnest(t.latencies, excluded.latencies) AS x(a, b))
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, as far as it is recorded."""

    tenant: int
    length: int
    language: str
    text: str = ""
    conversation: UUID | None = None


@dataclass(slots=True)
class _Count:
    calls: int
    wins: int
    cost: Decimal
    latencies: list[int]


Place = tuple[int, datetime, str, str, str]
_counts: dict[Place, _Count] = {}
_turns: deque[Turn] = deque(maxlen=KEPT_MAX)
_lock = threading.Lock()
_timer: threading.Timer | None = None


def record(asked: Asked, answer: Answer, seconds: float, *, with_turn: bool = True) -> None:
    """Count an answer and its calls; a turn of no conversation is kept with them."""
    now = timezone.now()
    minute = now.replace(second=0, microsecond=0)
    with _lock:
        _add((asked.tenant, minute, "", "answer", _kind(answer)), seconds, won=True)
        for one in answer.attempts:
            place = (asked.tenant, minute, one.provider, one.role, one.outcome)
            _add(place, one.seconds, won=one.won, cost=one.cost)
        if with_turn:
            _turns.append(turn_of(asked, answer, seconds, now))
        _start_timer()


def turn_of(asked: Asked, answer: Answer, seconds: float, at: datetime) -> Turn:
    """A turn as it is kept."""
    found = answer.found
    return Turn(
        tenant_id=asked.tenant,
        conversation=asked.conversation,
        at=at,
        language=asked.language,
        length=asked.length,
        text=asked.text,
        intent=found.intent,
        confidence=found.confidence,
        provider=found.provider,
        degraded=found.degraded,
        cached=found.cached,
        shared=answer.shared,
        latency_ms=round(seconds * 1e3, 2),
        attempts=attempts_of(answer.attempts),
    )


def attempts_of(attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    """Attempts as JSON, in milliseconds."""
    return [
        asdict(one) | {"began": round(one.began * 1e3, 1), "seconds": round(one.seconds * 1e3, 1)}
        for one in attempts
    ]


def flush() -> None:
    """Write what was gathered. Figures are no reason to fail: what cannot be written is let go."""
    with _lock:
        counts, turns = dict(_counts), list(_turns)
        _counts.clear()
        _turns.clear()
    if not counts and not turns:
        return
    rows: list[list[Any]] = [
        [*place, one.calls, one.wins, one.cost, one.latencies]
        for place, one in sorted(counts.items())
    ]
    try:
        with connection.cursor() as cursor:
            cursor.executemany(COUNT, rows)
        Turn.objects.bulk_create(turns, batch_size=500)
    except (DatabaseError, InterfaceError) as error:
        log.warning("figures lost", answers=len(turns), error=type(error).__name__)


def forget() -> None:
    """Let go what was gathered; tests do, between databases."""
    global _timer
    with _lock:
        _counts.clear()
        _turns.clear()
        timer, _timer = _timer, None
    if timer is not None:
        timer.cancel()
        timer.join()


def _start_timer() -> None:
    global _timer  # noqa: PLW0603 - one a process, behind the lock
    if _timer is None and settings.NLU_RECORD_EVERY is not None:
        _timer = threading.Timer(settings.NLU_RECORD_EVERY, _on_time)
        _timer.daemon = True
        _timer.start()


def _on_time() -> None:
    global _timer  # noqa: PLW0603 - same
    with _lock:
        _timer = None
    close_old_connections()
    try:
        flush()
    finally:
        connection.close()  # the timer's thread ends, and its connection with it


def _add(place: Place, seconds: float, *, won: bool, cost: float = 0.0) -> None:
    found = _counts.setdefault(place, _Count(0, 0, Decimal(0), [0] * BUCKETS))
    found.calls += 1
    found.wins += won
    found.cost += Decimal(str(round(cost, 6)))
    found.latencies[bucket_of(seconds)] += 1


def _kind(answer: Answer) -> str:
    found = answer.found
    if answer.shared:
        return "shared"
    if found.cached:
        return "cache"
    if found.degraded:
        return "degraded"
    return "local" if found.provider == "local" else "provider"
