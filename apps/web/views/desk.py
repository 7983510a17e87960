"""The agents' desk and the supervisors' floor. Their scripts ask the API and hold a socket."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apps.agents import selectors
from apps.tenants.models import Role
from apps.web.views.pages import Visit, member_page

SUPERVISORS = frozenset({Role.OWNER, Role.ADMIN, Role.SUPERVISOR})
WRITERS = SUPERVISORS | {Role.AGENT}


@member_page
def desk(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The desk."""
    return render(request, "web/desk.html", visit.context("desk", _config(visit)))


@member_page
def supervision(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The floor; for those who may give work to others."""
    if visit.membership.role not in SUPERVISORS:
        context = visit.context("supervision", {})
        return render(request, "web/not_yours.html", context, status=403)
    config = _config(visit) | {"desk": reverse("web:desk")}
    return render(request, "web/supervision.html", visit.context("supervision", config))


def _config(visit: Visit) -> dict[str, Any]:
    api = reverse("board:board").removesuffix("board")
    role = visit.membership.role
    agent = selectors.agent_of(visit.membership.tenant_id, f"user:{visit.user.pk}")
    me = f"{api}agents/{agent.pk}" if agent else None
    return {
        "person": f"{visit.membership.tenant.slug}:{visit.user.pk}",
        "client": f"user:{visit.user.pk}",
        "role": {"supervises": role in SUPERVISORS, "writes": role in WRITERS},
        "conversations": f"{api}conversations",
        "agents": f"{api}agents",
        "me": me,
        "offers": me and f"{me}/offers",
        "ticket": f"{api}agents/me/ticket",
        "queue": f"{api}queue",
        "canned": f"{api}canned-replies",
        "reports": f"{api}reports",
    }
