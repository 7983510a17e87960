"""What others may ask of agents and matching."""

from apps.agents.services.activity import Activity, note_messages
from apps.agents.services.answering import Held, accept_offer, decline_offer
from apps.agents.services.deadlines import look, settle_deadlines
from apps.agents.services.ending import complete_work, end_wrap_up, release_work, withdraw_work
from apps.agents.services.giving import give_out
from apps.agents.services.leading import (
    Transfer,
    change_priority,
    hold_work,
    reassign_work,
    take_over,
    transfer_work,
)
from apps.agents.services.people import AgentTerms, change_agent, create_agent, create_team
from apps.agents.services.presence import connected, disconnected, heartbeat, look_after
from apps.agents.services.queueing import Place, WorkTerms, queue_work
from apps.agents.services.rules import Opening, ScheduleTerms, change_policy, set_schedule
from apps.agents.services.statuses import set_status
from apps.agents.services.sweeping import compare, mend, sweep

__all__ = [
    "Activity",
    "AgentTerms",
    "Held",
    "Opening",
    "Place",
    "ScheduleTerms",
    "Transfer",
    "WorkTerms",
    "accept_offer",
    "change_agent",
    "change_policy",
    "change_priority",
    "compare",
    "complete_work",
    "connected",
    "create_agent",
    "create_team",
    "decline_offer",
    "disconnected",
    "end_wrap_up",
    "give_out",
    "heartbeat",
    "hold_work",
    "look",
    "look_after",
    "mend",
    "note_messages",
    "queue_work",
    "reassign_work",
    "release_work",
    "set_schedule",
    "set_status",
    "settle_deadlines",
    "sweep",
    "take_over",
    "transfer_work",
    "withdraw_work",
]
