"""One supervisor a place: the second one is told about the first."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config import locks

PATIENCE = 30.0  # seconds; what an orderly stop, or a watchdog, takes at most


class AlreadyRunning(Exception):
    """Another supervisor runs here."""


@contextmanager
def claim(file: Path) -> Iterator[int]:
    """Hold `file`, which then tells who does; yields its descriptor, for the watchdog to share.

    A supervisor that was killed holds it, through its watchdog, until the last of its processes is
    gone; that is waited for.

    Raises:
        AlreadyRunning: a supervisor that is alive holds it.
    """
    lock = _take(file)
    try:
        locks.write(lock, json.dumps({"pid": os.getpid()}))
        yield lock
    finally:
        os.close(lock)


def stop_running(file: Path) -> None:
    """Stop the supervisor that holds `file`, if there is one, and wait for its end.

    Raises:
        AlreadyRunning: it does not end.
    """
    if not locks.is_held(file):
        return
    if pid := _holder(file).get("pid"):
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pid = None  # killed; its watchdog is still at work
    deadline = time.monotonic() + PATIENCE
    while locks.is_held(file):
        if time.monotonic() > deadline:
            raise AlreadyRunning(f"process {pid} does not end")
        time.sleep(0.05)


def _take(file: Path) -> int:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return locks.take(file)
        except BlockingIOError:
            holder = _holder(file)
            if _is_alive(holder.get("pid")) or time.monotonic() > deadline:
                told = ", ".join(f"{name} {value}" for name, value in holder.items())
                raise AlreadyRunning(f"already running on {file.parent}: {told}") from None
        time.sleep(0.05)


def _holder(file: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(file.read_text())
    except ValueError:  # it has just taken the lock and not yet written
        return {}
    return told


def _is_alive(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
