"""The engine's event loop: a thread of its own, one a process, shared by all who ask.

Workers and doors have loops that come and go, or none; connections, tokens and flights must outlive
them.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from apps.nlu.facade.engine import Engine
from apps.nlu.facade.plan import Answer, Plan

THREADS = 64
"""For names that take long to resolve: a provider's stalled DNS must not hold up the others'. A name
is looked up once for all who wait for it, and threads are made when they are needed."""


@dataclass
class Runtime:
    """A loop, its thread, and the engine on it."""

    pid: int
    loop: asyncio.AbstractEventLoop
    thread: threading.Thread
    engine: Engine

    def ask(self, plan: Plan) -> "Future[Answer]":
        """Start answering; a future for whoever waits, in whatever thread."""
        return asyncio.run_coroutine_threadsafe(self.engine.answer(plan), self.loop)


_lock = threading.Lock()
_runtime: Runtime | None = None


def runtime(make: Callable[[], Engine]) -> Runtime:
    """This process's runtime; the first who asks starts it, and a forked child starts its own."""
    global _runtime  # noqa: PLW0603 - one a process
    with _lock:
        if _runtime is None or _runtime.pid != os.getpid():
            loop = asyncio.new_event_loop()
            loop.set_default_executor(ThreadPoolExecutor(THREADS, "nlu-names"))
            thread = threading.Thread(target=loop.run_forever, name="nlu", daemon=True)
            thread.start()
            made = asyncio.run_coroutine_threadsafe(_made(make), loop).result(5)
            _runtime = Runtime(os.getpid(), loop, thread, made)
            atexit.register(stop)  # providers hear of the end, not a time-out
        return _runtime


async def _made(make: Callable[[], Engine]) -> Engine:
    return make()


def stop() -> None:
    """End this process's runtime: at exit, and in tests between databases."""
    global _runtime
    with _lock:
        found, _runtime = _runtime, None
        if found is not None and found.pid == os.getpid():
            asyncio.run_coroutine_threadsafe(found.engine.close(), found.loop).result(5)
            found.loop.call_soon_threadsafe(found.loop.stop)
            found.thread.join(5)
            found.loop.close()
