"""The providers' circuit breakers, on the engine's loop: the platform's own, asked in a thread.

While a breaker is closed and all goes well it is looked at a few times a second, not at every call:
what it protects from takes longer to happen.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Final

from apps.nlu.backends.wire import Provider
from apps.nlu.selectors.breakers import breaker_of, name_of
from apps.resilience.breaker import Admission

THREADS: Final = 4
FRESH_SECONDS: Final = 0.2
"""How long a breaker is believed to stand as it stood."""

_threads = ThreadPoolExecutor(THREADS, "nlu-breakers")


class ProviderGuard:
    """The breaker of a tenant's provider: one tenant's broken set-up closes no other's door."""

    def __init__(self, name: str) -> None:
        """All processes of this provider share one."""
        self._name = name
        self._closed_until = float("-inf")
        self._shut_until = float("-inf")
        self._told_until = float("-inf")
        self._asking: asyncio.Task[Admission] | None = None

    async def admit(self) -> bool:
        """Whether a call may go out now. Those who ask at the same time ask together: of them the
        first one's call is the probe, where there is to be one."""
        now = time.monotonic()
        if now < self._closed_until:
            return True
        if now < self._shut_until:
            return False
        if self._asking is not None:
            found = await asyncio.shield(self._asking)
            return found.allowed and not found.is_probe
        self._asking = asyncio.create_task(self._ask())
        # Shielded: whoever is cancelled must not take the answer from the others.
        return (await asyncio.shield(self._asking)).allowed

    async def _ask(self) -> Admission:
        try:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(_threads, breaker_of(self._name).admit)
        finally:
            self._asking = None
        until = time.monotonic() + FRESH_SECONDS
        if found.allowed and not found.is_probe:
            self._closed_until = until
        elif not found.allowed:
            self._shut_until = until
        return found

    async def report(self, *, ok: bool) -> None:
        """Say what became of it."""
        now = time.monotonic()
        if ok and now < self._told_until and now < self._closed_until:
            return
        # After a failure the next success has to be told, or failures in a row would never end.
        self._told_until = now + FRESH_SECONDS if ok else float("-inf")
        if not ok:
            self._closed_until = float("-inf")
        told = breaker_of(self._name)
        await asyncio.get_running_loop().run_in_executor(_threads, lambda: told.report(ok=ok))
        self._shut_until = float("-inf")  # it may stand otherwise now: a probe has come back


@lru_cache(maxsize=4_096)
def _guard(name: str) -> ProviderGuard:
    return ProviderGuard(name)


def guard_of(provider: Provider) -> ProviderGuard:
    """The breaker of a provider, in this process."""
    return _guard(name_of(provider.tenant, provider.name))


def forget() -> None:
    """Look again; tests do, between databases."""
    _guard.cache_clear()
