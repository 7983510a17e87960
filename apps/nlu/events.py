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
