"""What a tenant decided about its conversations."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.tenants.models import Tenant, TenantQuerySet

DAY = 86_400
MEGABYTE = 1024 * 1024
ATTACHMENT_MAX = 25 * MEGABYTE


class Policy(models.Model):
    """One row a tenant; a tenant without one lives by the defaults."""

    class Start(models.TextChoices):
        """Who answers first."""

        AUTO = "auto", "the line if a skill is asked for, else the bot"
        BOT = "bot", "the bot"
        QUEUE = "queue", "people"

    tenant = models.OneToOneField(
        Tenant, on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    starts_with = models.CharField(max_length=5, choices=Start, default=Start.AUTO)
    wrap_up_seconds = models.PositiveIntegerField(
        default=0, help_text="What an agent has after the end, unless they ask for it; 0: nothing."
    )
    fallback_seconds = models.PositiveIntegerField(
        default=120, help_text="How long a transfer waits for its agent."
    )
    undelivered_seconds = models.PositiveIntegerField(
        default=30, help_text="After this an undelivered message is told to the outside; 0: never."
    )
    retention_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Closed conversations are deleted after this; empty: never.",
    )
    closed_text = models.CharField(
        max_length=500,
        blank=True,
        default="",
        help_text="Said to whoever waits for a person out of hours (the agents' schedule); empty: nothing.",
    )
    closed_asks_contact = models.BooleanField(
        default=False, help_text="The widget then asks how the customer can be reached."
    )
    attachment_bytes = models.PositiveIntegerField(default=10 * MEGABYTE)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(wrap_up_seconds__lte=DAY, fallback_seconds__lte=DAY),
                name="policy_times_are_below_a_day",
            ),
            models.CheckConstraint(
                condition=Q(attachment_bytes__range=(1, ATTACHMENT_MAX)),
                name="policy_attachments_are_bounded",
            ),
            models.CheckConstraint(
                condition=Q(retention_days=None) | Q(retention_days__gte=1),
                name="policy_keeps_at_least_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"policy of {self.tenant}"
