"""Identifiers: UUIDv7 (RFC 9562, 5.7), so that ids sort by the time they were made; and names."""

import os
import re
import threading
import time
from typing import Final
from uuid import UUID

NAME: Final = re.compile(r"[A-Za-z0-9^](?: ?[A-Za-z0-9._:&=^+/-]){0,99}")
"""What may name a thing of ours in a query: an id, or the natural name of any of them."""

_lock = threading.Lock()
_last = 0  # the newest timestamp+counter given in this process (60 bits: 48 of milliseconds, 12 of counter)


def uuid7() -> UUID:
    """A new id; within one process each id is greater than the one before (RFC 9562, 6.2 method 1)."""
    global _last  # noqa: PLW0603 - the counter is the process's, behind the lock
    with _lock:
        now = (time.time_ns() // 1_000_000) << 12
        _last = now if now > _last else _last + 1
        stamp = _last
    tail = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=(stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0x2 << 62 | tail)
