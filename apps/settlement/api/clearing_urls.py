"""The door of clearing systems."""

from django.urls import path

from apps.settlement.api.clearing import NoticesView

app_name = "clearing"
urlpatterns = [
    path("clearing/<slug:system>/<int:participant>/notices", NoticesView.as_view(), name="notices"),
]
