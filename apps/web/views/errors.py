"""What is answered when nothing else is: a problem under /api/, a page elsewhere."""

import sys

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from apps.core.problems import CONTENT_TYPE, dumps, problem

RETRY_SECONDS = 5
WORDS = {
    400: ("bad_request", "That request makes no sense to us", "The request could not be read."),
    403: (
        "permission_denied",
        "You may not do that",
        "Your session may have ended; sign in again.",
    ),
    404: ("not_found", "There is nothing here", "The address may be old, or mistyped."),
    500: (
        "internal_error",
        "Something went wrong on our side",
        "It is logged. Nothing of what you sent was half done.",
    ),
    503: (
        "unavailable",
        "The database is not answering",
        "Nothing is lost. This page tries again by itself in a few seconds.",
    ),
}


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400."""
    return _answer(request, 400)


def forbidden(
    request: HttpRequest, exception: Exception | None = None, reason: str = ""
) -> HttpResponse:
    """403; for a missing CSRF token, too."""
    return _answer(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    return _answer(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 where it was the database; so nothing is asked of the database here."""
    unavailable = isinstance(sys.exception(), OperationalError | InterfaceError)
    response = _answer(request, 503 if unavailable else 500)
    if unavailable:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _answer(request: HttpRequest, status: int) -> HttpResponse:
    code, title, detail = WORDS[status]
    if request.path.startswith("/api/"):
        body: bytes | str = dumps(problem(status, code, detail))
        return HttpResponse(body, status=status, content_type=CONTENT_TYPE)
    page = render_to_string(
        "web/error.html",
        {
            "status": status,
            "title": title,
            "detail": detail,
            "retry_seconds": RETRY_SECONDS if status == 503 else None,  # noqa: PLR2004 - as above
            "trace_id": structlog.contextvars.get_contextvars().get("trace_id", ""),
        },
    )
    return HttpResponse(page, status=status)
