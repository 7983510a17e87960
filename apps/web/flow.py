"""What a process keeps, so that looking every second stays cheap.

`Flow`: trades per second of two minutes, at the cost of the last few seconds. `Kept`: a dear value,
made anew only as often as it may be.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

WINDOW: Final = 120
"""Seconds that are shown."""
SETTLING: Final = 5
"""A transaction that began this many seconds ago may still commit; older seconds are final."""
RATE_OVER: Final = 10
"""Seconds over which the present rate is averaged."""

Count = Callable[[datetime], Mapping[int, int]]
"""Trades by Unix second, from a time on."""


@dataclass(slots=True)
class Flow:
    """The counts of one tenant, as this process knows them. Only unsettled seconds are asked for."""

    count: Count
    _counts: dict[int, int] = field(default_factory=dict)
    _settled: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seconds(self, now: float) -> list[int]:
        """Trades in each of the last `WINDOW` whole seconds, oldest first; `now` in Unix time."""
        until = int(now)
        first = until - WINDOW
        with self._lock:
            since = max(self._settled, first)
            fresh = self.count(datetime.fromtimestamp(since, UTC))
            kept = {second: n for second, n in self._counts.items() if first <= second < since}
            self._counts = {**kept, **fresh}
            self._settled = until - SETTLING
            return [self._counts.get(second, 0) for second in range(first, until)]


V = TypeVar("V")


@dataclass(slots=True)
class Kept(Generic[V]):
    """A value that may be dear: it is made anew only so often that this takes 5 % of the time."""

    make: Callable[[], V]
    clock: Callable[[], float]
    share: float = 0.05
    at_least: float = 0.0
    """Seconds that a value is kept even where it costs nothing."""
    _value: V | None = None
    _again_at: float = float("-inf")
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def value(self) -> V:
        """The value, at most `cost / share` or `at_least` seconds old."""
        with self._lock:
            started = self.clock()
            if self._value is None or started >= self._again_at:
                self._value = self.make()
                ended = self.clock()
                self._again_at = ended + max((ended - started) / self.share, self.at_least)
            return self._value
