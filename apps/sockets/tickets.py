"""Tickets: what a socket shows at the door instead of a cookie or a key, once, within seconds."""

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import redis
from django.conf import settings

from apps.sockets import redis_client
from apps.sockets.exceptions import TicketsUnavailable

LIFE = timedelta(seconds=30)
LONGEST = 64  # characters; those that we issue have 32
BOARD, CHAT, DESK = "board", "chat", "desk"
"""The doors: of the operations board, of customers, of agents."""


class Claim(msgspec.Struct, frozen=True):
    """Whom a ticket lets in, and where."""

    door: str
    tenant_id: int
    client: str
    """`user:<id>` or `key:<id>`, as in `tenants.authentication.Caller`; `visitor:<id>`."""
    facts: dict[str, str] = {}
    """What the door wants to know besides: whose conversation, which agent."""
    origin: str = ""
    """The one page that may use it; empty: our own pages, and programs."""

    @property
    def person(self) -> str:
        """Who sits behind the socket, for limits: a program may ask tickets for many people."""
        return self.facts.get("customer") or self.facts.get("agent") or self.client


class Ticket(msgspec.Struct, frozen=True):
    """A ticket as it is handed out."""

    ticket: str
    url: str
    """Complete: the sockets may live on another port or host."""
    expires_at: datetime


def issue(claim: Claim) -> Ticket:
    """A new ticket. Raises `TicketsUnavailable`."""
    secret = secrets.token_urlsafe(24)
    try:
        redis_client.client().set(_key(secret), msgspec.json.encode(claim), ex=LIFE)
    except redis.RedisError as error:
        raise TicketsUnavailable from error
    url = f"{settings.SOCKETS_URL.rstrip('/')}/ws/{claim.door}/?ticket={secret}"
    return Ticket(secret, url, datetime.now(UTC) + LIFE)


def redeem(secret: str, *, door: str) -> Claim | None:
    """Whom the ticket lets in; None if it is unknown, expired, used, or for another door.

    Raises `TicketsUnavailable`.
    """
    try:
        found = redis_client.client().getdel(_key(secret))
    except redis.RedisError as error:
        raise TicketsUnavailable from error
    if not isinstance(found, bytes):
        return None
    claim = msgspec.json.decode(found, type=Claim)
    return claim if claim.door == door else None


def _key(secret: str) -> str:
    # The digest, so that a look into Redis shows no ticket that could be used.
    return redis_client.key("ticket", sha256(secret.encode()).hexdigest())
