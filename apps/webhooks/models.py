"""Endpoints, how far each has read the log, and what became of every delivery."""

from typing import ClassVar, Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet
from apps.tenants.sealing import SealedTextField

URL_MAX: Final = 2_000


class Endpoint(models.Model):
    """An address that a tenant wants told of some events."""

    class State(models.TextChoices):
        """Whether it is told."""

        ACTIVE = "active"
        PAUSED = "paused", "paused (by a person; reads on from here when it goes on)"
        GONE = "gone", "gone (answered 410: nobody listens there any more)"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    url = models.CharField(max_length=URL_MAX)
    description = models.CharField(max_length=200, blank=True)
    patterns = ArrayField(
        models.CharField(max_length=100),
        help_text="Names of events, beginnings of names with .* at the end, or *.",
    )
    secret = SealedTextField(editable=False)
    former_secret = SealedTextField(
        blank=True, editable=False, help_text="Signs beside the new one until it is let go."
    )
    state = models.CharField(max_length=10, choices=State, default=State.ACTIVE)
    failures = models.PositiveIntegerField(
        default=0, editable=False, help_text="Calls that failed since the last that did not."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    last_delivered_at = models.DateTimeField(null=True, editable=False)

    objects = TenantQuerySet["Endpoint"].as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state__in=["active", "paused", "gone"]), name="endpoint_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(patterns__len__range=(1, 50)), name="endpoint_has_patterns"
            ),
        ]

    def __str__(self) -> str:
        return self.url


class Cursor(models.Model):
    """How far an endpoint has read a partition of the log."""

    pk = models.CompositePrimaryKey("endpoint_id", "topic", "partition")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="cursors")
    topic = models.CharField(max_length=40)
    partition = models.SmallIntegerField()
    offset = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}: {self.offset}"


class Delivery(models.Model):
    """One event on its way to one endpoint. Its body is read from the log when it is sent."""

    class State(models.TextChoices):
        """How it stands."""

        PENDING = "pending"
        DELIVERED = "delivered"
        DEAD = "dead", "dead (given up after the last try; can be sent again)"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event = models.UUIDField(help_text="The event's id, and the webhook-id that is sent.")
    topic = models.CharField(max_length=40)
    partition = models.SmallIntegerField()
    offset = models.BigIntegerField()
    name = models.CharField(max_length=100)
    state = models.CharField(max_length=10, choices=State, db_default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(db_default=0)
    next_at = models.DateTimeField(db_default=Now(), help_text="When it is tried (again).")
    status = models.PositiveSmallIntegerField(null=True, help_text="The last answer's status.")
    error = models.CharField(max_length=300, blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["Delivery"].as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["endpoint", "event"], name="event_is_delivered_once"),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "delivered", "dead"]),
                name="delivery_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="pending") ^ Q(ended_at__isnull=False), name="delivery_has_an_end"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                F("endpoint"), F("next_at"), condition=Q(state="pending"), name="delivery_is_due"
            ),
            models.Index(F("ended_at"), name="delivery_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.event}"
