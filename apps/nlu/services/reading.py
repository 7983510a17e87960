"""Models in memory: read from the database once a process, and shared by all who ask."""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING
from uuid import UUID

from apps.nlu import selectors
from apps.nlu.selectors import ModelName

if TYPE_CHECKING:
    from apps.nlu.classifier.model import Classifier

KEPT = 8
"""Models that a process holds: about 10 MB each for 150 intents."""

_models: "OrderedDict[UUID, Classifier]" = OrderedDict()
_lock = threading.Lock()


def reader_of(tenant: int, name: ModelName) -> "Classifier":
    """The model, read from the database unless this process has it. Raises `ModelNotFound`."""
    with _lock:
        if name.id in _models:
            _models.move_to_end(name.id)
            return _models[name.id]
        from apps.nlu.classifier.model import loaded  # noqa: PLC0415 - numpy: paid by the first who reads

        model = _models[name.id] = loaded(selectors.weights_of(tenant, name.id))
        while len(_models) > KEPT:
            _models.popitem(last=False)
        return model


def forget() -> None:
    """Let all models go; tests do, between databases."""
    with _lock:
        _models.clear()
