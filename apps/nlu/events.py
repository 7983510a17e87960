"""The facts that this app tells. None of them carries what a person wrote."""

from decimal import Decimal
from uuid import UUID

from apps.events.contracts import Event, Moment, event


@event("nlu.training.requested", topic="bot", version=1)
class TrainingRequested(Event, frozen=True):
    """Someone asked for a model of a tenant's examples. Key: training:<tenant>."""

    model_id: UUID
    number: int
    requested_by: str


@event("nlu.turn.understood", topic="analytics", version=1)
class TurnUnderstood(Event, frozen=True):
    """A customer's message was taken to mean something, or nothing. Key: the conversation's id."""

    conversation_id: UUID
    turn: str  # the message's id
    intent: str  # oos: none of the tenant's
    confidence: Decimal  # 0 to 1
    provider: str  # local: the tenant's own classifier
    degraded: bool  # another answered than was wanted first
    cached: bool
    took_ms: int
    at: Moment


@event("nlu.model.trained", topic="bot", version=1)
class ModelTrained(Event, frozen=True):
    """A model was trained and measured; a person decides about its use. Key: training:<tenant>."""

    model_id: UUID
    number: int
    accuracy: Decimal  # share of the examples kept aside that were understood, 0 to 1
    example_count: int
    at: Moment


@event("nlu.model.promoted", topic="bot", version=1)
class ModelPromoted(Event, frozen=True):
    """A tenant's texts are read with this model from now on. Key: training:<tenant>."""

    model_id: UUID
    number: int
    promoted_by: str
    at: Moment
