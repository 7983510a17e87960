"""The blotter: trades as they arrive, an account's positions and what they are worth."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apps.web.views.pages import Visit, member_page


@member_page
def blotter(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The page; its script asks the API, as any other client would."""
    config = {
        "trades": reverse("trading:trade-list"),
        "accounts": reverse("trading:account-list"),
        "settlements": reverse("settlement:settlement-list"),
        "balances": reverse("ledger:balances"),
        "statement": reverse("ledger:statement"),
    }
    return render(request, "web/blotter.html", visit.context("blotter", config))
