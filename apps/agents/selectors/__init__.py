"""Questions about agents, their work and who waits."""

from apps.agents.selectors import reports
from apps.agents.selectors.board import Board, Seat, board
from apps.agents.selectors.drift import drifts
from apps.agents.selectors.people import (
    Attendance,
    Load,
    agent_of,
    agents,
    attendance,
    find_agent,
    find_team,
    load_of,
    statuses,
    teams,
)
from apps.agents.selectors.queue import (
    OfferView,
    Queue,
    WorkView,
    live_work,
    offers_of,
    queue,
    work_of,
    works_of,
)
from apps.agents.selectors.rules import (
    Opening,
    find_schedule,
    hours_of,
    is_open,
    opening_at,
    opening_hours,
    policy_of,
    rules_of,
    schedules,
)
from apps.agents.selectors.standing import Standing, standings

__all__ = [
    "Attendance",
    "Board",
    "Load",
    "OfferView",
    "Opening",
    "Queue",
    "Seat",
    "Standing",
    "WorkView",
    "agent_of",
    "agents",
    "attendance",
    "board",
    "drifts",
    "find_agent",
    "find_schedule",
    "find_team",
    "hours_of",
    "is_open",
    "live_work",
    "load_of",
    "offers_of",
    "opening_at",
    "opening_hours",
    "policy_of",
    "queue",
    "reports",
    "rules_of",
    "schedules",
    "standings",
    "statuses",
    "teams",
    "work_of",
    "works_of",
]
