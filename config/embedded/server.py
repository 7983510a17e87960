"""What PostgreSQL and Valkey have in common: start, find again, stop.

# Note [A lock that lives as long as the server]
A server inherits the open, exclusively locked `<data>.lock` from whoever starts it, and keeps it,
with its children, until the last of them is gone. So "is it running" is one `flock`, right after
`kill -9` and after a reboot too: there are no stale pid files and no guesses about reused pids.
The file's content says which pid and port it has.
"""

import json
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from config import locks, ports
from config.watchdog import gated, open_gate

START_TIMEOUT = 60.0  # seconds; a crash recovery reads the whole write-ahead log
START_PAUSE_MAX = 2.0  # seconds; reached after five starts in vain
LOG_BYTES_MAX = 10_000_000

Announce = Callable[[str, int, signal.Signals], None]
"""Hears the name, pid and stop signal of a server before it runs."""


class ServicesError(Exception):
    """An embedded server could not be started or stopped."""


class Place(NamedTuple):
    """What a running server's lock file says."""

    pid: int
    port: int


_spawned: list[subprocess.Popen[bytes]] = []  # kept, so that a long-lived starter reaps them


class Server(ABC):
    """One embedded server, its data in `<var>/<name>`."""

    name: ClassVar[str]
    usual_port: ClassVar[int]
    # Each with the seconds it gets before the next one.
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]]

    def __init__(self, var: Path, password: str) -> None:
        self.var = var
        self.password = password
        self.log = var / "log" / f"{self.name}.log"

    @property
    def data(self) -> Path:
        """Where the data really is."""
        return (self.var / self.name).resolve()

    @property
    def lock(self) -> Path:
        """The lock file; beside the data, so that two ways to one directory meet here."""
        return self.data.with_name(f"{self.name}.lock")

    @abstractmethod
    def prepare(self) -> None:
        """Create what the server needs to start; idempotent, also after being interrupted."""

    @abstractmethod
    def configure(self, port: int) -> Sequence[str]:
        """Write the configuration and return the command; called with the lock held."""

    @abstractmethod
    def url(self, port: int) -> str:
        """Return the URL, password included."""

    @abstractmethod
    def check(self, port: int) -> str | None:
        """Return None if the server serves, else what it said."""

    def popen_options(self) -> dict[str, Any]:
        """Return further arguments for `Popen`."""
        return {}

    def is_alive(self) -> bool:
        """Say whether the server, or a child that it left behind, still runs."""
        _spawned[:] = [child for child in _spawned if child.poll() is None]
        return locks.is_held(self.lock)

    def place(self) -> Place | None:
        """Return where the server runs, or ran last."""
        try:
            return Place(**json.loads(self.lock.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def start(self, announce: Announce) -> Place:
        """Return the running server's place; start it if it does not run.

        Raises:
            ServicesError: it does not come up; the message ends with its log's last lines.
        """
        deadline = time.monotonic() + START_TIMEOUT
        pause, problem = 0.1, None
        while time.monotonic() < deadline and pause < START_PAUSE_MAX:
            if not self.is_alive():
                time.sleep(pause if problem else 0)
                pause *= 2
                self._spawn(announce)
            if (place := self.place()) is not None:
                problem = self.check(place.port)
                if problem is None:
                    return place
            time.sleep(0.02)
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        raise ServicesError(f"{self.name} does not start: {problem}\n{self.log}:\n{tail}")

    def _spawn(self, announce: Announce) -> None:
        self.prepare()
        before = self.place()
        port = before.port if before else self.usual_port
        if not ports.is_free(port):
            port = ports.any_free()
        try:
            lock = locks.take(self.lock)
        except BlockingIOError:
            return  # someone looks at the lock right now: the caller tries again
        try:
            child = self._popen(self.configure(port), lock)
            _spawned.append(child)
            locks.write(lock, json.dumps(Place(child.pid, port)._asdict()))
            announce(self.name, child.pid, self.stop_signals[0][0])
            open_gate(child)
        finally:
            os.close(lock)

    def _popen(self, command: Sequence[str], lock: int) -> subprocess.Popen[bytes]:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            return subprocess.Popen(
                gated(command),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.data,
                start_new_session=True,  # no Ctrl-C from the starter's terminal
                pass_fds=(lock,),  # Note [A lock that lives as long as the server]
                # Nothing of the caller's environment (PGPORT, LD_PRELOAD, secrets) gets in.
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                **self.popen_options(),
            )

    def stop(self) -> None:
        """Stop the server if it runs, ever less politely.

        Raises:
            ServicesError: it is still there after the last signal.
        """
        for number, patience in self.stop_signals:
            if not self.is_alive():
                return
            if (place := self.place()) is not None:
                try:
                    os.kill(place.pid, number)
                except ProcessLookupError:  # only children are left: they notice by themselves
                    place = None
            deadline = time.monotonic() + patience
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(0.02)
        if self.is_alive():
            raise ServicesError(f"{self.name} does not stop")
