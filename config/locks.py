"""Lock files that end with their holder, however it ends: `flock`, never a pid that may be stale."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`; waits for whoever holds it."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def take(path: Path) -> int:
    """Open and lock the file at `path` and return its descriptor, to be closed or inherited.

    A child that inherits the descriptor holds the lock too, until it ends.

    Raises:
        BlockingIOError: some process holds the lock, or looks at it just now.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise
    return fd


def write(fd: int, text: str) -> None:
    """Replace the content of a lock file that this process holds."""
    os.truncate(fd, 0)
    os.pwrite(fd, text.encode(), 0)


def is_held(path: Path) -> bool:
    """Say whether some process holds the lock file at `path`."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
