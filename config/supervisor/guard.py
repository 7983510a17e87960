"""The supervisor's end of the watchdog's pipe."""

import subprocess
import sys
import threading
from types import TracebackType
from typing import Self

from config import watchdog
from config.watchdog import Group


class Watchdog:
    """Knows every process group to end if this process dies; thread-safe."""

    def __init__(self, lock: int) -> None:
        """Start the watchdog; it holds the lock with this descriptor until it is done."""
        self._lock_file = lock
        self._groups: dict[str, Group] = {}
        self._mutex = threading.Lock()
        self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the watchdog end what is still there, and wait for it."""
        self._process.communicate()

    def add(self, name: str, group: Group) -> None:
        """Have a group ended if this process dies; takes the place of one of the same name."""
        with self._mutex:
            self._groups[name] = group
            self._tell(_line(name, group))

    def remove(self, name: str) -> None:
        """Forget a group that has ended."""
        with self._mutex:
            self._groups.pop(name, None)
            self._tell(f"- {name}\n")

    def keep(self) -> None:
        """Start the watchdog again if someone killed it."""
        with self._mutex:
            if self._process.poll() is not None:
                self._restart()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            self._restart()

    def _restart(self) -> None:
        self._process = self._start()
        for name, group in self._groups.items():
            self._tell(_line(name, group))

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            # -I -S: neither site packages nor the environment make it big or break it.
            [sys.executable, "-I", "-S", watchdog.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(self._lock_file,),
        )


def _line(name: str, group: Group) -> str:
    return f"+ {name} {group.rank} {group.pgid} {group.signal:d}\n"
