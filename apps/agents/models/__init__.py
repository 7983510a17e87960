"""The tables of agents and matching."""

from apps.agents.models.agents import Agent, AgentSkill, Status, StatusChange, Team
from apps.agents.models.hours import Schedule, ScheduleException, ScheduleHours
from apps.agents.models.policy import DriftCheck, OutOfHours, RoutingPolicy, Strategy
from apps.agents.models.work import (
    LIVE,
    Assignment,
    AssignmentState,
    How,
    Outcome,
    Work,
    WorkState,
)

__all__ = [
    "LIVE",
    "Agent",
    "AgentSkill",
    "Assignment",
    "AssignmentState",
    "DriftCheck",
    "How",
    "OutOfHours",
    "Outcome",
    "RoutingPolicy",
    "Schedule",
    "ScheduleException",
    "ScheduleHours",
    "Status",
    "StatusChange",
    "Strategy",
    "Team",
    "Work",
    "WorkState",
]
