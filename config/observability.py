"""Logs: structured, with request, tenant and trace ids; never a body, a key or a name of a person."""

import logging
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

from apps.core.ids import uuid7

SLOW_SECONDS = 1.0
log = structlog.get_logger(__name__)


def log_settings(level: str, *, json: bool) -> dict[str, Any]:
    """Django's LOGGING: one line an event, for people or (`LOG_JSON`) for machines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = _renderer(json=json)
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info if json else _as_it_is,
            renderer,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},
            "httpx": {"level": "WARNING"},  # it tells of every call
            # anybody can send a wrong Host, as often as they like
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "celery.app.trace": {
                "level": "WARNING"
            },  # a line a task says nothing that lag does not
            "celery.worker.strategy": {"level": "WARNING"},
        },
    }


def _renderer(*, json: bool) -> Any:
    if json:
        return structlog.processors.JSONRenderer()
    # The pretty traceback would show local variables: trades, keys, names of people.
    return structlog.dev.ConsoleRenderer(
        colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )


def _as_it_is(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    return event


class RequestLogMiddleware:
    """Binds a request id to every line and answers with it; logs what failed or was slow."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep the next in line."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """One request."""
        trace = request.headers.get("X-Request-Id", "")[:64] or uuid7().hex
        with structlog.contextvars.bound_contextvars(trace_id=trace):
            started = time.perf_counter()
            response = self.get_response(request)
            seconds = time.perf_counter() - started
            if response.status_code >= 500 or seconds > SLOW_SECONDS:  # noqa: PLR2004 - server errors
                log.log(
                    logging.ERROR if response.status_code >= 500 else logging.WARNING,  # noqa: PLR2004 - same
                    "request",
                    method=request.method,
                    path=request.path,
                    status=response.status_code,
                    seconds=round(seconds, 3),
                )
        response["X-Request-Id"] = trace
        return response
