"""The supervisor: starts children together, waits, stops them rank by rank."""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from types import TracebackType
from typing import Self

from config.supervisor.child import Child, ProcessSpec
from config.supervisor.console import Console
from config.supervisor.copies import Nursery
from config.supervisor.guard import Watchdog

WAITING_SAID_EVERY = 15.0  # seconds
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Someone asked this process to stop."""


class ProcessFailed(Exception):
    """A process that had to succeed did not."""


class StopRequest:
    """Turns signals into a wish to stop: the first one orderly, the second one at once."""

    def __init__(self) -> None:
        """Nobody wishes anything yet."""
        self._asked = threading.Event()
        self.at_once = threading.Event()
        self._before: dict[int, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._hear)
        if self._before[signal.SIGHUP] is signal.SIG_IGN:  # nohup: outlive the terminal
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self, seconds: float) -> None:
        """Wait that long.

        Raises:
            Stopped: as soon as someone asked for it.
        """
        if self._asked.wait(seconds):
            raise Stopped

    def _hear(self, number: int, *_: object) -> None:
        if self.at_once.is_set():  # the third one does not even wait: the watchdog cleans up
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if self._asked.is_set():
            self.at_once.set()
        self._asked.set()


class Supervisor:
    """Runs processes; leaving its context stops them all."""

    def __init__(
        self,
        console: Console,
        watchdog: Watchdog,
        stop: StopRequest,
        environment: Mapping[str, str],
        each_second: Callable[[], None] = lambda: None,
        nursery: Nursery | None = None,
    ) -> None:
        """Run processes with this environment; call `each_second` while they run."""
        self._console = console
        self._watchdog = watchdog
        self._stop = stop
        self._environment = environment
        self._each_second = each_second
        self._nursery = nursery
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_children()

    def run_once(self, spec: ProcessSpec) -> None:
        """Run a process to its end.

        Raises:
            ProcessFailed: it did not exit with 0.
            Stopped: someone asked for it meanwhile.
        """
        child = self._add(spec, once=True)
        while not child.is_over():
            self._stop.wait(0.02)
        self._children.remove(child)
        if child.exit_code != 0:
            raise ProcessFailed(f"{spec.name} failed with {child.exit_code}")

    def start(self, specs: Iterable[ProcessSpec], *, once: bool = False) -> None:
        """Start processes, all at once, and keep them running; or let each end, with `once`."""
        for spec in specs:
            self._add(spec, once=once)

    def wait_ready(self) -> None:
        """Wait until every process does its work.

        Raises:
            Stopped: someone asked for it meanwhile.
        """
        waiting = list(self._children)
        said = time.monotonic()
        while waiting := [child for child in waiting if not child.is_ready()]:
            if time.monotonic() - said > WAITING_SAID_EVERY:
                said = time.monotonic()
                names = ", ".join(child.spec.name for child in waiting)
                self._console.line("up", f"still waiting for {names}")
            self._stop.wait(0.1)

    def wait(self) -> None:
        """Wait until someone asks to stop; processes that end are started again meanwhile.

        Raises:
            Stopped: someone asked for it.
        """
        while True:
            self._stop.wait(1)
            self._watchdog.keep()
            self._each_second()

    def _add(self, spec: ProcessSpec, *, once: bool) -> Child:
        nursery = None if once else self._nursery  # which may still be busy with its imports
        child = Child(spec, self._environment, self._console, self._watchdog, nursery, once=once)
        self._children.append(child)
        child.start()
        return child

    def _stop_children(self) -> None:
        if self._children:
            self._console.line("up", "stopping; a second Ctrl-C does not wait")
        ranked = sorted(self._children, key=lambda child: child.spec.stop_rank)
        for _, rank in groupby(ranked, key=lambda child: child.spec.stop_rank):
            self._end(list(rank))

    def _end(self, children: list[Child]) -> None:
        """End children together: SIGTERM, their grace, SIGKILL."""
        started = time.monotonic()
        for child in children:
            child.terminate()
        while children := [child for child in children if not child.is_over()]:
            for child in children:
                late = time.monotonic() - started > child.spec.grace
                if late or self._stop.at_once.is_set():
                    child.kill()
            time.sleep(0.02)
