"""Whether this process may be sent work, and what ails the platform."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from apps.events import selectors as events
from apps.web import selectors
from apps.web.status import Facts, State, judge

log = structlog.get_logger(__name__)
_migrated = False


@dataclass(frozen=True, slots=True)
class Readiness:
    """The answer: ready or not, in one word, and why."""

    ready: bool
    status: str
    checks: dict[str, str]
    reasons: list[dict[str, Any]] = field(default_factory=list)


def readiness() -> Readiness:
    """Ready means: a trade sent here would be accepted.

    So only PostgreSQL and its migrations decide. Without Redis, or with handlers far behind, trades
    are still accepted and the log keeps them: taking every door away would turn a delay into an
    outage. That is "degraded", and it says why.
    """
    checks = {"postgresql": _check(_asks_database), "migrations": "unknown"}
    if checks["postgresql"] == "ok":
        checks["migrations"] = _check(_migrations)
    if any(result != "ok" for result in checks.values()):
        reasons = [
            {"code": name, "detail": result} for name, result in checks.items() if result != "ok"
        ]
        return Readiness(False, "unready", checks, reasons)
    try:
        return _judged(checks)
    except DatabaseError:  # it went away in between
        return Readiness(False, "unready", checks | {"postgresql": "not answering"}, [])


def _judged(checks: dict[str, str]) -> Readiness:
    lags = events.lags()
    machinery = selectors.machinery_of(lags)
    checks["redis"] = "ok" if machinery.redis_answers else "not answering"
    judged = judge(
        Facts(
            # without the errors' text, which may name what only members may know
            readers=[replace(one, error="") for one in selectors.readers(lags)],
            parked=sum(events.parked_count().values()),
            oldest_snapshot_seconds=events.oldest_snapshot_seconds(),
            redis_answers=machinery.redis_answers,
            unserved=machinery.unserved,
        )
    )
    late = any(one.code in {"late", "stopped"} for one in judged.reasons)
    checks["lag"] = "late" if late else "ok"
    status = "degraded" if judged.state is State.DEGRADED else "ready"
    reasons = [{"code": one.code, "detail": one.detail} for one in judged.reasons]
    return Readiness(True, status, checks, reasons)


def _check(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except DatabaseError:
        # What exactly it says is in the log: anyone may ask here, and it names hosts.
        log.warning("not ready", exc_info=True)
        return "not answering"


def _asks_database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        return "the database is a read-only replica" if cursor.fetchone()[0] else "ok"


def _migrations() -> str:
    global _migrated  # noqa: PLW0603 - what was applied stays so for this process's release
    if _migrated:
        return "ok"
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        _migrated = True
        return "ok"
    names = ", ".join(f"{one.app_label}.{one.name}" for one, _ in plan[:3])
    return f"{len(plan)} not applied: {names}; run manage.py migrate"
