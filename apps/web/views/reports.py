"""Reports: tables with their charts, and the files that are made of them."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apps.tenants.permissions import BooksRead
from apps.web.views.pages import Visit, member_page

AUDIENCE: Final = "those who keep the books, trade on them or check them"


@member_page
def reports(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The page; its script asks the API, as any other client would."""
    role = visit.membership.role
    if role not in BooksRead.readers:
        context = visit.context("reports", {}) | {"audience": AUDIENCE}
        return render(request, "web/not_yours.html", context, status=403)
    config = {
        "reports": reverse("reports:report-list"),
        "schedules": reverse("reports:schedule-list"),
        "files": reverse("reports:file-list"),
        "statement": reverse("ledger:statement"),
        "accounts": reverse("trading:account-list"),
        "writes": role in BooksRead.writers,
    }
    return render(request, "web/reports.html", visit.context("reports", config))
