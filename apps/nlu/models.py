"""The tables of the facade: what a tenant's classifier learns from, and what it has learned."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.ids import uuid7
from apps.nlu.interpretation import INTENT_MAX, TEXT_MAX
from apps.tenants.models import Tenant, TenantQuerySet


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


class Provider(models.Model):
    """A tenant's terms with a provider of language understanding."""

    class Kind(models.TextChoices):
        """Which language it speaks."""

        WATSON = "watson", "IBM Watson Assistant v2"
        DIALOGFLOW_ES = "dialogflow_es", "Google Dialogflow ES"
        DIALOGFLOW_CX = "dialogflow_cx", "Google Dialogflow CX"
        OPENAI = "openai", "Chat model (OpenAI's API)"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    name = models.SlugField(max_length=40)
    kind = models.CharField(max_length=16, choices=Kind)
    enabled = models.BooleanField(default=True)
    order = models.PositiveSmallIntegerField(default=10, help_text="The lowest is asked first.")
    url = models.URLField(max_length=300, help_text="Without a path: https://host")
    settings = models.JSONField(
        default=dict, blank=True, help_text="assistant, environment, project, agent, model, …"
    )
    secret_variable = models.CharField(
        max_length=100, default="", blank=True,
        help_text="Environment variable that holds the credentials (NLU_SECRET_…).",
    )  # fmt: skip
    secret = models.TextField(default="", blank=True, editable=False, help_text="Encrypted.")
    cost_per_call = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    per_minute = models.PositiveIntegerField(default=0, help_text="Calls a minute; 0: no limit.")
    threshold = models.FloatField(default=0.4, help_text="Below this confidence: not understood.")
    thresholds = models.JSONField(default=dict, blank=True, help_text='{"intent": 0.7}')
    languages = ArrayField(
        models.CharField(max_length=12), default=list, blank=True, help_text="Empty: every one."
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("tenant", "order", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "name"], name="provider_has_a_name"),
            models.CheckConstraint(
                condition=Q(threshold__gte=0, threshold__lte=1), name="threshold_is_a_probability"
            ),
            models.CheckConstraint(
                condition=Q(cost_per_call__gte=0), name="a_call_costs_something_or_nothing"
            ),
            models.CheckConstraint(
                condition=~Q(name="local"), name="local_is_our_own_classifiers_name"
            ),
            models.CheckConstraint(
                condition=Q(secret_variable="") | Q(secret_variable__startswith="NLU_SECRET_"),  # noqa: S106 - a name
                name="only_secrets_for_this_are_read_from_the_environment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_kind_display()})"


class Usage(models.Model):
    """How a tenant wants its providers used."""

    class Choice(models.TextChoices):
        """By what the first provider is chosen."""

        ORDER = "order", "the order given"
        COST = "cost", "lowest cost"
        LATENCY = "latency", "fastest lately"
        BALANCED = "balanced", "cost, speed and errors"

    tenant = models.OneToOneField(
        Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    choice = models.CharField(max_length=8, choices=Choice, default=Choice.ORDER)
    race = models.PositiveSmallIntegerField(
        default=0, help_text="Providers asked at once; 0: one after another."
    )
    hedge_percent = models.PositiveSmallIntegerField(
        default=10, help_text="Second calls, in percent of first ones; 0: none."
    )
    cache = models.BooleanField(default=True)
    local_threshold = models.FloatField(default=0.3)
    keep_texts = models.BooleanField(
        default=False, help_text="Whether turns keep what was written, for finding mistakes."
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "usage"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(hedge_percent__lte=100), name="hedges_are_a_part"),
            models.CheckConstraint(condition=Q(race__lte=4), name="a_race_has_few_runners"),
        ]

    def __str__(self) -> str:
        return f"usage of {self.tenant_id}"


class Turn(models.Model):
    """One text that was to be understood, and what became of it. Without the text, unless wanted.

    A turn of a conversation has a key, and is understood once: it is begun before a provider is
    called that moves a dialog, and whoever finds it begun does not call that provider again.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    key = models.CharField(max_length=80, null=True, help_text="The message that it answers.")  # noqa: DJ001 - unique where it is given
    conversation = models.UUIDField(null=True)
    at = models.DateTimeField(db_default=Now())
    language = models.CharField(max_length=12, default="en")
    length = models.PositiveIntegerField(help_text="Characters of the text.")
    text = models.TextField(default="", blank=True)
    intent = models.CharField(max_length=INTENT_MAX, default="")
    confidence = models.FloatField(default=0)
    provider = models.CharField(max_length=40, default="")
    degraded = models.BooleanField(default=False)
    cached = models.BooleanField(default=False)
    shared = models.BooleanField(default=False)
    latency_ms = models.FloatField(null=True, help_text="Empty: begun, and not ended.")
    attempts = models.JSONField(default=list)
    result = models.JSONField(default=dict, help_text="The whole interpretation, of keyed turns.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "key"], name="turn_is_taken_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "-at"], name="turns_of_a_tenant"),
            models.Index(fields=["at"], name="turns_by_age"),
            models.Index(
                fields=["tenant", "conversation", "at"],
                condition=Q(conversation__isnull=False),
                name="turns_of_a_conversation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.intent}"


class CallMinute(models.Model):
    """The calls of one minute with the same provider, role and outcome: counted, not listed.

    The provider `` (nobody) counts whole answers; its outcomes are provider, cache, shared, local
    and degraded.
    """

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    minute = models.DateTimeField()
    provider = models.CharField(max_length=40, blank=True)
    role = models.CharField(max_length=10)
    outcome = models.CharField(max_length=12)
    calls = models.BigIntegerField(default=0)
    wins = models.BigIntegerField(default=0)
    cost = models.DecimalField(max_digits=18, decimal_places=6, default=0)
    latencies = ArrayField(models.IntegerField(), help_text="Counts, by bucket (selection.py).")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "minute", "provider", "role", "outcome"],
                name="calls_are_counted_in_one_place",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["minute"], name="calls_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.calls} × {self.provider} {self.outcome} at {self.minute}"
