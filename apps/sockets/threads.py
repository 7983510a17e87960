"""Threads for what may wait: a few, with database connections of their own.

Not Django's shared thread: behind it every socket would wait for every query.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, TypeVar

from django.db import close_old_connections

THREADS: Final = 4
"""Database connections that the sockets of a process use."""

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sockets")
V = TypeVar("V")


async def in_thread(call: Callable[[], V]) -> V:
    """Something that may wait (database, Redis), off the event loop, on a good connection."""
    return await asyncio.get_running_loop().run_in_executor(_threads, partial(_connected, call))


def _connected(call: Callable[[], V]) -> V:
    close_old_connections()
    try:
        return call()
    finally:
        close_old_connections()
