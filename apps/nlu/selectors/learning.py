"""Questions about a tenant's models, examples and words."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from apps.nlu.exceptions import ModelNotFound
from apps.nlu.models import EntityValue, Example, TrainedModel, Turn


@dataclass(frozen=True, slots=True)
class ModelName:
    """Which model reads a tenant's texts: enough to know whether it is the one in memory."""

    id: UUID
    number: int


def model_in_use(tenant: int) -> ModelName | None:
    """The model that reads this tenant's texts; none before the first training."""
    found = (
        TrainedModel.objects.for_tenant(tenant)
        .filter(in_use=True)
        .values_list("id", "number")
        .first()
    )
    return ModelName(*found) if found else None


def weights_of(tenant: int, model: UUID) -> bytes:
    """A trained model's bytes. Raises `ModelNotFound`."""
    rows = TrainedModel.objects.for_tenant(tenant).filter(pk=model, weights__isnull=False)
    found = rows.values_list("weights", flat=True).first()
    if found is None:
        raise ModelNotFound(model=str(model))
    return bytes(found)


def examples(tenant: int) -> list[tuple[str, str]]:
    """Every example of a tenant, as (text, intent), in a fixed order."""
    rows = Example.objects.for_tenant(tenant).order_by("intent", "text", "pk")
    return list(rows.values_list("text", "intent"))


def intents_of(tenant: int, model: ModelName | None) -> tuple[str, ...]:
    """The intents that a tenant knows: the model's, before there is one those of the examples."""
    if model is not None:
        rows = TrainedModel.objects.for_tenant(tenant).filter(pk=model.id)
        return tuple(rows.values_list("intents", flat=True).first() or ())
    found = Example.objects.for_tenant(tenant).order_by("intent").values_list("intent", flat=True)
    return tuple(found.distinct())


def turn_of_key(tenant: int, key: str) -> Turn | None:
    """The turn that answered a message, begun or ended."""
    return Turn.objects.for_tenant(tenant).filter(key=key).first()


def entity_lists(tenant: int) -> Mapping[str, Mapping[str, str]]:
    """A tenant's own words: kind → synonym → value."""
    lists: dict[str, dict[str, str]] = {}
    for kind, synonym, value in EntityValue.objects.for_tenant(tenant).values_list(
        "kind", "synonym", "value"
    ):
        lists.setdefault(kind, {})[synonym] = value
    return lists
