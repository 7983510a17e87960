"""Call endpoints with what is due: signed, side by side, with back-off, and dead after the last try.

Note [At least once]. A delivery is leased before the call, in its own transaction, and its result is
written after it. A worker that dies in between leaves a lease that ends, and the endpoint is told
again, under the same webhook-id.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import aiohttp
import structlog
from django.db import connection, transaction

from apps.events.selectors import events_at
from apps.webhooks import addresses, signing
from apps.webhooks.exceptions import AddressRefused
from apps.webhooks.models import Endpoint

log = structlog.get_logger(__name__)

CALL_SECONDS: Final = 5.0
"""In all, from the look-up of the name to the end of the answer."""
GROUP: Final = 20  # deliveries of an endpoint at a time
SIDE_BY_SIDE: Final = 5  # calls to one endpoint
ENDPOINTS_AT_ONCE: Final = 50
LEASE_SECONDS: Final = 60
BACK_OFF: Final = (5, 30, 120, 600, 3_600, 4 * 3_600, 12 * 3_600, 24 * 3_600)
"""Seconds until the next try, with up to a fifth more; after the last of them a delivery is dead."""
GONE: Final = 410

# One that fails is tried with one call until a call gets through: its time-outs cost us little.
CLAIM: Final = """
WITH due AS (
    SELECT d.id FROM (
        SELECT e.id, CASE WHEN e.failures > 0 THEN 1 ELSE %s END AS most FROM webhooks_endpoint e
        WHERE e.state = 'active' AND NOT e.id = ANY(%s) AND EXISTS (
            SELECT FROM webhooks_delivery w WHERE w.endpoint_id = e.id AND w.state = 'pending'
            AND w.next_at <= clock_timestamp())
        LIMIT %s
    ) AS e CROSS JOIN LATERAL (
        SELECT w.id FROM webhooks_delivery w
        WHERE w.endpoint_id = e.id AND w.state = 'pending' AND w.next_at <= clock_timestamp()
        ORDER BY w.next_at, w.id LIMIT e.most FOR UPDATE SKIP LOCKED
    ) AS d
)
UPDATE webhooks_delivery w SET attempts = w.attempts + 1,
    next_at = clock_timestamp() + make_interval(secs => %s)
FROM due WHERE w.id = due.id
RETURNING w.endpoint_id, w.id, w.event, w.tenant_id, w.topic, w.partition, w."offset", w.attempts
"""
RESULTS: Final = """
UPDATE webhooks_delivery w SET
    state = u.state, status = u.status, error = u.error,
    next_at = clock_timestamp() + make_interval(secs => u.wait),
    ended_at = CASE WHEN u.state <> 'pending' THEN clock_timestamp() END
FROM unnest(%s::uuid[], %s::text[], %s::int[], %s::text[], %s::float8[])
     AS u (id, state, status, error, wait)
WHERE w.id = u.id AND w.state = 'pending'
"""
STANDING: Final = """
UPDATE webhooks_endpoint SET
    failures = CASE WHEN %(worked)s THEN 0 ELSE failures + %(failed)s END,
    last_delivered_at = CASE WHEN %(worked)s THEN clock_timestamp() ELSE last_delivered_at END,
    state = CASE WHEN %(gone)s AND state = 'active' THEN 'gone' ELSE state END
WHERE id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Call:
    """A leased delivery, with the body that is sent; none where the event was archived."""

    id: UUID
    event: UUID
    attempts: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a call."""

    call: Call
    status: int | None
    error: str

    @property
    def worked(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and self.status // 100 == 2  # noqa: PLR2004 - 2xx

    @property
    def state(self) -> str:
        """How the delivery stands after it."""
        if self.worked:
            return "delivered"
        is_last = self.call.body is None or self.call.attempts > len(BACK_OFF)
        return "dead" if is_last else "pending"

    @property
    def wait(self) -> float:
        """Seconds until it is tried again."""
        step = BACK_OFF[min(self.call.attempts, len(BACK_OFF)) - 1]
        return step * random.uniform(1.0, 1.2)  # noqa: S311 - spreads load


def call_due(*, seconds: float) -> int:
    """Call endpoints for about so many seconds, or until nothing is due; how many calls were made."""
    made, deadline = 0, time.monotonic() + seconds
    running: dict[asyncio.Task[list[Result]], UUID] = {}
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        while True:
            if time.monotonic() < deadline:
                for uid, calls in _claim(set(running.values())).items():
                    endpoint = Endpoint.objects.get(pk=uid)
                    running[loop.create_task(_call_all(endpoint, calls))] = uid
            if not running:
                return made
            wait = asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            done, _ = loop.run_until_complete(wait)
            for task in done:
                made += _settle(running.pop(task), task.result())


def _claim(busy: set[UUID]) -> dict[UUID, list[Call]]:
    """Lease what is due, by endpoint."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CLAIM, [GROUP, list(busy), ENDPOINTS_AT_ONCE, LEASE_SECONDS])
        rows = cursor.fetchall()
    by_tenant: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for row in rows:
        by_tenant[row[3]].append(row[4:7])
    told = {tenant: events_at(tenant, places) for tenant, places in by_tenant.items()}
    found: dict[UUID, list[Call]] = defaultdict(list)
    for endpoint, uid, event, tenant, *_, attempts in rows:
        event_told = told[tenant].get(event)
        found[endpoint].append(
            Call(uid, event, attempts, event_told.body() if event_told else None)
        )
    return found


async def _call_all(endpoint: Endpoint, calls: Sequence[Call]) -> list[Result]:
    """Call one endpoint with its deliveries, a few side by side."""
    try:
        url = addresses.check(endpoint.url)
    except AddressRefused as refused:
        return [Result(one, None, str(refused.facts.get("reason", refused))) for one in calls]
    connector = aiohttp.TCPConnector(resolver=addresses.PublicResolver(), limit=SIDE_BY_SIDE)
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, trust_env=False
    ) as session:
        turns = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(call: Call) -> Result:
            async with turns:
                return await _call(session, url, endpoint, call)

        return await asyncio.gather(*map(one, calls))


async def _call(session: aiohttp.ClientSession, url: str, endpoint: Endpoint, call: Call) -> Result:
    if call.body is None:
        return Result(call, None, "the event is archived")
    known = [one for one in (endpoint.secret, endpoint.former_secret) if one]
    headers = signing.headers(known, str(call.event), int(time.time()), call.body)
    try:
        # Redirects are not followed: they would lead where nobody has looked.
        async with session.post(
            url, data=call.body, headers=headers, allow_redirects=False
        ) as answer:
            return Result(call, answer.status, "" if answer.ok else f"answered {answer.status}")
    except TimeoutError:
        return Result(call, None, f"no answer within {CALL_SECONDS:.0f} s")
    except (aiohttp.ClientError, OSError) as error:
        return Result(call, None, f"{type(error).__name__}: {error}"[:300])


def _settle(uid: UUID, results: Sequence[Result]) -> int:
    """Write down what became of an endpoint's calls."""
    columns: list[Any] = [
        [one.call.id for one in results],
        [one.state for one in results],
        [one.status for one in results],
        [one.error for one in results],
        [one.wait for one in results],
    ]
    standing: dict[str, Any] = {
        "id": uid,
        "worked": any(one.worked for one in results),
        "failed": sum(not one.worked for one in results),
        "gone": any(one.status == GONE for one in results),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(RESULTS, columns)
        cursor.execute(STANDING, standing)
    if standing["failed"]:
        log.warning("webhook calls failed", endpoint=str(uid), failed=standing["failed"])
    return len(results)
