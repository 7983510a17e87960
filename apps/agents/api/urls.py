"""The agents' addresses. `name` is an id, a username, or `me`; `work` is a conversation's id."""

from django.urls import path

from apps.agents.api import views

app_name = "agents"
urlpatterns = [
    path("agents", views.AgentListView.as_view(), name="agent-list"),
    path("agents/<str:name>", views.AgentView.as_view(), name="agent-detail"),
    path("agents/<str:name>/status", views.StatusView.as_view(), name="agent-status"),
    path("agents/<str:name>/statuses", views.StatusesView.as_view(), name="agent-statuses"),
    path("agents/<str:name>/offers", views.OffersView.as_view(), name="agent-offers"),
    path("agents/<str:name>/work", views.WorksView.as_view(), name="agent-work"),
    path("teams", views.TeamListView.as_view(), name="team-list"),
    path("schedules", views.ScheduleListView.as_view(), name="schedule-list"),
    path("routing-policy", views.PolicyView.as_view(), name="policy"),
    path("queue", views.QueueView.as_view(), name="queue"),
    path("queue/board", views.BoardView.as_view(), name="board"),
    path("queue/<uuid:work>", views.WorkView.as_view(), name="work"),
    path("queue/<uuid:work>/priority", views.PriorityView.as_view(), name="priority"),
    path("queue/<uuid:work>/assignment", views.AssignmentView.as_view(), name="assignment"),
    path("queue/<uuid:work>/takeover", views.TakeoverView.as_view(), name="takeover"),
    path("queue/<uuid:work>/transfer", views.TransferView.as_view(), name="transfer"),
    path("offers/<uuid:work>/acceptance", views.AcceptanceView.as_view(), name="acceptance"),
    path("offers/<uuid:work>/refusal", views.RefusalView.as_view(), name="refusal"),
    path("reports/agents", views.AgentsReportView.as_view(), name="report-agents"),
    path("reports/skills", views.SkillsReportView.as_view(), name="report-skills"),
    path("reports/queue", views.QueueReportView.as_view(), name="report-queue"),
    path("reports/hours", views.HoursReportView.as_view(), name="report-hours"),
]
