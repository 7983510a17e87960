"""Leases: what a calling handler holds on its cursor, where others hold a transaction.

Whoever holds the lease reads the place and moves its cursor. It is renewed while its holder lives.
The holder's database session claims the place, too (places.py): if that claim is free, the holder is
dead and its lease worth nothing; if it is not but the lease has run out, the holder hangs. Tries are
counted as in a drain: a lease that ends without being given back is a death.

Note [Without the claim]. Only what has run out is taken without the claim. A place that nobody leases
but somebody claims is just being taken or given back: whoever took it now would have a lease and, a
moment later, no claim, and would look dead to the next. Where a holder hangs, the lease that another
had meanwhile ends as one that has run out, for the claim is still not to be had.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import connection

from apps.core.ids import uuid7
from apps.events.services import failing, places
from apps.events.services.places import Place

log = structlog.get_logger(__name__)

SECONDS = 10.0
RENEW_SECONDS = 2.0
SILENT_SECONDS = 3.0
"""A lease that was not renewed for this long is worth a look: its holder may be dead."""
WINDOW = 256
"""Events of a partition in the air; after a crash, as many may be told again."""
DEATHS_BEFORE_CARE = 2
"""Deaths without progress after which events are taken one at a time. A single one is often a
worker that was killed for other reasons, and one at a time is slow where the world is slow."""

TAKE = f"""
UPDATE events_cursor c SET attempts = c.attempts + 1, lease = %s,
    leased_until = clock_timestamp() + make_interval(secs => %s),
    suspect_until = CASE WHEN c.suspect_until > c."offset" THEN c.suspect_until
                         WHEN c.attempts >= {DEATHS_BEFORE_CARE} THEN c."offset" + {WINDOW}
                         ELSE 0 END
WHERE {places.AT} AND (%s OR c.leased_until < clock_timestamp())  -- Note [Without the claim]
"""
TAKEN = 'RETURNING c."offset", c.attempts - 1, c.suspect_until'


class Stopped(Exception):
    """The partition has to stop; the reason is for people."""


@dataclass(slots=True)
class Lease:
    """A place that is this process's for a while."""

    place: Place
    id: UUID
    offset: int
    """Where the cursor stands."""
    deaths: int
    """Tries that died here, one after another, before this one."""
    suspect_until: int
    has_claim: bool

    def is_careful_at(self, offset: int) -> bool:
        """Whether what comes after this offset has to be taken one at a time."""
        return self.suspect_until > offset


def take(place: Place, *, if_behind: bool = True) -> Lease | None:
    """The lease of a place that has something to take; nothing where another holds it."""
    lease = uuid7()
    condition = f"AND {places.HAS_MORE}" if if_behind else ""
    has_claim = places.try_claim(place)
    with connection.cursor() as cursor:
        cursor.execute(f"{TAKE} {condition} {TAKEN}", (lease, SECONDS, *place.at, has_claim))
        found = cursor.fetchone()
    if found:
        offset, deaths, suspect_until = found
        return Lease(place, lease, offset, deaths, suspect_until, has_claim)
    if has_claim:
        places.let_go(place)
    return None


def move(lease: Lease, offset: int, events: int) -> bool:
    """Move the cursor and renew the lease; False where another has taken it over."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE events_cursor c SET "offset" = %s, failures = 0, error = '',
                retry_at = NULL, updated_at = clock_timestamp(), attempts = 1,
                events_total = c.events_total + %s, batches_total = c.batches_total + 1,
                leased_until = clock_timestamp() + make_interval(secs => %s)
                WHERE {places.AT} AND c.lease = %s AND c."offset" <= %s""",
            (offset, events, SECONDS, *lease.place.at, lease.id, offset),
        )
        still_ours = bool(cursor.rowcount)
    if still_ours:
        lease.offset = offset
    return still_ours


def renew(lease: Lease) -> bool:
    """Keep the lease for longer; False where another has taken it over."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE events_cursor c
                SET leased_until = clock_timestamp() + make_interval(secs => %s)
                WHERE {places.AT} AND c.lease = %s""",
            (SECONDS, *lease.place.at, lease.id),
        )
        return bool(cursor.rowcount)


def end(lease: Lease, failure: BaseException | None) -> None:
    """Give the lease back: all went well, the world failed, or the partition has to stop.

    Never raises where the database is away; the lease then ends by itself.
    """
    changes, params = "attempts = 0", []
    if isinstance(failure, Stopped):
        changes, params = "attempts = 0, state = 'stopped', error = %s", [str(failure)]
    elif failure is not None and failing.is_infrastructure(failure):
        log.warning("infrastructure error; backing off", place=str(lease.place),
                    error=failing.summary(failure))  # fmt: skip
        changes, params = f"attempts = 0, {places.BACKED_OFF}", [failing.summary(failure)]
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""UPDATE events_cursor c SET lease = NULL, {changes},
                    leased_until = CASE WHEN NOT %s THEN clock_timestamp() END
                    WHERE {places.AT} AND c.lease = %s""",
                (*params, lease.has_claim, *lease.place.at, lease.id),
            )
        if lease.has_claim:
            places.let_go(lease.place)
    except failing.INFRASTRUCTURE as lost:
        connection.close()
        log.warning("lease not given back; it ends by itself", error=failing.summary(lost))


@contextmanager
def held(lease: Lease) -> Iterator[None]:
    """Work under a lease, and give it back. What the world did and a stop are not raised on."""
    failure: BaseException | None = None
    try:
        yield
    except (Stopped, *failing.INFRASTRUCTURE) as error:
        failure = error
    finally:
        end(lease, failure)
