"""Breakers that all processes share through Redis.

Every change is compare-and-set over the pure machine, so that of many workers exactly one sends the
probe. Without Redis a process goes on by its own copy of the record; when Redis is back, what all
share counts, and where Redis has lost it, the copy does.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar
from uuid import uuid4

import msgspec
import redis
import structlog
from django.conf import settings

from apps.core.impatient_redis import ImpatientRedis
from apps.resilience import breaker as machine
from apps.resilience.breaker import CLOSED, Admission, Phase, Policy, Record

__all__ = ["Breaker", "Policy", "breaker", "forget", "is_closed", "records"]

log = structlog.get_logger(__name__)
T = TypeVar("T")

TIMEOUT: Final = 0.25  # seconds that one call to Redis may take
BREAK_SECONDS: Final = 1.0  # how long Redis is left alone after a failure
KEPT_SECONDS: Final = 86_400
TRIES: Final = 8
"""Of one change against others' changes; after them the record is as good as another's write."""

# Sets a record where it is still what was read.
EXCHANGE: Final = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
"""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Record).decode
Change = Callable[[Record, float], tuple[Record, Admission | None]]


class Breaker:
    """The breaker of one thing that is called, as this process sees it. Never raises."""

    def __init__(self, name: str, policy: Policy) -> None:
        """`name` is the same in all processes that call the same thing."""
        self.name = name
        self.policy = policy
        self._caller = ""
        self._copy = CLOSED
        self._lock = threading.Lock()

    def admit(self) -> Admission:
        """Whether a call may go out now."""
        caller = uuid4().hex
        admission = self._change(lambda record, now: self._admitted(record, now, caller))
        assert admission is not None
        if admission.is_probe:
            self._caller = caller
        return admission

    def report(self, *, ok: bool) -> None:
        """Say what became of a call that was admitted."""
        caller = self._caller
        self._change(
            lambda record, now: (
                machine.report(record, self.policy, now, caller, ok=ok),
                None,
            )
        )

    def record(self) -> Record:
        """How it stands."""
        shared = _read(self.name)
        if shared is None:
            return self._copy
        return self._base(shared[1])

    def _admitted(self, record: Record, now: float, caller: str) -> tuple[Record, Admission]:
        return machine.admit(record, self.policy, now, caller)

    def _change(self, change: Change) -> Admission | None:
        with self._lock:
            for _ in range(TRIES):
                shared = _read(self.name)
                if shared is None:
                    break
                now, text = shared
                before = self._base(text)
                after, admission = change(before, now)
                is_shared = bool(text) or after == CLOSED
                if (after == before and is_shared) or _exchange(self.name, text, after):
                    self._note(before, after)
                    return admission
            before = self._copy
            after, admission = change(before, time.time())
            self._note(before, after)
            return admission

    def _base(self, text: bytes) -> Record:
        """What all share; where Redis has lost it, the copy."""
        if not text:
            return self._copy
        try:
            return _decode(text)
        except msgspec.MsgspecError:
            log.warning("a breaker's record is something else", breaker=self.name)
            return self._copy

    def _note(self, before: Record, after: Record) -> None:
        self._copy = after
        if before.phase is not after.phase:
            log.warning(
                "breaker changed",
                breaker=self.name,
                phase=after.phase.value,
                failures=after.failures,
                retry_at=after.retry_at,
            )


class _Process:
    """What this process has of Redis, and its breakers."""

    def __init__(self) -> None:
        self.broken_until = float("-inf")
        self.breakers: dict[str, Breaker] = {}
        self.lock = threading.Lock()


_process = _Process()
_client = ImpatientRedis(lambda: settings.REDIS_URL, lambda: TIMEOUT)


def breaker(name: str, policy: Policy = Policy()) -> Breaker:  # noqa: B008 - frozen
    """The breaker of this name; the policy is that of the first call in a process."""
    with _process.lock:
        found = _process.breakers.get(name)
        if found is None:
            found = _process.breakers[name] = Breaker(name, policy)
        return found


def records(names: Iterable[str]) -> dict[str, Record]:
    """How breakers stand, whichever process changed them last."""
    return {name: breaker(name).record() for name in names}


def is_closed(record: Record) -> bool:
    """Whether calls go out."""
    return record.phase is Phase.CLOSED


def forget() -> None:
    """Forget client and copies: after a fork, and between tests."""
    global _process  # noqa: PLW0603 - one a process
    _process = _Process()
    _client.forget()


_client = ImpatientRedis(lambda: settings.REDIS_URL, lambda: TIMEOUT)


def _key(name: str) -> str:
    return f"{settings.REDIS_PREFIX}:breaker:{name}"


def _read(name: str) -> tuple[float, bytes] | None:
    """The time and the record as text, empty where there is none; nothing without Redis."""

    def ask() -> tuple[float, bytes]:
        pipe = _client().pipeline(transaction=False)
        pipe.time()
        pipe.get(_key(name))
        (seconds, micros), text = pipe.execute()
        return seconds + micros / 1e6, text or b""

    return _ask(ask)


def _exchange(name: str, before: bytes, after: Record) -> bool:
    values = (before, _encode(after), KEPT_SECONDS)
    return bool(_ask(lambda: _client().eval(EXCHANGE, 1, _key(name), *values)))


def _ask(call: Callable[[], T]) -> T | None:
    process = _process
    if time.monotonic() < process.broken_until:
        return None
    try:
        return call()
    except (redis.RedisError, OSError) as error:
        process.broken_until = time.monotonic() + BREAK_SECONDS
        log.warning("breakers decide by their copies", error=type(error).__name__)
        return None


# Parent and child on one socket would read each other's answers.
os.register_at_fork(after_in_child=forget)
