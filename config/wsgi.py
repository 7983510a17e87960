"""The HTTP door: REST, pages, back office."""

import io
import os
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from apps.core import turns

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django = get_wsgi_application()
turns.spare(settings.WEB_THREADS - 1)

Environ = dict[str, Any]


def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer one request; a process answers one at a time (`apps/core/turns.py`).

    A body of unknown length (`Transfer-Encoding: chunked`) is measured first: Django reads as many
    bytes as CONTENT_LENGTH says, so without one it would take the body for an empty one.
    """
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        # One byte more than is allowed is enough to be refused for it.
        body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    with turns.turn():
        return django(environ, start_response)
