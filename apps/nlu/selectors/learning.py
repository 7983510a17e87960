"""Questions about a tenant's models, examples and words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from apps.nlu.entities import KINDS
from apps.nlu.exceptions import ModelNotFound
from apps.nlu.interpretation import unknown
from apps.nlu.models import EntityValue, Example, Provider, TrainedModel, Turn, Usage


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


def known_intents(tenant: int) -> frozenset[str]:
    """Every intent that our own classifier knows, or will after its next training."""
    examples = Example.objects.for_tenant(tenant).values_list("intent", flat=True).distinct()
    return frozenset((*intents_of(tenant, model_in_use(tenant)), *examples))


def entity_kinds(tenant: int) -> frozenset[str]:
    """Every kind of thing that is found in texts: by patterns, and by the tenant's own words."""
    own = EntityValue.objects.for_tenant(tenant).values_list("kind", flat=True).distinct()
    return KINDS.union(own)


def has_providers(tenant: int) -> bool:
    """Whether anybody but our own classifier is asked; they may know intents that we do not."""
    return Provider.objects.for_tenant(tenant).filter(enabled=True).exists()


def usage_of(tenant: int) -> Usage:
    """How the tenant's providers are used; the defaults where nothing was decided."""
    return Usage.objects.for_tenant(tenant).first() or Usage(tenant_id=tenant)


def turn_of_key(tenant: int, key: str) -> Turn | None:
    """The turn that answered a message, begun or ended."""
    return Turn.objects.for_tenant(tenant).filter(key=key).first()


def turns_with_words(tenant: int, conversations: Sequence[UUID]) -> QuerySet[Turn]:
    """Turns of these conversations that hold what was written, or what was answered to it."""
    rows = Turn.objects.for_tenant(tenant).filter(conversation__in=conversations)
    return rows.exclude(Q(text="") & (Q(result={}) | Q(result=msgspec.to_builtins(unknown()))))


def entity_lists(tenant: int) -> Mapping[str, Mapping[str, str]]:
    """A tenant's own words: kind → synonym → value."""
    lists: dict[str, dict[str, str]] = {}
    for kind, synonym, value in EntityValue.objects.for_tenant(tenant).values_list(
        "kind", "synonym", "value"
    ):
        lists.setdefault(kind, {})[synonym] = value
    return lists
