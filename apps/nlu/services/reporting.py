"""How good a model is, in figures that a person can act on. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from apps.nlu.interpretation import OUT_OF_SCOPE

CONFUSIONS = 50  # pairs of intents that are shown, the commonest first


def report_of(actual: Sequence[str], predicted: Sequence[str]) -> dict[str, Any]:
    """Accuracy, recall of what is out of scope, each intent's share, and what is mistaken for what.

    Shares are 0 to 1, or None where nothing was asked.
    """
    pairs = list(zip(actual, predicted, strict=True))
    inside = [(said, took) for said, took in pairs if said != OUT_OF_SCOPE]
    outside = [(said, took) for said, took in pairs if said == OUT_OF_SCOPE]
    confused = Counter(pair for pair in pairs if pair[0] != pair[1])
    return {
        "examples": len(pairs),
        "accuracy": share(pairs),
        "in_scope_accuracy": share(inside),
        "oos_recall": share(outside),
        "refused": _ratio(sum(took == OUT_OF_SCOPE for _, took in inside), len(inside)),
        "intents": _by_intent(pairs),
        "confusions": [
            {"intent": said, "taken_for": took, "count": count}
            for (said, took), count in confused.most_common(CONFUSIONS)
        ],
    }


def share(pairs: Sequence[tuple[str, str]]) -> float | None:
    """The part of these that was right."""
    return _ratio(sum(said == took for said, took in pairs), len(pairs))


def _by_intent(pairs: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Worst first: of those that are this intent how many were found, and the other way round."""
    said, took = Counter(one for one, _ in pairs), Counter(one for _, one in pairs)
    right = Counter(one for one, other in pairs if one == other)
    rows = [
        {
            "intent": intent,
            "examples": count,
            "recall": _ratio(right[intent], count),
            "precision": _ratio(right[intent], took[intent]),
        }
        for intent, count in said.items()
    ]
    return sorted(rows, key=lambda row: (row["recall"], row["intent"]))


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
