"""Clients: processes of a few threads each that call one function over and over."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import django
from django.db import connections

from benchmarks.measure import quantile

Call = Callable[[], int]
"""Does something and returns how many of it; must be found by name in its module."""
PROCESSES = 2
TIMEOUT = 60.0  # seconds that clients wait for each other


@dataclass(frozen=True)
class Load:
    """What a load came to."""

    done: int
    seconds: float
    latencies: list[float]
    """Seconds of each call."""

    @property
    def per_second(self) -> float:
        return self.done / self.seconds

    def milliseconds(self, share: float) -> float:
        return 1000 * quantile(self.latencies, share)


class Clients:
    """Client processes with Django set up and connections that stay open through a load."""

    def __init__(self, settings: str = "") -> None:
        """Take another settings module than ours for a peer that is a Django app."""
        context = multiprocessing.get_context("spawn")
        own = (context.Barrier(PROCESSES), context.Value("i"), settings)
        self._pool = ProcessPoolExecutor(PROCESSES, context, _set_up, own)

    def __enter__(self) -> Self:
        self.repeat(_nothing, 1)  # so that setting up is in nobody's figures
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown()

    def once(self, call: Callable[[], object]) -> None:
        """Have one of the processes call it, and wait."""
        self._pool.submit(call).result()

    def repeat(self, call: Callable[[], object], times: int) -> None:
        """Have each process call it so many times, and wait for all."""
        for part in [self._pool.submit(_repeat, call, times) for _ in range(PROCESSES)]:
            part.result()

    def run(self, call: Call, *, threads: int, seconds: float, rate: float = 0) -> Load:
        """Have `threads` threads in each process call it for so long, all beginning together.

        With `rate`, all of them make so many calls a second at times that are fixed beforehand, and
        each is timed from when it was due: a stall is charged for every call that it held up.
        """
        every = PROCESSES * threads / rate if rate else 0.0
        parts = [self._pool.submit(_run, call, threads, seconds, every) for _ in range(PROCESSES)]
        loads = [part.result() for part in parts]
        return Load(
            sum(load.done for load in loads),
            max(load.seconds for load in loads),
            [one for load in loads for one in load.latencies],
        )


# --- in the client processes ----------------------------------------------------------------------

_own = SimpleNamespace(together=None, index=0)


def index() -> int:
    """Which of the client processes this is, from 0."""
    return int(_own.index)


def _set_up(together: Any, counter: Any, settings: str) -> None:
    with counter.get_lock():
        _own.together, _own.index = together, counter.value
        counter.value += 1
    if settings:
        os.environ["DJANGO_SETTINGS_MODULE"] = settings
    django.setup()


def _nothing() -> None:
    """Be there."""


def _repeat(call: Callable[[], object], times: int) -> None:
    _own.together.wait(TIMEOUT)  # or one process, being quicker, would take both parts
    for _ in range(times):
        call()


def _run(call: Call, threads: int, seconds: float, every: float) -> Load:
    apart = every / (PROCESSES * threads)
    loops = [
        _Loop(call, seconds, every, apart * (index() + PROCESSES * number))
        for number in range(threads)
    ]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.ready.wait(TIMEOUT)
    _own.together.wait(TIMEOUT)
    started = time.perf_counter()
    for loop in loops:
        loop.go.set()
    for loop in loops:
        loop.join()
        if loop.error:
            raise loop.error
    return Load(
        sum(loop.done for loop in loops),
        time.perf_counter() - started,
        [one for loop in loops for one in loop.latencies],
    )


class _Loop(threading.Thread):
    """One thread of calls. The first call, before the start, opens connections and fills caches."""

    def __init__(self, call: Call, seconds: float, every: float, first: float) -> None:
        super().__init__(daemon=True)
        self.ready, self.go = threading.Event(), threading.Event()
        self.done = 0
        self.latencies: list[float] = []
        self.error: Exception | None = None
        self._call, self._seconds = call, seconds
        self._every, self._first = every, first

    def run(self) -> None:
        try:
            self._call()
            self.ready.set()
            self.go.wait()
            for due in self._times():
                self.done += self._call()
                self.latencies.append(time.perf_counter() - due)
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            self.error = error
        finally:
            self.ready.set()
            connections.close_all()

    def _times(self) -> Iterator[float]:
        """When each call is due: at its fixed time, or as soon as the last one is through."""
        began = time.perf_counter()
        end = began + self._seconds
        if not self._every:
            while (now := time.perf_counter()) < end:
                yield now
            return
        due = began + self._first
        while due < end:
            time.sleep(max(0.0, due - time.perf_counter()))
            yield due
            due += self._every
