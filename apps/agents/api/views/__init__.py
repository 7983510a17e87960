"""The agents' views: parse, one call, render."""

from apps.agents.api.views.people import (
    AgentListView,
    AgentView,
    OffersView,
    StatusesView,
    StatusView,
    TeamListView,
    WorksView,
)
from apps.agents.api.views.reports import (
    AgentsReportView,
    HoursReportView,
    QueueReportView,
    SkillsReportView,
)
from apps.agents.api.views.rules import PolicyView, ScheduleListView
from apps.agents.api.views.work import (
    AcceptanceView,
    AssignmentView,
    BoardView,
    PriorityView,
    QueueView,
    RefusalView,
    TakeoverView,
    TransferView,
    WorkView,
)

__all__ = [
    "AcceptanceView",
    "AgentListView",
    "AgentView",
    "AgentsReportView",
    "AssignmentView",
    "BoardView",
    "HoursReportView",
    "OffersView",
    "PolicyView",
    "PriorityView",
    "QueueReportView",
    "QueueView",
    "RefusalView",
    "ScheduleListView",
    "SkillsReportView",
    "StatusView",
    "StatusesView",
    "TakeoverView",
    "TeamListView",
    "TransferView",
    "WorkView",
    "WorksView",
]
