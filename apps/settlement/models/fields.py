"""Amounts in the database: exact and finite; constraints refuse what does not fit, nothing rounds."""

from typing import Any

from django.core.checks import CheckMessage
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q

from apps.core.money import AMOUNT_LIMIT


class AmountField(models.DecimalField):  # type: ignore[type-arg] # generic in the stubs only
    """A NUMERIC that keeps what it is given."""

    def __init__(self, **options: Any) -> None:
        """Digits are the constraints' business."""
        super().__init__(**{**options, "max_digits": None, "decimal_places": None})

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """The column's type."""
        return "numeric"

    def check(self, **options: Any) -> list[CheckMessage]:
        """Without the two checks that ask for digits."""
        asked_for = {"fields.E130", "fields.E132"}
        return [found for found in super().check(**options) if found.id not in asked_for]


def fits(*fields: str) -> Q:
    """The condition that amounts are finite and |x| < 1e20; NaN sorts above every number."""
    found = Q()
    for name in fields:
        found &= Q(**{f"{name}__gt": -AMOUNT_LIMIT, f"{name}__lt": AMOUNT_LIMIT})
    return found
