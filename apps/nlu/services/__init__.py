"""What others may ask of the facade."""

from apps.nlu.services.examples import add_examples, read_examples
from apps.nlu.services.interpreting import interpret
from apps.nlu.services.measuring import Evaluation, evaluate
from apps.nlu.services.training import (
    promote,
    request_training,
    train_in_child,
    train_now,
    train_requested,
)

__all__ = [
    "Evaluation",
    "add_examples",
    "evaluate",
    "interpret",
    "promote",
    "read_examples",
    "request_training",
    "train_in_child",
    "train_now",
    "train_requested",
]
