"""The pages' addresses."""

from django.urls import path
from django.views.generic import RedirectView

from apps.web.views import (
    blotter,
    desk,
    health,
    pages,
    reports,
    settlements,
    sign_in,
    understanding,
    widget,
)

app_name = "web"
urlpatterns = [
    path("", pages.board, name="board"),
    path("desk/", desk.desk, name="desk"),
    path("desk/supervision/", desk.supervision, name="supervision"),
    path("widget/", widget.demo, name="widget"),
    path("blotter/", blotter.blotter, name="blotter"),
    path("settlements/", settlements.settlements, name="settlements"),
    path("reports/", reports.reports, name="reports"),
    path("nlu/", understanding.understanding, name="understanding"),
    path("sign-in/", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-out/", sign_in.SignOut.as_view(), name="sign-out"),
    path("tenant/", pages.choose_tenant, name="tenant"),
    path("flower/", pages.flower, name="flower"),
    path("api/docs/problems", pages.problems, name="problems"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    # One door for people, with one throttle.
    path(
        "admin/login/",
        RedirectView.as_view(pattern_name="web:sign-in", query_string=True),
        name="admin-sign-in",
    ),
]
