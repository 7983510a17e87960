"""The sockets' addresses, and the little HTTP that a socket server answers."""

from collections.abc import Awaitable, Callable
from typing import Any

from channels.routing import URLRouter
from django.urls import path, re_path

from apps.conversations.consumers import ChatConsumer, DeskConsumer
from apps.core.problems import CONTENT_TYPE, dumps, problem
from apps.web.consumers import BoardConsumer

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_HEALTHY = (200, "application/json", b'{"status":"ok"}')
_ELSEWHERE = (
    404,
    CONTENT_TYPE,
    dumps(problem(404, "not_found", "Sockets live here; pages and the API are served elsewhere.")),
)


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    """Liveness at /healthz; anything else is answered by the other process group."""
    status, kind, body = _HEALTHY if scope["path"] == "/healthz" else _ELSEWHERE
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    sent = b"" if scope["method"] == "HEAD" else body
    await send({"type": "http.response.body", "body": sent})


async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    """A socket to an address that does not exist: refused at the handshake."""
    await send({"type": "websocket.close"})


sockets = URLRouter(
    [
        path("ws/board/", BoardConsumer.as_asgi()),
        path("ws/chat/", ChatConsumer.as_asgi()),
        path("ws/desk/", DeskConsumer.as_asgi()),
        re_path(r"", nowhere),  # type: ignore[arg-type] # Channels routes to ASGI apps
    ]
)
