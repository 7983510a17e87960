"""One table from a refusal to what the outside sees: RFC 9457 problems, and strict JSON in.

A problem is `{type, title, status, detail, code, …facts}`; where a request has several faults,
`errors` lists them all as `{field, code, detail}`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import IO, Any

import msgspec
import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions as drf
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from apps.core.exceptions import DomainError, Fault, fault

log = structlog.get_logger(__name__)
CONTENT_TYPE = "application/problem+json"
RETRY_AFTER = 1  # seconds; what a 503 suggests
NUL = "NUL (0x00)"  # how the driver names the one character that PostgreSQL's text cannot hold


class Malformed(DomainError):
    """The request is not valid; `errors` lists every fault."""

    status = 400


class TooLarge(DomainError):
    """The body is larger than this API reads."""

    status = 413


def problem(status: int, code: str, detail: str, /, **facts: object) -> dict[str, object]:
    """One problem as a plain object, ready for JSON; a fact never takes a member's name."""
    members: dict[str, object] = {
        "type": f"/api/docs/problems#{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return members | {name: fact for name, fact in facts.items() if name not in members}


def problem_of(error: DomainError) -> dict[str, object]:
    """The problem that a refusal of ours becomes."""
    return problem(error.status, error.code, str(error), **error.facts)


def problem_response(
    body: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    """A DRF response that carries a problem."""
    return Response(
        body,
        status=int(str(body["status"])),
        headers=dict(headers or {}),
        content_type=CONTENT_TYPE,
    )


def handle_exception(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: whatever was raised becomes a problem, never a stack trace."""
    if isinstance(error, drf.APIException) and not isinstance(error, drf.ValidationError):
        return _from_drf(error)
    match error:
        case DomainError():
            body = problem_of(error)
        case drf.ValidationError():
            body = problem_of(Malformed(errors=list(faults_in(error.detail))))
        case Http404():
            body = problem(404, "not_found", "There is no such thing here.")
        case PermissionDenied():
            body = problem(403, "forbidden", "You may not do this.")
        case SuspiciousOperation():  # Django's word for a form of too many bytes, fields or files
            body = problem_of(TooLarge(bytes_max=settings.DATA_UPLOAD_MAX_MEMORY_SIZE))
        case UnreadablePostError():
            body = problem_of(Malformed("The body ended before its length."))
        case DataError() if NUL in str(error):  # from a path or a query; a JSON body is checked
            body = problem_of(Malformed("A text holds a NUL character."))
        case OperationalError() | InterfaceError():
            log.warning("database unavailable", error=str(error).splitlines()[0])
            body = problem(503, "unavailable", "The database is not answering; try again shortly.")
        case _:
            log.error("unexpected error", view=type(context.get("view")).__name__, exc_info=error)
            body = problem(500, "internal_error", "Something went wrong on our side.")
    retry = (
        {"Retry-After": str(RETRY_AFTER)}
        if body["status"] == HTTPStatus.SERVICE_UNAVAILABLE
        else {}
    )
    return problem_response(body, retry)


def _from_drf(error: drf.APIException) -> Response:
    headers = {}
    if isinstance(error, drf.NotAuthenticated | drf.AuthenticationFailed):
        headers["WWW-Authenticate"] = "Bearer"
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(wait)  # whole seconds, rounded up by DRF
    code = getattr(error.detail, "code", None) or error.default_code
    return problem_response(problem(error.status_code, str(code), str(error.detail)), headers)


def faults_in(detail: Any, path: str = "") -> Iterator[Fault]:
    """Flatten DRF's nested validation detail into a list of faults, each with its path."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            here = "" if name == "non_field_errors" else str(name)
            yield from faults_in(inner, ".".join(part for part in (path, here) if part))
    elif isinstance(detail, list | tuple):
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list | tuple)
            yield from faults_in(inner, f"{path}.{index}" if nested else path)
    else:
        yield fault(path, str(getattr(detail, "code", "invalid")), str(detail))


# DRF's and Django's own kinds of text are no `str` to msgspec.
_encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="string")


def dumps(value: object) -> bytes:
    """JSON bytes: UUIDs and times in their standard text, Decimals in theirs (amounts: `plain` first)."""
    return _encoder.encode(value)


class JsonRenderer(BaseRenderer):
    """Compact JSON through msgspec: several times faster than DRF's own on long lists."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """The body; nothing for a response without data."""
        return b"" if data is None else dumps(data)


class Negotiation(DefaultContentNegotiation):
    """DRF's, whose word for a format that nobody here writes is "not found"."""

    def filter_renderers(
        self,
        renderers: Iterable[BaseRenderer],
        format: str,  # noqa: A002 - DRF's name
    ) -> list[BaseRenderer]:
        """The renderers of a format. Raises `Malformed` where there are none."""
        known = list(renderers)
        found = [one for one in known if one.format == format]
        if not found:
            detail = f"One of: {', '.join(str(one.format) for one in known)}."
            raise Malformed(errors=[fault("format", "invalid_choice", detail)])
        return found


class StrictJsonParser(BaseParser):
    """JSON in, without what JSON allows and money does not.

    A number with a fraction, and NaN, arrives as `FloatRefused`, so that a serializer can name the
    field; duplicate keys in one object are refused, because two readers would disagree on their
    meaning; half a surrogate pair, because no UTF-8 can answer with it.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The decoded body. Raises `ParseError` where it is not JSON, `TooLarge`."""
        # DRF reads the stream past Django's own check of this limit.
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise TooLarge(bytes_max=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        try:
            return _decode(body.decode())
        except (ValueError, RecursionError) as error:
            raise drf.ParseError(f"The body is not valid JSON: {error}") from error


class FloatRefused(str):
    """A JSON number with a fraction: amounts travel as strings, so that no digit is lost."""

    __slots__ = ()


def _decode(text: str) -> Any:
    found = json.loads(
        text,
        parse_float=FloatRefused,
        parse_constant=FloatRefused,
        object_pairs_hook=_unique_keys,
    )
    if "\\ud" in text or "\\uD" in text:  # perhaps half a pair: then this raises
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names the same key twice")
    return found
