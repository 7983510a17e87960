"""One request of a process at a time, in the order in which they came; who waits steps aside.

Python runs one thread at a time whatever there is to do: requests side by side in a process only get
in one another's way, and all of them become slower. So they take turns. A request that waits for
news has nothing to do: it gives its turn to the next one, on one of the process's spare threads.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """The turns of one process."""

    def __init__(self, waiters: int) -> None:
        """`waiters`: how many may stand aside at once; each of them keeps a thread."""
        self.waiters = waiters
        self._lock = threading.Lock()
        self._line: deque[threading.Lock] = deque()
        self._taken = False
        self._aside = 0
        self._mine = threading.local()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Alone with whatever is done here."""
        self._take()
        self._mine.held = True
        try:
            yield
        finally:
            self._mine.held = False
            self._give()

    @contextmanager
    def aside(self) -> Iterator[bool]:
        """Others go on meanwhile. False: too many stand aside already, so do not wait."""
        if not getattr(self._mine, "held", False):
            yield True  # nobody waits for this thread
            return
        with self._lock:
            may_wait = self._aside < self.waiters
            self._aside += may_wait
        if not may_wait:
            yield False
            return
        self._give()
        try:
            yield True
        finally:
            with self._lock:
                self._aside -= 1
            self._take()

    def _take(self) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            place = threading.Lock()
            place.acquire()
            self._line.append(place)
        place.acquire()  # until whoever has the turn hands it on

    def _give(self) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().release()
            else:
                self._taken = False


_here = Turns(waiters=0)
turn = _here.turn
aside = _here.aside


def spare(threads: int) -> None:
    """Say how many threads the process has beyond the one that works."""
    _here.waiters = threads
