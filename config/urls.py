"""Every address: the API under /api/v1/, the back office, the pages, health and metrics."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("apps.events.api.urls")),
]
