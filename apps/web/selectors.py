"""What the board shows, put together from the other apps' selectors.

The same object goes over the socket and over HTTP. It is made every second while somebody watches,
so every question in it is an index probe or a short sum: its cost does not grow with the history.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from itertools import groupby
from typing import Any, Final

import redis
from celery import current_app

from apps.agents import selectors as agents
from apps.conversations import selectors as conversations
from apps.core.money import plain
from apps.events import selectors as events
from apps.events.contracts import PARTITIONS
from apps.ledger import selectors as ledger
from apps.tenants.models import Tenant
from apps.trading import selectors as trading
from apps.web.flow import RATE_OVER, Flow, Kept
from apps.web.status import Clock, Facts, Reader, judge

TRADES_SHOWN: Final = 16
PARKED_SHOWN: Final = 20
ASSETS_SHOWN: Final = 100
UNIT: Final = 1_000
"""Agents' loads and capacities are thousandths of one conversation."""
TENANTS_KEPT: Final = 200
"""Tenants whose flow and trial balance a process keeps in memory, about 10 kB each."""


@dataclass(frozen=True, slots=True)
class Machinery:
    """Workers and queues; empty and `redis_answers=False` while Redis is away."""

    redis_answers: bool
    workers: Sequence[events.Worker] = ()
    queues: Mapping[str, int] = field(default_factory=dict)
    unserved: Sequence[str] = ()


def board(tenant: Tenant) -> dict[str, Any]:
    """Everything that the board of a tenant shows, ready for JSON. Times are UTC, amounts text."""
    now = time.time()
    lags = events.lags()
    machinery = machinery_of(lags)
    clocks = events.last_runs()
    parked, parked_count = events.parked(tenant.pk, limit=PARKED_SHOWN)
    trial = _trial_of(tenant.pk).value()
    off = [row.asset for row in trial if row.debit != row.credit]
    status = judge(
        Facts(
            readers=readers(lags),
            parked=parked_count,
            oldest_snapshot_seconds=events.oldest_snapshot_seconds(),
            redis_answers=machinery.redis_answers,
            unserved=machinery.unserved,
            clocks=[_clock(run, now) for run in clocks],
            unbalanced=off,
        )
    )
    return {
        "at": datetime.fromtimestamp(now, UTC),
        "tenant": {"slug": tenant.slug, "name": tenant.name},
        "status": asdict(status),
        "flow": _flow(_flow_of(tenant.pk), now),
        "conversations": _conversations(tenant.pk, now),
        "agents": _agents(tenant.pk),
        "handlers": _handlers(lags),
        "parked": {"count": parked_count, "keys": [asdict(one) for one in parked]},
        "trades": _trades(tenant.pk),
        "trial_balance": {
            "assets": len(trial),
            "off": len(off),
            "rows": [_trial_row(row) for row in _worst_first(trial)[:ASSETS_SHOWN]],
        },
        "workers": [_worker(one) for one in machinery.workers],
        "queues": [
            {"queue": name, "waiting": count, "served": name not in machinery.unserved}
            for name, count in machinery.queues.items()
        ],
        "clock": [asdict(run) | {"every": run.every.total_seconds()} for run in clocks],
    }


def machinery_of(lags: Sequence[events.Lag]) -> Machinery:
    """Who works, and what waits in the queues that are needed; two round trips to Redis."""
    needed = [*events.queues_of(lags), str(current_app.conf.task_default_queue)]
    try:
        workers = events.workers()
        lengths = events.queue_lengths(needed)
    except redis.RedisError:
        return Machinery(redis_answers=False)
    served = {queue for one in workers if one.online for queue in one.queues}
    unserved = [queue for queue in needed if queue not in served]
    return Machinery(True, workers, lengths or dict.fromkeys(needed, 0), unserved)


def readers(lags: Sequence[events.Lag]) -> list[Reader]:
    """Each handler as the judgement sees it."""
    found = []
    for name, places in groupby(lags, key=lambda lag: lag.handler):
        rows = list(places)
        failing = [lag for lag in rows if lag.failures and lag.state == "running"]
        found.append(
            Reader(
                handler=name,
                seconds=max((lag.seconds for lag in rows if lag.state == "running"), default=0.0),
                stopped=[lag.partition for lag in rows if lag.state == "stopped"],
                failing=[lag.partition for lag in failing],
                error=failing[0].fault if failing else "",
            )
        )
    return found


@lru_cache(maxsize=TENANTS_KEPT)
def _flow_of(tenant: int) -> Flow:
    return Flow(partial(trading.trades_by_second, tenant))


@lru_cache(maxsize=TENANTS_KEPT)
def _messages_of(tenant: int) -> Flow:
    return Flow(partial(conversations.messages_by_second, tenant))


