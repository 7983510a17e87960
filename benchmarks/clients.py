"""Clients: processes of a few threads each that call one function over and over."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from types import TracebackType
from typing import Any, Self

from benchmarks.measure import quantile

Call = Callable[[], int]
"""Does something and returns how many of it; must be found by name in its module."""
PROCESSES = 2


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
        self._pool = ProcessPoolExecutor(
            PROCESSES, context, _set_up, (context.Barrier(PROCESSES), context.Value("i"), settings)
        )

    def __enter__(self) -> Self:
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

    def run(self, call: Call, *, threads: int, seconds: float) -> Load:
        """Have `threads` threads in each process call it for so long, all beginning together."""
        parts = [self._pool.submit(_run, call, threads, seconds) for _ in range(PROCESSES)]
        loads = [part.result() for part in parts]
        return Load(
            sum(load.done for load in loads),
            max(load.seconds for load in loads),
            [one for load in loads for one in load.latencies],
        )


_together: Barrier
_index = 0


def index() -> int:
    """Which of the client processes this is, from 0."""
    return _index


def _set_up(barrier: Barrier, counter: Any, settings: str) -> None:
    global _together, _index
    _together = barrier
    with counter.get_lock():
        _index = counter.value
        counter.value += 1
    if settings:
        os.environ["DJANGO_SETTINGS_MODULE"] = settings
    import django

    django.setup()


def _repeat(call: Callable[[], object], times: int) -> None:
    _together.wait(60)  # or one of them, being quicker, would take both parts
    for _ in range(times):
        call()


def _run(call: Call, threads: int, seconds: float) -> Load:
    from django.db import connections

    done: list[int] = []
    latencies: list[float] = []
    errors: list[BaseException] = []
    begin = threading.Barrier(threads + 1)

    def loop() -> None:
        try:
            call()  # the first call opens the connection and fills caches
            begin.wait()
            end = time.perf_counter() + seconds
            while (started := time.perf_counter()) < end:
                done.append(call())
                latencies.append(time.perf_counter() - started)
        except BaseException as error:
            errors.append(error)
            begin.abort()
        finally:
            connections.close_all()

    pool = [threading.Thread(target=loop) for _ in range(threads)]
    for thread in pool:
        thread.start()
    try:
        _together.wait(30)
        begin.wait(30)
    except threading.BrokenBarrierError:
        _together.abort()
    started = time.perf_counter()
    for thread in pool:
        thread.join()
    if errors:
        raise errors[0]
    return Load(sum(done), time.perf_counter() - started, latencies)
