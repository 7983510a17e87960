"""Settlements: what is due, what fails and for how long, and what a person has to decide."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apps.tenants.permissions import OperationsWrites
from apps.web.views.pages import Visit, member_page


@member_page
def settlements(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The page; its script asks the API, as any other client would."""
    config = {
        "board": reverse("settlement:board"),
        "list": reverse("settlement:settlement-list"),
        "ticket": reverse("board:ticket"),
        "admin": "/admin/settlement/settlement/" if visit.user.is_staff else None,
        "decides": visit.membership.role in OperationsWrites.writers,
    }
    return render(request, "web/settlements.html", visit.context("settlements", config))