@lru_cache(maxsize=TENANTS_KEPT)
def _standing_of(tenant: int) -> Kept[conversations.Standing]:
    return Kept(partial(conversations.standing, tenant), time.monotonic)


@lru_cache(maxsize=TENANTS_KEPT)
def _attendance_of(tenant: int) -> Kept[agents.Attendance]:
    return Kept(partial(agents.attendance, tenant), time.monotonic)


@lru_cache(maxsize=TENANTS_KEPT)
def _trial_of(tenant: int) -> Kept[list[ledger.TrialRow]]:
    return Kept(partial(ledger.trial_balance, tenant), time.monotonic)


def forget() -> None:
    """Forget what this process remembers of tenants; between tests, whose databases are emptied."""
    for kept in (_flow_of, _messages_of, _standing_of, _attendance_of, _trial_of):
        kept.cache_clear()


def _conversations(tenant: int, now: float) -> dict[str, Any]:
    stand = _standing_of(tenant).value()
    since = stand.waiting_since
    return {
        "flow": _flow(_messages_of(tenant), now),
        "open": stand.open,
        "with_bot": stand.of("bot"),
        "waiting": stand.of("queued", "offered"),
        "longest_wait_seconds": round(max(now - since.timestamp(), 0.0)) if since else 0,
        "with_agents": stand.of("active", "on_hold"),
    }


def _agents(tenant: int) -> dict[str, Any]:
    there = _attendance_of(tenant).value()
    return {
        "online": there.online,
        "signed_on": there.signed_on,
        "load": there.load / UNIT,
        "capacity": there.capacity / UNIT,
    }


def _flow(flow: Flow, now: float) -> dict[str, Any]:
    seconds = flow.seconds(now)
    return {
        "until": datetime.fromtimestamp(int(now), UTC),
        "per_second": seconds,
        "rate": round(sum(seconds[-RATE_OVER:]) / RATE_OVER, 1),
        "peak": max(seconds),
        "total": sum(seconds),
    }


def _handlers(lags: Sequence[events.Lag]) -> list[dict[str, Any]]:
    found = []
    for (handler, topic), places in groupby(lags, key=lambda lag: (lag.handler, lag.topic)):
        cells: list[tuple[int, float, str]] = [(0, 0.0, "idle")] * PARTITIONS
        worst, behind, taken = None, 0, 0
        for lag in places:
            cells[lag.partition] = (lag.events, round(lag.seconds, 2), _state(lag))
            behind += lag.events
            taken += lag.events_total
            if lag.events and (worst is None or lag.seconds > worst.seconds):
                worst = lag
        found.append(
            {
                "handler": handler,
                "topic": topic,
                "behind": behind,
                "taken": taken,
                "worst_seconds": round(worst.seconds, 2) if worst else 0.0,
                "worst_partition": worst.partition if worst else None,
                "events": [cell[0] for cell in cells],
                "seconds": [cell[1] for cell in cells],
                "states": [cell[2] for cell in cells],
            }
        )
    return found


def _state(lag: events.Lag) -> str:
    if lag.state == "stopped":
        return "stopped"
    if lag.failures:
        return "failing"
    if lag.events:
        return "behind"
    return "ok" if lag.head else "idle"


def _trades(tenant: int) -> list[dict[str, Any]]:
    rows = trading.newest_trades(tenant, before=None, limit=TRADES_SHOWN)
    booked = ledger.booked_trades(tenant, [row.id for row in rows])
    return [
        {
            "id": row.id,
            "account": row.account,
            "instrument": row.instrument,
            "side": row.side,
            "quantity": plain(row.quantity),
            "price": plain(row.price),
            "currency": row.currency,
            "at": row.booked_at,
            "state": row.state,
            "booked": row.id in booked,
        }
        for row in rows
    ]


def _worst_first(trial: Sequence[ledger.TrialRow]) -> list[ledger.TrialRow]:
    return sorted(trial, key=lambda row: (row.debit == row.credit, row.asset))


def _trial_row(row: ledger.TrialRow) -> dict[str, str]:
    return {
        "asset": row.asset,
        "debit": plain(row.debit),
        "credit": plain(row.credit),
        "difference": plain(row.debit - row.credit),
    }


def _worker(one: events.Worker) -> dict[str, Any]:
    return {
        "name": one.name,
        "online": one.online,
        "queues": list(one.queues),
        "silent_seconds": round(one.silent_seconds, 1),
    }


def _clock(run: events.LastRun, now: float) -> Clock:
    due = 0.0 if run.period is None else run.period.timestamp() + run.every.total_seconds()
    return Clock(run.job, max(now - due, 0.0) if due else 0.0, run.error)
