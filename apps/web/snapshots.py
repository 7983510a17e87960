"""The board as text: encoded once for everyone who asks within the same moment."""

import threading
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from apps.core.problems import dumps
from apps.tenants.models import Tenant
from apps.web import selectors

FRESH_SECONDS: Final = 0.5
"""How old a snapshot may be that is handed out again: half a period of the socket's."""


@dataclass(slots=True)
class _Slot:
    text: bytes = b""
    made_at: float = float("-inf")
    lock: threading.Lock = field(default_factory=threading.Lock)


@lru_cache(maxsize=selectors.TENANTS_KEPT)
def _slot(_tenant: int) -> _Slot:
    return _Slot()


def snapshot(tenant: Tenant) -> bytes:
    """The tenant's board as JSON, at most `FRESH_SECONDS` old; who asks at once waits for one."""
    slot = _slot(tenant.pk)
    with slot.lock:
        if time.monotonic() - slot.made_at > FRESH_SECONDS:
            slot.text = dumps(selectors.board(tenant))
            slot.made_at = time.monotonic()
        return slot.text


def forget() -> None:
    """Forget every snapshot, and what the selectors remember; between tests."""
    _slot.cache_clear()
    selectors.forget()
