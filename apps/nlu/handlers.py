"""What this app does about its own facts: it trains what was asked for."""

from apps.events.registry import Recorded, handles
from apps.nlu import services
from apps.nlu.events import TrainingRequested


@handles(TrainingRequested, queue="nlu", calls_out=True)
async def train(recorded: Recorded) -> None:
    """Train the model that was asked for, in a process of its own."""
    if isinstance(recorded.event, TrainingRequested):
        await services.train_in_child(recorded.tenant_id, recorded.event.model_id)
