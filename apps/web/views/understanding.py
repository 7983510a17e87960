"""Understanding: how the providers of language understanding do, and what became of recent turns."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apps.web.views.pages import Visit, member_page


@member_page
def understanding(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The page; its script asks the API, as any other client would."""
    config = {"figures": reverse("nlu:figures")}
    return render(request, "web/understanding.html", visit.context("understanding", config))
