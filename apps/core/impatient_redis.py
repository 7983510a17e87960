"""Redis for what can do without an answer: one client of a process for each use, that gives up soon.

Made when it is first called for, and one also where threads begin together: a client that nobody
keeps closes its connections, and a pipeline of it would read from a closed one.
"""

import os
import threading
from collections.abc import Callable
from typing import Any, ClassVar
from weakref import WeakSet

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


class ImpatientRedis:
    """Called, it answers with this process's client: short time-outs and no retries."""

    _all: "ClassVar[WeakSet[ImpatientRedis]]" = WeakSet()
    _client: redis.Redis | None
    _made_for: tuple[str, float]

    def __init__(
        self, url: Callable[[], str], timeout: Callable[[], float], **options: Any
    ) -> None:
        """Where Redis is, and how many seconds connecting and asking may each take; as of each call.

        `options` are redis-py's.
        """
        self._url = url
        self._timeout = timeout
        self._options = options
        self.forget()
        self._all.add(self)

    def __call__(self) -> redis.Redis:
        """The client. Its calls raise `redis.RedisError`."""
        wanted = (self._url(), self._timeout())
        with self._lock:
            if self._client is None or self._made_for != wanted:
                self._client, self._made_for = self._make(*wanted), wanted
            return self._client

    def forget(self) -> None:
        """Make another one when it is called for again: after a fork, and between tests."""
        self._lock = threading.Lock()  # a child may be born while a thread of its parent holds it
        self._client = None

    def _make(self, url: str, seconds: float) -> redis.Redis:
        return redis.Redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
            **self._options,
        )

    @classmethod
    def forget_all(cls) -> None:
        """Forget every client of this process."""
        for one in list(cls._all):
            one.forget()


# Parent and child on one socket would read each other's answers.
os.register_at_fork(after_in_child=ImpatientRedis.forget_all)
