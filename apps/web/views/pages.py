"""Pages: the board, the list of problems, and the way to Flower."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_required, user_passes_test
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_GET, require_POST

from apps.core.exceptions import DomainError
from apps.tenants.authentication import TENANT_SESSION_KEY, membership_of
from apps.tenants.forms import FAULTS
from apps.tenants.models import Membership, User
from apps.tenants.selectors import memberships_of
from apps.web.snapshots import snapshot

V = TypeVar("V", bound=Callable[..., HttpResponseBase])


def page(view: V) -> V:
    """A page of ours: its scripts and styles come from us alone, and nobody frames it."""

    @wraps(view)
    def secured(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        sockets = urlsplit(settings.SOCKETS_URL)
        response["Content-Security-Policy"] = (
            "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none';"
            " frame-ancestors 'none'; form-action 'self';"
            f" connect-src 'self' {sockets.scheme}://{sockets.netloc}"
        )
        response["Cache-Control"] = "no-store"
        return response

    return cast("V", secured)


@dataclass(frozen=True, slots=True)
class Visit:
    """A signed-in person and the tenant for which they look."""

    user: User
    membership: Membership

    def context(self, section: str, config: dict[str, Any]) -> dict[str, Any]:
        """What every page of a member is drawn from; `config` is for its script."""
        return {
            "section": section,
            "membership": self.membership,
            "memberships": memberships_of(self.user),
            "config": config,
        }


def member_page(view: Callable[[HttpRequest, Visit], HttpResponse]) -> Callable[..., HttpResponse]:
    """A page for members of a tenant: signing in comes first, and who has no tenant is told so."""

    @require_GET
    @login_required
    @page
    @wraps(view)
    def visited(request: HttpRequest) -> HttpResponse:
        user = request.user
        assert isinstance(user, User)  # login_required saw to it
        membership = membership_of(user, request.session.get(TENANT_SESSION_KEY))
        if membership is None:
            return render(request, "web/no_tenant.html", status=403)
        return view(request, Visit(user, membership))

    return visited


@member_page
def board(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The operations board, with a first snapshot in it: no empty second at the start."""
    config = {
        "board": reverse("board:board"),
        "ticket": reverse("board:ticket"),
        "parked": "/admin/events/parkedkey/" if visit.user.is_staff else None,
        "first": json.loads(snapshot(visit.membership.tenant)),
    }
    return render(request, "web/board.html", visit.context("board", config))


@require_POST
@login_required
def choose_tenant(request: HttpRequest) -> HttpResponse:
    """Act for another of one's tenants."""
    user = request.user
    assert isinstance(user, User)  # login_required saw to it
    wanted = request.POST.get("tenant", "")
    if wanted.isdecimal() and membership_of(user, int(wanted)) is not None:
        request.session[TENANT_SESSION_KEY] = int(wanted)
    return redirect("web:board")


@require_GET
@user_passes_test(lambda user: user.is_active and user.is_staff)
def flower(request: HttpRequest) -> HttpResponse:
    """On to Flower, which asks for its own password; for staff."""
    return redirect(settings.FLOWER_URL)


@require_GET
@page
def problems(request: HttpRequest) -> HttpResponse:
    """Every code that an API problem may carry; a problem's `type` points here."""
    kinds = {kind().code: kind for kind in _kinds(DomainError)}
    rows = [
        {
            "code": code,
            "status": kinds[code].status,
            "title": HTTPStatus(kinds[code].status).phrase,
            "detail": _with_code(" ".join((kinds[code].__doc__ or "").split())),
        }
        for code in sorted(kinds)
    ]
    shown = {"section": "api", "problems": rows + GENERAL, "faults": sorted(FAULTS.items())}
    return render(request, "web/problems.html", shown)


def _with_code(sentence: str) -> str:
    """The sentence as HTML, with its `names` set as code."""
    parts = sentence.split("`")
    return format_html_join(
        "",
        "{}",
        ((format_html("<code>{}</code>", part) if index % 2 else part,)
         for index, part in enumerate(parts)),
    )  # fmt: skip


def _kinds(kind: type[DomainError]) -> set[type[DomainError]]:
    return {found for sub in kind.__subclasses__() for found in {sub} | _kinds(sub)}


def _general(status: int, code: str, detail: str) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    return {"code": code, "status": status, "title": title, "detail": detail}


GENERAL = [
    _general(400, "parse_error", "The body is not valid JSON."),
    _general(401, "not_authenticated", "Sign in, or send an API key as a bearer token."),
    _general(401, "authentication_failed", "The key or the session is not valid (any more)."),
    _general(403, "permission_denied", "Your role may not do this."),
    _general(405, "method_not_allowed", "This address does not know the method."),
    _general(415, "unsupported_media_type", "Send application/json."),
    _general(429, "throttled", "Too many calls; Retry-After says when to come back."),
    _general(500, "internal_error", "Something went wrong on our side; it is logged."),
]
"""What Django REST framework itself says."""
