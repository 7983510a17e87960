"""The warden of one process: who is connected, how many, and whose time is up.

One task looks at all sockets once a second, instead of timers for each of them. How many a tenant has is
counted over all processes (`seats`); how many a person has, in this one.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Final, Protocol
from uuid import uuid4

import redis
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError

from apps.sockets import seats
from apps.sockets.frames import BAD_FRAME, NOT_SIGNED_IN, TOO_MANY, TOO_SLOW, Farewell
from apps.sockets.loops import PerLoop
from apps.sockets.threads import in_thread
from apps.sockets.tickets import Claim
from apps.tenants.selectors import is_still_in

log = structlog.get_logger(__name__)

ROUND_SECONDS: Final = 1.0
SEND_SECONDS: Final = 10.0
"""A client that takes nothing for this long is let go."""
HELLO_SECONDS: Final = 15.0
"""A client that was let in and does not say hello is let go."""
CHECK_SECONDS: Final = 60.0
"""How often a socket's owner is looked up again: a revoked key, a member who left."""
MEMBERS: Final = ("user:", "key:")
"""Callers that tenants can look up; others (visitors) are their door's own affair."""


class Guest(Protocol):
    """A socket, as the warden sees it."""

    claim: Claim
    check_at: float
    hello_by: float | None
    """Until when it has to say hello; None once it has."""

    @property
    def stuck_since(self) -> float | None:
        """Since when its client has not taken a frame."""

    def dismiss(self, code: int, reason: str) -> None:
        """Close it; returns at once."""


class Warden:
    """The sockets of this process."""

    def __init__(self) -> None:
        """Nobody is here yet."""
        self.name = uuid4().hex
        self.guests: set[Guest] = set()
        self.by_tenant: Counter[int] = Counter()
        self.by_person: Counter[tuple[int, str]] = Counter()
        self._untold: set[int] = set()
        """Tenants whose number has changed since all processes were told."""
        self._tell_at = 0.0
        self._rounds: asyncio.Task[None] | None = None
        self._check: asyncio.Task[None] | None = None

    async def admit(self, guest: Guest) -> None:
        """Count a socket in. Raises `Farewell`, if its tenant or its person has too many."""
        claim = guest.claim
        person = (claim.tenant_id, claim.person)
        if (
            self.by_tenant[claim.tenant_id] >= settings.SOCKETS_PER_TENANT
            or self.by_person[person] >= settings.SOCKETS_PER_PERSON
        ):
            raise Farewell(TOO_MANY, "too many connections")
        # Counted here before it is counted there: what this process says of itself is never too low.
        self.guests.add(guest)
        self.by_tenant[claim.tenant_id] += 1
        self.by_person[person] += 1
        guest.check_at = _now() + CHECK_SECONDS
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.get_running_loop().create_task(self._make_rounds())
        if not await self._take_seat(claim.tenant_id):
            self.release(guest)
            raise Farewell(TOO_MANY, "too many connections")

    def release(self, guest: Guest) -> None:
        """Count a socket out; one that was never counted in changes nothing."""
        if guest not in self.guests:
            return
        self.guests.discard(guest)
        claim = guest.claim
        self._untold.add(claim.tenant_id)
        self.by_tenant[claim.tenant_id] -= 1
        self.by_person[claim.tenant_id, claim.person] -= 1
        if self.by_person[claim.tenant_id, claim.person] <= 0:  # people come and go: keep no zeros
            del self.by_person[claim.tenant_id, claim.person]

    async def _take_seat(self, tenant: int) -> bool:
        self._untold.add(tenant)
        take = partial(seats.take, self.name, tenant, settings.SOCKETS_PER_TENANT)
        try:
            return await in_thread(take)
        except redis.RedisError:
            return True  # the count of this process holds alone

    async def _make_rounds(self) -> None:
        while self.guests or self._untold:
            await asyncio.sleep(ROUND_SECONDS)
            self.look_around(_now())
            await self._tell_seats(_now())

    async def _tell_seats(self, now: float) -> None:
        told, self._untold = self._untold, set()
        if now > self._tell_at:
            self._tell_at = now + seats.BEAT
            told = told | self.by_tenant.keys()
        taken = {tenant: self.by_tenant[tenant] for tenant in told}
        for tenant in [one for one, number in taken.items() if number <= 0]:
            del self.by_tenant[tenant]
        if taken:
            try:
                await in_thread(partial(seats.tell, self.name, taken))
            except redis.RedisError as error:
                self._untold |= taken.keys() if self.guests else set()
                log.warning("seats not told", error=type(error).__name__)

    def look_around(self, now: float) -> None:
        """Dismiss whoever is too slow or never said hello; have owners looked up that are due."""
        due: list[Guest] = []
        for guest in tuple(self.guests):
            stuck = guest.stuck_since
            if stuck is not None and now - stuck > SEND_SECONDS:
                guest.dismiss(TOO_SLOW, "too slow")
            elif guest.hello_by is not None and now > guest.hello_by:
                guest.dismiss(BAD_FRAME, "no hello came")
            elif now > guest.check_at:
                due.append(guest)
        if due and (self._check is None or self._check.done()):
            self._check = asyncio.get_running_loop().create_task(self._look_up(due))

    async def _look_up(self, guests: list[Guest]) -> None:
        who = {(one.claim.tenant_id, one.claim.client) for one in guests}
        members = [one for one in who if one[1].startswith(MEMBERS)]
        try:
            gone = await in_thread(partial(_gone, members))
        except (OperationalError, InterfaceError):
            gone = set()  # asked again in a minute; nothing can be seen without the database anyway
        for guest in guests:
            guest.check_at = _now() + CHECK_SECONDS
            if (guest.claim.tenant_id, guest.claim.client) in gone:
                guest.dismiss(NOT_SIGNED_IN, "not a member any more")


def _gone(members: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    return {member for member in members if not is_still_in(*member)}


def _now() -> float:
    return asyncio.get_running_loop().time()


warden: Final = PerLoop(Warden)
"""The warden of this process (of this event loop)."""
