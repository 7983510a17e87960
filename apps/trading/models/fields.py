"""Amounts in the database: exact, finite, within limits, and never rounded there.

NUMERIC(38,18) would round what does not fit without a word; an unconstrained NUMERIC with a CHECK
refuses it, whoever writes. NaN sorts above every number, so the upper bound refuses it, too.
"""

from decimal import Decimal
from typing import Any

from django.core.checks import CheckMessage
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Q

from apps.core.money import AMOUNT_LIMIT, SCALE_MAX, ZERO


class AmountField(models.DecimalField):  # type: ignore[type-arg] # generic in the stubs only
    """A NUMERIC that keeps what it is given; `fits` is its CHECK."""

    def __init__(self, **options: Any) -> None:
        """Digits are the constraint's business."""
        super().__init__(**{**options, "max_digits": None, "decimal_places": None})

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """The column's type."""
        return "numeric"

    def check(self, **options: Any) -> list[CheckMessage]:
        """Without the two checks that ask for digits."""
        asked_for = {"fields.E130", "fields.E132"}
        return [found for found in super().check(**options) if found.id not in asked_for]


@AmountField.register_lookup
class MinScale(models.Transform):
    """How many decimals an amount needs: `quantity__min_scale__lte=18`."""

    lookup_name = "min_scale"
    function = "min_scale"
    output_field = models.IntegerField()


def fits(*fields: str) -> Q:
    """The condition that amounts are finite, |x| < 1e20 and of at most 18 decimals."""
    return _within(fields, -AMOUNT_LIMIT)


def is_positive(*fields: str) -> Q:
    """The condition that amounts fit and are above zero."""
    return _within(fields, ZERO)


def _within(fields: tuple[str, ...], above: Decimal) -> Q:
    found = Q()
    for name in fields:
        bounds = {f"{name}__gt": above, f"{name}__lt": AMOUNT_LIMIT}
        found &= Q(**bounds, **{f"{name}__min_scale__lte": SCALE_MAX})
    return found
