"""Every address: the API under /api/v1/, the back office, the pages, health and metrics."""

from importlib import import_module

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerView

from apps.web.views.schema import SchemaView

# Only who serves pages needs these, and they take long to load.
admin.autodiscover()
import_module("apps.web.schema")  # how callers authenticate

admin.site.index_title = "Back office"
urlpatterns = [
    # Before the back office: signing in happens on our own page, which is throttled.
    path("", include("apps.web.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("apps.events.api.urls")),
    path("api/v1/", include("apps.webhooks.api.urls")),
    path("api/v1/", include("apps.calendars.api.urls")),
    path("api/v1/", include("apps.trading.api.urls")),
    path("api/v1/", include("apps.ledger.api.urls")),
    path("api/v1/", include("apps.conversations.api.urls")),
    path("api/v1/", include("apps.nlu.api.urls")),
    path("api/v1/", include("apps.agents.api.urls")),
    path("api/v1/", include("apps.settlement.api.urls")),
    path("api/v1/", include("apps.settlement.api.clearing_urls")),
    path("api/v1/", include("apps.reports.api.urls")),
    path("api/v1/", include("apps.web.api.urls")),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
]

handler400 = "apps.web.views.errors.bad_request"
handler403 = "apps.web.views.errors.forbidden"
handler404 = "apps.web.views.errors.not_found"
handler500 = "apps.web.views.errors.server_error"
