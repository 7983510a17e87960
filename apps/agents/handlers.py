"""What agents do about their own facts: look whether somebody who waits can be served now."""

from apps.agents import services
from apps.agents.events import (
    AgentChanged,
    AgentEased,
    AgentStateChanged,
    PolicyChanged,
    PriorityChanged,
    WorkOverflowed,
    WorkQueued,
    WorkReleased,
    WorkReturned,
    WrapUpStarted,
)
from apps.events.registry import Batch, Policy, handles


@handles(
    AgentChanged,
    AgentEased,
    AgentStateChanged,
    PolicyChanged,
    PriorityChanged,
    WorkOverflowed,
    WorkQueued,
    WorkReleased,
    WorkReturned,
    WrapUpStarted,
    queue="matching",
    calls_out=True,
    policy=Policy.SKIP,
)
def match(batch: Batch) -> None:
    """Match for every tenant that something happened to; once for all that happened."""
    for tenant in {one.tenant_id for one in batch.events}:
        services.look(tenant)
