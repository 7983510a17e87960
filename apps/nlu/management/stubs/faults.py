"""How the stubs fail: everything that real providers, their proxies and their networks do.

A script is a JSON object, set at `POST /_script` for all providers or for one (`provider`):

    fault        none · 500 · 503 · html_502 · bad_json · truncated · empty · reset · reset_body ·
                 hang · drip · 429 · 401 · 404 · redirect · huge · wrong; and, after the turn has been
                 made and the dialog has moved: lost (reset) · late (hang)
    share        the part of the calls that it befalls, 0 to 1 (default 1)
    count        how many calls it befalls at most; then all is well again
    latency      seconds, a list [p50, p95] or [[share, seconds], …] of a bimodal provider
    token        the same faults, for the token service
    per_minute   calls in a calendar minute before 429

What befalls a connection before there is a call is scripted at doors of their own (doors.py).
"""

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

STATUSES: Final = {"500": 500, "503": 503, "429": 429, "401": 401, "404": 404}
PAGES: Final[dict[str, dict[str, Any]]] = {
    "html_502": {"status": 502, "text": "<html>Bad Gateway</html>", "content_type": "text/html"},
    "bad_json": {"text": '{"output": {"generic": [', "content_type": "application/json"},
    "empty": {"text": "{}", "content_type": "application/json"},
    "redirect": {"status": 302, "headers": {"Location": "/sign-in"}},
    "huge": {"body": b'{"x": "' + b"a" * 2_000_000 + b'"}'},
}
AFTERWARDS: Final = {"lost": "reset", "late": "hang"}
"""Faults that befall the answer to a call that was carried out."""
KEPT: Final = 5_000
"""Calls, sessions and turns that are remembered: a stand-in may run for days."""
DRIP_SECONDS: Final = 0.2
HANG_SECONDS: Final = 60.0


@dataclass(slots=True)
class Script:
    """What happens to the calls of one provider."""

    fault: str = "none"
    share: float = 1.0
    count: int | None = None
    latency: Any = 0.0
    token: str = "none"  # noqa: S105 - a fault's name
    per_minute: int = 0
    token_life: int = 3600
    webhook_fails: bool = False

    def takes(self, dice: random.Random) -> str:
        """The fault of this call."""
        if self.fault == "none" or self.count == 0 or dice.random() >= self.share:
            return "none"
        if self.count is not None:
            self.count -= 1
        return self.fault

    def pause(self, dice: random.Random) -> float:
        """How long this call takes, in seconds."""
        if isinstance(self.latency, int | float):
            return float(self.latency)
        if self.latency and isinstance(self.latency[0], list):
            at = dice.random()
            for share, seconds in self.latency:
                if at < share:
                    return float(seconds)
                at -= share
            return float(self.latency[-1][1])
        middle, high = (float(one) for one in self.latency)
        # Log-normal through both points: the 95th percentile lies 1.645 deviations up.
        spread = max(high / max(middle, 1e-6), 1.0)
        return float(middle * spread ** (dice.gauss(0, 1) / 1.645))


@dataclass(slots=True)
class Calls:
    """What came in, for tests to ask about; bodies are kept as they were sent, of the newest calls."""

    seen: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT))
    total: int = 0
    open_now: int = 0
    most_open: int = 0

    def note(self, **what: Any) -> dict[str, Any]:
        """Write a call down; its outcome is added when it ends."""
        self.seen.append(what)
        self.total += 1
        return what


async def befall(request: web.Request, fault: str) -> web.StreamResponse | None:
    """Do to a call what its fault says; nothing where it is to be answered."""
    if fault in STATUSES:
        return web.json_response(
            {"error": {"code": STATUSES[fault], "message": fault, "status": "UNAVAILABLE"}},
            status=STATUSES[fault],
        )
    if fault in PAGES:
        return web.Response(**PAGES[fault])
    if fault == "hang":
        await asyncio.sleep(HANG_SECONDS)
    if fault in ("reset", "reset_body", "truncated", "drip"):
        return await _broken(request, fault)
    return None


async def _broken(request: web.Request, fault: str) -> web.StreamResponse:
    """A connection that ends, or never does."""
    transport = request.transport
    if fault == "reset":
        if transport is not None:
            transport.abort()
        return web.Response()
    answer = web.StreamResponse(headers={"Content-Length": "400"})
    answer.content_type = "application/json"
    await answer.prepare(request)
    await answer.write(b'{"output": ')
    if fault == "drip":
        for _ in range(int(HANG_SECONDS / DRIP_SECONDS)):
            await asyncio.sleep(DRIP_SECONDS)
            await answer.write(b" ")
    if transport is not None and fault == "reset_body":
        transport.abort()
    elif transport is not None:
        transport.close()
    return answer
