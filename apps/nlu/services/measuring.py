"""Measuring a model on texts that it has not seen."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from apps.nlu import selectors
from apps.nlu.exceptions import ExamplesRefused, ModelNotFound
from apps.nlu.services.examples import Pair
from apps.nlu.services.reading import reader_of
from apps.nlu.services.reporting import report_of


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Shares are 0 to 1 (None where nothing was asked), times milliseconds a text."""

    accuracy: float | None
    in_scope_accuracy: float | None
    oos_recall: float | None
    p50_ms: float
    p95_ms: float
    texts: int


def evaluate(tenant: int, pairs: Sequence[Pair]) -> Evaluation:
    """How the model in use understands these texts. Raises `ModelNotFound`, `ExamplesRefused`."""
    name = selectors.model_in_use(tenant)
    if name is None:
        raise ModelNotFound
    if not pairs:
        raise ExamplesRefused("There is no text to measure with.")
    reader = reader_of(tenant, name)
    predicted, times = [], []
    for text, _ in pairs:
        started = time.perf_counter()
        predicted.append(reader.classify(text).intent)
        times.append((time.perf_counter() - started) * 1e3)
    report = report_of([intent for _, intent in pairs], predicted)
    times.sort()
    return Evaluation(
        accuracy=report["accuracy"],
        in_scope_accuracy=report["in_scope_accuracy"],
        oos_recall=report["oos_recall"],
        p50_ms=round(times[len(times) // 2], 3),
        p95_ms=round(times[int(len(times) * 0.95)], 3),
        texts=len(pairs),
    )
