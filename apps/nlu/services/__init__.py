"""What others may ask of the facade."""

from apps.nlu.services.examples import add_examples, label, read_examples
from apps.nlu.services.forgetting import forget_answers
from apps.nlu.services.interpreting import interpret, understand, warm_up
from apps.nlu.services.measuring import Evaluation, evaluate
from apps.nlu.services.providers import change_usage, keep_secret, provider_changed
from apps.nlu.services.training import (
    promote,
    request_training,
    train_in_child,
    train_now,
    train_requested,
)
from apps.nlu.services.turns import forget_old, forget_texts

__all__ = [
    "Evaluation",
    "add_examples",
    "change_usage",
    "evaluate",
    "forget_answers",
    "forget_old",
    "forget_texts",
    "interpret",
    "keep_secret",
    "label",
    "promote",
    "provider_changed",
    "read_examples",
    "request_training",
    "train_in_child",
    "train_now",
    "train_requested",
    "understand",
    "warm_up",
]
