"""The API's schema as a file."""

import hashlib
import threading
from functools import cache
from typing import Any, Final

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

_making: Final = threading.Lock()


class SchemaView(SpectacularAPIView):
    """The schema, which is of the code alone: it is made once a process.

    Making it takes seconds of a processor, and anybody may ask: whoever asks often enough would keep the
    doors' threads from everybody else, and from ending when they are told to.
    """

    @extend_schema(exclude=True)  # a schema does not describe itself
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """In the format that is asked for; 304 to whoever has it."""
        renderer: Any = request.accepted_renderer
        with _making:
            body, etag = _written(renderer.format)
        headers = {
            "Content-Disposition": f'inline; filename="Lockstep.{renderer.format}"',
            "ETag": etag,
            "Cache-Control": "no-cache",
        }
        found = HttpResponse(body, content_type=renderer.media_type, headers=headers)
        return get_conditional_response(request, etag=etag, response=found) or found


@cache
def _written(kind: str) -> tuple[bytes, str]:
    """The schema in a format, and its entity tag."""
    renderer: Any = (
        OpenApiYamlRenderer if kind == OpenApiYamlRenderer.format else OpenApiJsonRenderer
    )
    body: bytes = renderer().render(_schema(), renderer_context={})
    return body, f'"{hashlib.sha256(body).hexdigest()}"'


@cache
def _schema() -> Any:
    generator: Any = SchemaGenerator  # which has no types
    return generator().get_schema(request=None, public=True)
