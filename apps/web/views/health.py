"""Health for supervisors and load balancers, metrics for Prometheus."""

import time
from dataclasses import asdict
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework import exceptions as drf
from rest_framework.request import Request

from apps.core.problems import CONTENT_TYPE, dumps, problem
from apps.tenants.authentication import ApiKeyAuthentication
from apps.tenants.models import Role
from apps.web.addresses import is_local
from apps.web.flow import Kept
from apps.web.health import readiness
from apps.web.metrics import exposition

METRICS_ROLES: Final = frozenset({Role.OWNER, Role.ADMIN, Role.OPERATIONS})

# Anyone may ask, so however often they do, the database is asked once a second at most.
_readiness = Kept(readiness, time.monotonic, share=1.0, at_least=1.0)


def forget() -> None:
    """Ask anew at the next call; between tests."""
    global _readiness  # noqa: PLW0603 - the process's own
    _readiness = Kept(readiness, time.monotonic, share=1.0, at_least=1.0)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Liveness: this process answers. Nothing else is looked at, so that an outage restarts nobody."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Readiness, with reasons: 200 `ready` or `degraded`, 503 `unready`."""
    found = _readiness.value()
    return JsonResponse(asdict(found), status=200 if found.ready else 503)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """For programs on this machine, and for keys of owners, admins and operations."""
    refused = None if is_local(request) else _refusal(request)
    return refused or HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    try:
        found = ApiKeyAuthentication().authenticate(Request(request))
    except drf.AuthenticationFailed as error:
        return _problem(401, "authentication_failed", str(error.detail))
    if found is None:
        return _problem(401, "not_authenticated", "Send an API key as a bearer token.")
    if found[1].role not in METRICS_ROLES:
        return _problem(403, "permission_denied", "Your role may not read metrics.")
    return None


def _problem(status: int, code: str, detail: str) -> HttpResponse:
    response = HttpResponse(
        dumps(problem(status, code, detail)), status=status, content_type=CONTENT_TYPE
    )
    if status == 401:  # noqa: PLR2004 - RFC 9110 asks for the header with it
        response["WWW-Authenticate"] = "Bearer"
    return response
