"""The fan-out of one process: one connection to Redis, and who listens to which group here.

The way from Redis to a socket's outbox is one plain call: no JSON, no thread, no database. When
the connection was lost, everybody is told to look for what they missed.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, Protocol

import redis
import structlog
from django.conf import settings
from redis.asyncio import Connection, ConnectionPool

from apps.sockets.frames import Position, unpack
from apps.sockets.loops import PerLoop

log = structlog.get_logger(__name__)

PING_SECONDS: Final = 5.0
"""How often Redis is asked for a sign of life; without one until the next time we reconnect."""
RETRY_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0)
JOIN_SECONDS: Final = 1.0
"""How long a socket waits for its subscription; without it, it lives by asking the store."""
CHUNK: Final = 500  # channels in one command
BREATH: Final = 64  # broadcasts in a row before the sockets' senders get their turn


class Listener(Protocol):
    """Somebody who hears a group. Both calls return at once and do not raise."""

    def hear(self, group: str, position: Position | None, frame: str) -> None:
        """A frame for this group came."""

    def resync(self) -> None:
        """Something may have been missed."""


class Hub:
    """Groups of this process, and their subscription."""

    def __init__(self) -> None:
        """Nobody listens yet; the connection is made for the first who does."""
        self._listeners: dict[str, set[Listener]] = {}
        self._asked: set[str] = set()
        """Channels for which Redis has been sent SUBSCRIBE on this connection."""
        self._owed: dict[str, int] = defaultdict(int)
        """Confirmations that are still to come, by channel."""
        self._joining: dict[str, asyncio.Future[None]] = {}
        self._connection: Connection | None = None
        self._heard = True
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, group: str, listener: Listener) -> bool:
        """Hear a group from now on; whether Redis has confirmed it. Read the store after this."""
        self._start()
        self._listeners.setdefault(group, set()).add(listener)
        if self._is_confirmed(group):
            return True
        waiting = self._joining.setdefault(group, asyncio.get_running_loop().create_future())
        self._changed.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), JOIN_SECONDS)
        return self._is_confirmed(group)

    def leave(self, group: str, listener: Listener) -> None:
        """Hear a group no more."""
        listeners = self._listeners.get(group)
        if listeners is None:
            return
        listeners.discard(listener)
        if not listeners:
            del self._listeners[group]
            self._changed.set()

    def tell(self, group: str, broadcast: bytes) -> None:
        """Hand a broadcast to everybody here who hears the group."""
        listeners = self._listeners.get(group)
        if not listeners:
            return
        try:
            frames = list(unpack(broadcast))
        except ValueError:
            log.warning("not a broadcast", group=group)
            return
        for listener in tuple(listeners):
            for position, frame in frames:
                listener.hear(group, position, frame)

    @property
    def groups(self) -> int:
        """How many groups are heard here."""
        return len(self._listeners)

    async def stop(self) -> None:
        """End the subscription."""
        await _end(self._tasks)
        self._tasks.clear()

    def _start(self) -> None:
        if not self._tasks:
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._stay_connected())]

    def _is_confirmed(self, group: str) -> bool:
        return group in self._asked and not self._owed.get(group)

    async def _stay_connected(self) -> None:
        attempt = 0
        while True:
            try:
                await self._connect()
                attempt = 0
                await self._serve()
            except (redis.RedisError, OSError, EOFError) as error:
                log.warning("fan-out lost; sockets ask the store", error=type(error).__name__)
            except Exception:
                log.exception("fan-out lost; sockets ask the store")
            finally:
                await self._disconnect()
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            attempt += 1

    async def _connect(self) -> None:
        pool = ConnectionPool.from_url(
            settings.REDIS_URL, protocol=2, socket_timeout=2, socket_connect_timeout=2
        )
        connection = pool.make_connection()  # type: ignore[no-untyped-call] # redis-py's
        await connection.connect()
        self._connection = connection
        self._heard = True
        self._changed.set()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._asked.clear()
        self._owed.clear()
        if connection is not None:
            with suppress(redis.RedisError, OSError):
                await connection.disconnect(nowait=True)

    async def _serve(self) -> None:
        """Until the connection ends: subscribe, listen, and see to it that Redis is alive."""
        running = [
            asyncio.create_task(one)
            for one in (self._subscribe(), self._listen(), self._stay_alive())
        ]
        try:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _end(running)

    async def _subscribe(self) -> None:
        """Keep what Redis was asked for in step with who listens; many changes, few commands."""
        is_new = True
        while True:
            await self._changed.wait()
            self._changed.clear()
            added = self._listeners.keys() - self._asked
            dropped = self._asked - self._listeners.keys()
            for channels in _chunks(added):
                for channel in channels:
                    self._owed[channel] += 1
                self._asked.update(channels)
                await self._command("SUBSCRIBE", *channels)
            for channels in _chunks(dropped):
                self._asked.difference_update(channels)
                await self._command("UNSUBSCRIBE", *channels)
            if is_new:
                is_new = False
                # Behind the subscriptions in the pipe: when it is answered, all of them stand.
                await self._command("PING", "resync")

    async def _listen(self) -> None:
        connection = self._connection
        assert connection is not None
        in_a_row = 0
        while True:
            answer = await connection.read_response(
                disable_decoding=True, timeout=float("inf"), disconnect_on_error=False
            )
            self._heard = True
            self._hear(answer)
            in_a_row += 1
            if in_a_row % BREATH == 0:
                await asyncio.sleep(0)  # the parser does not give way while its buffer is full

    def _hear(self, answer: object) -> None:
        match answer:
            case [b"message", bytes(channel), bytes(broadcast)]:
                self.tell(channel.decode(), broadcast)
            case [b"subscribe", bytes(channel), _]:
                self._confirm(channel.decode())
            case [b"pong", b"resync"] | b"resync":
                self._resync()

    def _confirm(self, group: str) -> None:
        if self._owed[group] > 1:
            self._owed[group] -= 1
            return
        self._owed.pop(group, None)
        waiting = self._joining.pop(group, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def _resync(self) -> None:
        everybody = {one for listeners in self._listeners.values() for one in listeners}
        for listener in everybody:
            listener.resync()

    async def _stay_alive(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            if not self._heard:
                raise redis.ConnectionError("Redis is silent")
            self._heard = False
            await self._command("PING", "alive")

    async def _command(self, *words: str) -> None:
        assert self._connection is not None
        await self._connection.send_command(*words, check_health=False)


async def _end(tasks: list["asyncio.Task[None]"]) -> None:
    # Asked again after a while: in Python 3.11 `wait_for`, which redis-py sends with, may swallow a
    # cancellation that comes in the moment of its success.
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=0.5)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at: the first one's was told


def _chunks(names: Iterable[str]) -> Iterable[list[str]]:
    ordered = sorted(names)
    return (ordered[at : at + CHUNK] for at in range(0, len(ordered), CHUNK))


hub: Final = PerLoop(Hub)
"""The hub of this process (of this event loop)."""
