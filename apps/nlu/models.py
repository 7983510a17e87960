"""The tables of the facade: what a tenant's classifier learns from, and what it has learned."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.ids import uuid7
from apps.nlu.interpretation import TEXT_MAX
from apps.tenants.models import Tenant, TenantQuerySet

INTENT_MAX = 100  # characters


class Example(models.Model):
    """A text and the intent that it stands for; `oos` stands for none."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    intent = models.CharField(max_length=INTENT_MAX)
    text = models.CharField(max_length=TEXT_MAX)
    language = models.CharField(max_length=12, default="en")
    created_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "language", "text"], name="example_is_given_once"
            ),
            models.CheckConstraint(condition=~Q(intent=""), name="example_has_an_intent"),
            models.CheckConstraint(condition=~Q(text=""), name="example_has_a_text"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "intent"], name="examples_of_an_intent"),
        ]

    def __str__(self) -> str:
        return f"{self.intent}: {self.text[:60]}"


class TrainedModel(models.Model):
    """A classifier of a tenant: asked for, trained, measured, and put to use by a person."""

    class State(models.TextChoices):
        """How far it has come."""

        WAITING = "waiting"
        TRAINING = "training"
        READY = "ready"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField(help_text="Counts up from 1 for each tenant.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    in_use = models.BooleanField(default=False, help_text="Whether texts are read with it.")
    progress = models.PositiveSmallIntegerField(default=0, help_text="Percent.")
    note = models.TextField(default="", blank=True, help_text="What it is doing, or why it failed.")
    requested_by = models.CharField(max_length=100, default="", blank=True)
    requested_at = models.DateTimeField(db_default=Now())
    trained_at = models.DateTimeField(null=True, blank=True)
    promoted_at = models.DateTimeField(null=True, blank=True)
    promoted_by = models.CharField(max_length=100, default="", blank=True)
    seconds = models.FloatField(null=True, blank=True, help_text="How long the training took.")
    example_count = models.PositiveIntegerField(default=0)
    intents = ArrayField(models.CharField(max_length=INTENT_MAX), default=list, blank=True)
    report = models.JSONField(
        default=dict, blank=True, help_text="Measured on examples that were kept aside."
    )
    weights = models.BinaryField(null=True, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "number"], name="model_has_a_number"),
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(in_use=True), name="one_model_is_in_use"
            ),
            models.CheckConstraint(
                condition=Q(in_use=False) | Q(state="ready", weights__isnull=False),
                name="only_a_ready_model_is_in_use",
            ),
            models.CheckConstraint(condition=Q(progress__lte=100), name="progress_is_a_percentage"),
        ]

    def __str__(self) -> str:
        return f"model {self.number} of {self.tenant_id} ({self.state})"


class EntityValue(models.Model):
    """A word of a tenant's own that names a thing: "debit card" is a `card` of value CARD-DEBIT."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    kind = models.SlugField(max_length=50)
    value = models.CharField(max_length=200)
    synonym = models.CharField(max_length=200, help_text="As people write it; case does not count.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "kind", "synonym"], name="synonym_means_one"),
            models.CheckConstraint(condition=~Q(synonym=""), name="synonym_is_a_word"),
        ]

    def __str__(self) -> str:
        return f"{self.synonym} → {self.kind} {self.value}"
