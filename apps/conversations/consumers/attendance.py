"""Who is connected: told to Redis (presence), to the store (sessions), and again before it ends."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from uuid import UUID

import redis
import structlog
from django.db import InterfaceError, OperationalError

from apps.agents import services as agents
from apps.conversations import services
from apps.core.exceptions import DomainError
from apps.core.problems import dumps
from apps.sockets import presence
from apps.sockets.batching import Batcher
from apps.sockets.broadcasts import Broadcast, publish_many
from apps.sockets.loops import PerLoop
from apps.sockets.presence import Move, Visit
from apps.sockets.threads import in_thread

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stay:
    """A connection, in a conversation or at a desk."""

    tenant: int
    conversation: UUID | None
    sender: str
    sender_id: str
    connection: str
    client: str
    place: str = ""
    """The group in which it is present; empty: in none."""
    is_session: bool = True
    """Whether it is a device's session; a desk's is one, however many conversations it shows."""
    agent: UUID | None = None
    """The agent whose desk it is."""

    @property
    def visit(self) -> Visit:
        """The same, for presence."""
        return Visit(self.place, f"{self.sender}:{self.sender_id}", self.connection)


@dataclass(slots=True)
class Attendance:
    """The connections of this process."""

    stays: dict[Stay, UUID | None] = field(default_factory=dict)
    """Each with its session, once that has been written."""
    _beating: asyncio.Task[None] | None = None
    _arrivals: Batcher[Stay, UUID | None] = field(default_factory=lambda: Batcher(_arrive))
    _departures: Batcher[tuple[Stay, UUID | None], None] = field(
        default_factory=lambda: Batcher(_depart)
    )

    def arrive(self, stay: Stay) -> None:
        """Note a connection; nobody waits for it."""
        self.stays[stay] = None
        self._arrivals.submit(stay).add_done_callback(partial(self._arrived, stay))
        if self._beating is None or self._beating.done():
            self._beating = asyncio.get_running_loop().create_task(self._beat())

    def depart(self, stay: Stay) -> None:
        """Forget a connection; nobody waits for it."""
        if stay in self.stays:
            self._departures.submit((stay, self.stays.pop(stay)))

    def _arrived(self, stay: Stay, outcome: "asyncio.Future[UUID | None]") -> None:
        if outcome.cancelled() or outcome.exception() is not None:
            return  # presence is at best effort, and a session that never began needs no end
        if stay in self.stays:
            self.stays[stay] = outcome.result()
        else:
            self._departures.submit((stay, outcome.result()))  # gone before it was noted

    async def _beat(self) -> None:
        while self.stays:
            await asyncio.sleep(presence.BEAT)
            stays = dict(self.stays)
            try:
                await in_thread(partial(_stay, stays))
            except (redis.RedisError, OperationalError, InterfaceError, DomainError) as error:
                log.warning("attendance not told", error=type(error).__name__)


def _arrive(stays: list[Stay]) -> list[UUID | None]:
    devices = [stay for stay in stays if stay.is_session]
    started = iter(
        services.start_sessions(
            [
                services.Connected(
                    one.tenant, one.conversation, one.sender, one.sender_id, one.client
                )
                for one in devices
            ]
        )
    )
    _announce(stays, presence.arrive, is_online=True)
    return [next(started).id if stay.is_session else None for stay in stays]


def _depart(gone: list[tuple[Stay, UUID | None]]) -> list[None]:
    _announce([stay for stay, _ in gone], presence.leave, is_online=False)
    for stay, _ in gone:
        if stay.agent is not None:
            _leave_desk(stay, stay.agent)
    services.end_sessions([session for _, session in gone if session is not None])
    return [None] * len(gone)


def _stay(stays: dict[Stay, UUID | None]) -> None:
    services.touch_sessions([session for session in stays.values() if session is not None])
    _announce(list(stays), presence.arrive, is_online=True)
    for stay in stays:
        if stay.agent is not None and not agents.heartbeat(
            stay.tenant, stay.agent, stay.connection
        ):
            agents.connected(stay.tenant, stay.agent, stay.connection)


def _leave_desk(stay: Stay, agent: UUID) -> None:
    try:
        agents.disconnected(stay.tenant, agent, stay.connection)
    except DomainError as refusal:
        # Its presence ends by itself; the session below must end all the same.
        log.warning("desk not left", code=refusal.code)


def _announce(
    stays: Sequence[Stay], move: Callable[[Sequence[Visit]], list[Move]], *, is_online: bool
) -> None:
    """Note who comes or goes, and tell it of those who were not, or are not any more, elsewhere.

    Whoever lapsed, because a process was killed, is told by the one who finds it out.
    """
    seen = [stay for stay in stays if stay.place]
    try:
        changed = move([stay.visit for stay in seen])
    except redis.RedisError as error:
        log.warning("presence not told", error=type(error).__name__)
        return
    told = []
    for stay, moved in zip(seen, changed, strict=True):
        told += [Broadcast(stay.place, _frame(stay, one, is_online=False)) for one in moved.lapsed]
        if moved.is_news:
            told.append(Broadcast(stay.place, _frame(stay, stay.visit.person, is_online=is_online)))
    publish_many(told)


def _frame(stay: Stay, person: str, *, is_online: bool) -> bytes:
    sender, _, sender_id = person.partition(":")
    return dumps(
        {
            "type": "presence",
            "conversation": stay.conversation,
            "sender": sender,
            "sender_id": sender_id,
            "online": is_online,
        }
    )


attendance: Final = PerLoop(Attendance)
