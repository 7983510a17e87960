"""Chats on the tenants' own sites."""

import secrets
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet

KEY_PREFIX = "wk_"
ACCENT = "#0b7565"


def new_key() -> str:
    """A key that nobody guesses. It is no secret: every visitor of the site can read it."""
    return KEY_PREFIX + secrets.token_urlsafe(18)


class WidgetTheme(models.TextChoices):
    """Its colours."""

    AUTO = "auto", "as the visitor's device"
    LIGHT = "light"
    DARK = "dark"


class WidgetSide(models.TextChoices):
    """Where it stands."""

    RIGHT = "right"
    LEFT = "left"


class Widget(models.Model):
    """A chat on a tenant's site: its public key, and the sites on which the key works."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    key = models.TextField(unique=True, default=new_key, editable=False, db_collation="C")
    name = models.CharField(max_length=100, help_text="For the back office.")
    origins = ArrayField(
        models.TextField(),
        help_text="Sites that may show it, such as https://shop.example; ours always may.",
        default=list,
        blank=True,
    )
    title = models.CharField(max_length=100, blank=True, default="")
    greeting = models.CharField(max_length=500, blank=True, default="")
    skills = models.JSONField(default=dict, blank=True, help_text="Skill → level; empty: the bot.")
    language = models.CharField(max_length=35, blank=True, default="", help_text="BCP 47.")
    accent = models.CharField(
        max_length=7, default=ACCENT, help_text="Its colour, such as #0b7565; text on it adapts."
    )
    theme = models.CharField(max_length=5, choices=WidgetTheme, default=WidgetTheme.AUTO)
    side = models.CharField(max_length=5, choices=WidgetSide, default=WidgetSide.RIGHT)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(key__startswith=KEY_PREFIX), name="widget_key_is_told_apart"
            ),
            models.CheckConstraint(
                condition=Q(accent__regex=r"^#[0-9a-f]{6}$"), name="widget_accent_is_a_colour"
            ),
            models.CheckConstraint(
                condition=Q(theme__in=WidgetTheme.values, side__in=WidgetSide.values),
                name="widget_looks_are_known",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "id"], name="widgets_of_a_tenant"),
        ]

    def __str__(self) -> str:
        return self.name
