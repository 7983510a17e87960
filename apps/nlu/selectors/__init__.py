"""Questions about language understanding: what was learned, what became of calls."""

from apps.nlu.selectors.figures import (
    TURNS_SHOWN,
    Figures,
    ProviderFigures,
    Series,
    Window,
    breakers_of_all,
    figures,
    histogram_of,
    series_since,
)
from apps.nlu.selectors.learning import (
    ModelName,
    entity_lists,
    examples,
    intents_of,
    model_in_use,
    turn_of_key,
    weights_of,
)

__all__ = [
    "TURNS_SHOWN",
    "Figures",
    "ModelName",
    "ProviderFigures",
    "Series",
    "Window",
    "breakers_of_all",
    "entity_lists",
    "examples",
    "figures",
    "histogram_of",
    "intents_of",
    "model_in_use",
    "series_since",
    "turn_of_key",
    "weights_of",
]
