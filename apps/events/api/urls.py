"""The log's addresses."""

from django.urls import path

from apps.events.api import views

app_name = "events"
urlpatterns = [
    path("events/lag", views.LagView.as_view(), name="lag"),
    path("events/parked", views.ParkedView.as_view(), name="parked-list"),
    path(
        "events/parked/<int:parked_id>/resumption",
        views.ResumptionView.as_view(),
        name="resumption",
    ),
]
