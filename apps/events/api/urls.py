"""The log's addresses."""

from django.urls import path

from apps.events.api import feed, schemas, views

app_name = "events"
SCHEMAS = "events/schemas"
SUBJECT = f"{SCHEMAS}/subjects/<str:subject>/versions"
urlpatterns = [
    path("events", feed.EventsView.as_view(), name="feed"),
    path(SCHEMAS, schemas.SchemasView.as_view(), name="schema-list"),
    path(f"{SCHEMAS}/subjects", schemas.SubjectsView.as_view(), name="subject-list"),
    path(SUBJECT, schemas.VersionsView.as_view(), name="version-list"),
    path(f"{SUBJECT}/<str:version>", schemas.VersionView.as_view(), name="version"),
    path(f"{SCHEMAS}/schemas/ids/<int:schema>", schemas.SchemaView.as_view(), name="schema"),
    path("events/lag", views.LagView.as_view(), name="lag"),
    path("events/parked", views.ParkedView.as_view(), name="parked-list"),
    path(
        "events/parked/<int:parked_id>/resumption",
        views.ResumptionView.as_view(),
        name="resumption",
    ),
]
