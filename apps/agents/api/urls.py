"""The agents' addresses. `name` is an id, a username, or `me`."""

from django.urls import path

from apps.agents.api import views

app_name = "agents"
urlpatterns = [
    path("agents", views.AgentListView.as_view(), name="agent-list"),
    path("agents/<str:name>", views.AgentView.as_view(), name="agent-detail"),
    path("agents/<str:name>/status", views.StatusView.as_view(), name="agent-status"),
    path("agents/<str:name>/statuses", views.StatusesView.as_view(), name="agent-statuses"),
    path("queue", views.QueueView.as_view(), name="queue"),
]
